"""What a folder that is not there yet would do first. Looks, and changes nothing."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

from s3d.agent.sync.baseline import Baseline
from s3d.agent.sync.compare import local_differences, remote_differences
from s3d.agent.sync.decide import Mode, Step
from s3d.agent.sync.execute import Executor, Terms
from s3d.agent.sync.hub import ObjectHub
from s3d.agent.sync.opened import Setting
from s3d.agent.sync.planning import join, plan
from s3d.agent.sync.scan import Walk
from s3d.agent.sync.state import Local
from s3d.agent.sync.terms import Ignore, Selection
from s3d.agent.sync.tree import FolderTree


async def preview(setting: Setting) -> list[Step]:
    """The steps. Raises Unavailable; OSError."""
    config = setting.config
    assert config.path is not None
    hub = ObjectHub(setting.objects, config.bucket, config.prefix, order=setting.order)
    found = [row async for page in hub.listing() for row in page]
    ignore = Ignore(config.path)
    ignore.refresh()
    selection = Selection(setting.objects, config.bucket, config.prefix, ignore, config.filter)
    is_there = config.path.is_dir()
    empty = tempfile.mkdtemp(prefix="s3d-") if not is_there else ""
    tree = FolderTree(Path(empty) if empty else config.path, own=False)
    baseline = Baseline(None)
    try:
        executor = Executor(tree, hub, baseline, Terms(selection.excluded), Mode(config.mode))
        entries: list[Local] = []
        if is_there:
            walk = Walk(tree.fd, config.prefix, selection.skips)
            entries = await asyncio.to_thread(lambda: list(walk.under()))
        locals = list(local_differences(entries, (), baseline.get))
        remotes = remote_differences(found, (), baseline.get)
        return await plan(executor, await join(executor, locals, remotes))
    finally:
        baseline.close()
        tree.close()
        if empty:
            os.rmdir(empty)
