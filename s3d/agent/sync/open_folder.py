"""The context of a sync folder, and the objects that are assembled once its root exists."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

from s3d.agent.core.client import S3Client
from s3d.agent.core.events import Events
from s3d.agent.core.path_names import conflict_name
from s3d.agent.core.telemetry import Registry
from s3d.agent.large_objects.part_transfers import PartTransfers
from s3d.agent.receipts.receipt_writer import ReceiptWriter
from s3d.agent.receipts.upload_rules import UploadRules
from s3d.agent.s3.listing import BYTES
from s3d.agent.selection.use_policy import UsePolicy
from s3d.agent.sync.baseline import Baseline
from s3d.agent.sync.compare import local_differences, remote_differences
from s3d.agent.sync.conflict_diff import diff_conflict
from s3d.agent.sync.decide import Mode, Step
from s3d.agent.sync.execute import Executor, SyncPolicy
from s3d.agent.sync.folder_eviction import FolderEviction
from s3d.agent.sync.ignore_files import Ignore
from s3d.agent.sync.interfaces import Unavailable
from s3d.agent.sync.local_tree import FolderTree
from s3d.agent.sync.passes import Passes
from s3d.agent.sync.path_selection import PathSelection, Room, is_quiet
from s3d.agent.sync.path_state import LocalEntry
from s3d.agent.sync.placement import new_id
from s3d.agent.sync.planning import join, plan
from s3d.agent.sync.reasons import refusing
from s3d.agent.sync.remote_tree import BucketTree
from s3d.agent.sync.scan import Walk
from s3d.agent.sync.trash import Trash, TrashClock
from s3d.agent.sync.watch import Watcher
from s3d.shared.config.folder_settings import SyncFolderConfig
from s3d.shared.syncing import ConflictDiff


@dataclass(frozen=True, slots=True)
class FolderContext:
    """What one folder works with, its settings (config) included. Those of all: SyncContext.

    objects: a client that reads past the read cache. remote: URL of what is behind it.
    """

    config: SyncFolderConfig
    objects: S3Client
    remote: str
    file: Path
    """Of the baseline."""
    events: Events
    umask: int
    """Of files that are downloaded."""
    host: str
    level: Callable[[], str] = lambda: ""
    """What the remote makes of conditions: A, B, C, or "" while that is not known."""
    order: Callable[[], str] = lambda: BYTES
    """In which the remote lists, see s3/listing.py."""
    pending: Callable[[], Iterable[str]] = lambda: ()
    """Keys below the prefix that wait to be pushed."""
    parts: PartTransfers | None = None
    """Moves the large objects; None: all are moved whole."""
    from_file: bool = True
    registry: Registry = field(default_factory=Registry)
    receipts: ReceiptWriter | None = None
    """Writes the receipts of uploads; None: there are none, and nothing is evicted."""
    rules: UploadRules | None = None
    policy: UsePolicy | None = None
    """Decides on what the filter includes; None: the filter alone decides."""

    @property
    def remote_place(self) -> str:
        """The place that the baseline belongs to: the remote, the bucket and the prefix."""
        return f"{self.remote} {self.config.bucket}/{self.config.prefix}"

    def check_conditional_writes(self) -> None:
        """Raises Unavailable where two writers could overwrite one another's objects unseen."""
        config = self.config
        if config.mode == "two-way" and not config.unsafe and self.level() == "C":
            raise Unavailable(
                "the remote ignores conditional writes and has no versioning: two writers can lose "
                "updates; set unsafe = true for the folder, or mode = backup or mirror"
            )


class OpenFolder(NamedTuple):
    """The objects that exist while the root exists."""

    tree: FolderTree
    passes: Passes
    watcher: Watcher
    trash: Trash
    eviction: FolderEviction | None = None

    def wake_eviction(self) -> None:
        """There may be files to evict."""
        if self.eviction is not None:
            self.eviction.wake()

    async def diff_conflict(self, copy: str) -> ConflictDiff:
        """The difference of a conflict copy and its original. Raises PathBlocked."""
        with refusing():
            return await asyncio.to_thread(diff_conflict, self.tree, copy)


def open_folder(
    context: FolderContext,
    tree: FolderTree,
    baseline: Baseline,
    changed: Callable[[set[str] | None], None],
    clock: Callable[[], float],
) -> OpenFolder:
    """changed: called with the local paths that have changed; None: anything may have."""
    config, objects = context.config, context.objects

    def beside(path: str) -> str:
        return conflict_name(path, context.host, clock(), new_id()[:4])

    remote_tree = BucketTree(
        objects, config.bucket, config.prefix,
        level=context.level, order=context.order, beside=beside, parts=context.parts,
    )  # fmt: skip
    if context.parts is not None:
        tree.part_size = context.parts.part_size
    ignore = Ignore(tree.root)
    selection = _selection(context, ignore)
    room = Room(tree.root, config.max_size, config.max_files)
    settled = partial(is_quiet, clock=clock)
    policy = SyncPolicy(
        selection.excluded, settled, room.claim, selection.tagged_out, config.keep_mode
    )
    trash_clock = TrashClock(baseline, clock)
    executor = Executor(
        tree,
        remote_tree,
        baseline,
        policy,
        Mode(config.mode),
        host=context.host,
        trash_age=trash_clock.now,
    )
    executor.on_copy = lambda path: changed({path})
    passes = Passes(executor, tree, selection, room, config.prefix)
    passes.own_writes = lambda: own_paths(context)
    watcher = Watcher(tree.root, changed, tree.touch_canary, tree.touch_and_remove)
    eviction = None
    if context.receipts is not None and context.rules is not None:
        eviction = FolderEviction(executor, config, context.receipts, context.rules, clock)
    return OpenFolder(tree, passes, watcher, Trash(tree, executor, trash_clock), eviction)


def _selection(context: FolderContext, ignore: Ignore) -> PathSelection:
    config, policy = context.config, context.policy
    return PathSelection(
        context.objects, config.bucket, config.prefix, ignore, config.filter,
        policy=None if policy is None or policy.policy is None else policy,
    )  # fmt: skip


def own_paths(context: FolderContext) -> Iterable[str]:
    """Paths of the objects that have a pending write in this agent."""
    start = len(context.config.prefix)
    return (key[start:] for key in context.pending())


async def preview(context: FolderContext) -> list[Step]:
    """The steps of the first pass of a folder that is not synced yet; changes nothing.

    Raises Unavailable; OSError.
    """
    config = context.config
    assert config.path is not None
    remote_tree = BucketTree(context.objects, config.bucket, config.prefix, order=context.order)
    found = [row async for page in remote_tree.listing() for row in page]
    ignore = Ignore(config.path)
    ignore.refresh()
    selection = _selection(context, ignore)
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
