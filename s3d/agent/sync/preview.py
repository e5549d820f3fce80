"""What a folder that is not there yet would do first. Looks, and changes nothing."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

from s3d.agent.sync.baseline import Baseline
from s3d.agent.sync.compare import local_differences, remote_differences
from s3d.agent.sync.decide import Mode, Step
from s3d.agent.sync.execute import Executor, SyncPolicy
from s3d.agent.sync.local_tree import FolderTree
from s3d.agent.sync.open_folder import FolderSettings
from s3d.agent.sync.path_selection import Ignore, Selection
from s3d.agent.sync.path_state import LocalEntry
from s3d.agent.sync.planning import join, plan
from s3d.agent.sync.remote_tree import BucketTree
from s3d.agent.sync.scan import Walk


async def preview(settings: FolderSettings) -> list[Step]:
    """The steps. Raises Unavailable; OSError."""
    config = settings.config
    assert config.path is not None
    remote_tree = BucketTree(settings.objects, config.bucket, config.prefix, order=settings.order)
    found = [row async for page in remote_tree.listing() for row in page]
    ignore = Ignore(config.path)
    ignore.refresh()
    selection = Selection(settings.objects, config.bucket, config.prefix, ignore, config.filter)
    is_there = config.path.is_dir()
    empty = tempfile.mkdtemp(prefix="s3d-") if not is_there else ""
    tree = FolderTree(Path(empty) if empty else config.path, own=False)
    baseline = Baseline(None)
    try:
        executor = Executor(
            tree, remote_tree, baseline, SyncPolicy(selection.excluded), Mode(config.mode)
        )
        entries: list[LocalEntry] = []
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
