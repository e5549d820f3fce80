"""The sync folders of the agent: those of the configuration, and those added later."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import os
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from s3d.agent.core.client import S3Client
from s3d.agent.core.events import Events
from s3d.agent.core.own_mounts import OwnMounts
from s3d.agent.core.path_names import host_name
from s3d.agent.core.telemetry import Registry
from s3d.agent.core.thread_call import in_thread
from s3d.agent.large_objects.part_transfers import PartTransfers
from s3d.agent.s3.listing import BYTES
from s3d.agent.sync.interfaces import Unavailable
from s3d.shared.config.folder_settings import SyncFolderConfig, name_of
from s3d.shared.config.load import why_not_evicted
from s3d.shared.errors import UsageError
from s3d.shared.syncing import FolderStatus

if TYPE_CHECKING:
    from s3d.agent.receipts.receipt_writer import ReceiptWriter
    from s3d.agent.receipts.upload_rules import UploadRules
    from s3d.agent.selection.use_policy import UsePolicy
    from s3d.agent.sync.folder import SyncFolder
    from s3d.agent.sync.open_folder import FolderContext


async def _once(name: str, run: Callable[[], Awaitable[None]]) -> None:
    await run()


@dataclass(frozen=True, slots=True)
class SyncContext:
    """What all folders work with. objects: a client that reads past the read cache. remote: URL of
    what is behind it. state: folder for the baselines. own: the folders that s3d keeps its files
    in."""

    objects: S3Client
    remote: str
    state: Path
    own: tuple[Path, ...]
    events: Events
    umask: int
    """Of files that are downloaded."""
    preview_objects: S3Client | None = None
    """For the preview of a folder, which somebody waits for; None: objects."""
    parts: PartTransfers | None = None
    """Moves the large objects of all folders; None: they are moved whole."""
    level_of: Callable[[str], str] = lambda bucket: ""
    order_of: Callable[[str], str] = lambda bucket: BYTES
    """In which the bucket's objects are listed: s3/listing.py."""
    pending_of: Callable[[str, str], Iterable[str]] = lambda bucket, prefix: ()
    """Keys below a prefix that wait in this agent to be pushed."""
    supervise: Callable[[str, Callable[[], Awaitable[None]]], Awaitable[None]] = _once
    """Runs a task under a name, and starts it again when it fails."""
    fixed: tuple[SyncFolderConfig, ...] = ()
    """Those that the environment has set, which no command changes."""
    registry: Registry = field(default_factory=Registry)
    own_mounts: OwnMounts = field(default_factory=OwnMounts)
    receipts: ReceiptWriter | None = None
    rules: UploadRules | None = None
    """Which uploads get a receipt, and when files are evicted."""
    policy: UsePolicy | None = None
    """Decides on what the filter of a folder includes."""


class Folders:
    """All sync folders by name. Call run() as long as the agent lives."""

    def __init__(self, context: SyncContext, configs: Iterable[SyncFolderConfig]) -> None:
        """Raises UsageError for a folder that cannot be one."""
        self._context = context
        self.by_name: dict[str, SyncFolder] = {}
        self.on_changed: Callable[[], None] = lambda: None
        """Called when a folder was added or removed."""
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._changing = asyncio.Lock()
        for config in configs:
            folder = self._new(config)
            self.by_name[folder.name] = folder

    def check(self, config: SyncFolderConfig) -> str:
        """Why a folder cannot be a sync folder; "" when it can."""
        if config.path is None or not config.bucket:
            return "its path or bucket is not set"
        why = self.check_path(config)
        why = why or self._why_evicted(config)
        other = "" if why else self.same_place(config)
        return f"folder {other} already syncs {config.bucket}/{config.prefix}" if other else why

    def _why_evicted(self, config: SyncFolderConfig) -> str:
        """Why the setting after_upload does not allow a folder; "" when it does."""
        rules = self._context.rules
        return "" if rules is None else why_not_evicted(rules.after_upload, [config])

    def check_path(self, config: SyncFolderConfig) -> str:
        """Why its path cannot be one; "" when it can."""
        from s3d.agent.sync.root import why_no_root  # large, and most agents have no folder

        path = config.path
        assert path is not None
        why = _why_mounted(path, self._context.own_mounts)  # first: nothing may look at a mount
        why = why or why_no_root(path, home=Path.home(), own=self._context.own)
        if why:
            return why
        if path.exists() and not path.is_dir():
            return "it is a file"
        for other in self.by_name.values():
            if name_of(config) != other.name and _overlap(path, other.path):
                return f"{other.path} is already a sync folder"
        return ""

    def same_place(self, config: SyncFolderConfig) -> str:
        """The name of a folder that already syncs these objects; "" when there is none.

        Each would treat the other's files as deleted.
        """
        for other in self.by_name.values():
            its = other.context.config
            prefixes = (config.prefix, its.prefix)
            is_nested = prefixes[0].startswith(prefixes[1]) or prefixes[1].startswith(prefixes[0])
            if name_of(config) != other.name and its.bucket == config.bucket and is_nested:
                return other.name
        return ""

    def _new(self, config: SyncFolderConfig) -> SyncFolder:
        """Blocks. Raises UsageError for a folder that cannot be one."""
        why = self.check_path(config) if config.path is not None else "it has no path"
        if why:
            raise UsageError(
                f"{config.path} cannot be a sync folder", why, "choose another folder: s3d sync add"
            )
        from s3d.agent.sync.folder import SyncFolder  # large, and most agents have no folder

        return SyncFolder(self.context_of(config))

    def context_of(self, config: SyncFolderConfig, file: Path | None = None) -> FolderContext:
        """file: of the baseline, if it is not to be the folder's own."""
        from s3d.agent.sync.open_folder import FolderContext

        around = self._context
        own = hashlib.sha256(os.fsencode(config.path or "")).hexdigest()[:16]
        if file is None:
            around.state.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = around.state / f"{own}.sqlite"
        return FolderContext(
            config=config,
            objects=around.objects,
            remote=around.remote,
            file=file,
            events=around.events,
            umask=around.umask,
            parts=around.parts,
            host=host_name(),
            level=partial(around.level_of, config.bucket),
            order=partial(around.order_of, config.bucket),
            pending=partial(around.pending_of, config.bucket, config.prefix),
            from_file=config not in around.fixed,
            registry=around.registry,
            receipts=around.receipts,
            rules=around.rules,
            policy=around.policy,
        )

    def preview_context(self, config: SyncFolderConfig) -> FolderContext:
        """For the preview of a folder that is not synced yet."""
        context, around = self.context_of(config, Path()), self._context
        return dataclasses.replace(context, objects=around.preview_objects or around.objects)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            if self._context.parts is not None:
                group.create_task(self._context.parts.abort_old_uploads(), name="abort old uploads")
            for folder in self.by_name.values():
                self._start(folder)
            await asyncio.Event().wait()

    def _start(self, folder: SyncFolder) -> None:
        if self._group is not None:
            name = f"sync {folder.name}"
            task = self._group.create_task(self._keep(name, folder), name=name)
            self._tasks[folder.name] = task

    async def _keep(self, name: str, folder: SyncFolder) -> None:
        await self._context.supervise(name, folder.run)

    async def save(self, config: SyncFolderConfig) -> SyncFolder:
        """Add a folder, or have one with other settings from now on. Raises UsageError."""
        async with self._changing:
            why = self.check(config)
            if why:
                raise UsageError(
                    f"{config.path} cannot be a sync folder", why, "choose another folder"
                )
            await self._remove(name_of(config))
            folder = await in_thread(partial(self._new, config), undo=lambda unused: unused.close())
            # Entered and started at once: run() starts all that were entered before it.
            self.by_name[folder.name] = folder
            self._start(folder)
            self.on_changed()
            return folder

    async def catch_up(self) -> None:
        """Return when every folder knows the changes of its files that were made before, as far as
        the system reports them."""
        async with asyncio.TaskGroup() as group:
            for folder in self.by_name.values():
                with suppress(Unavailable):
                    caught_up = folder.here.watcher.catch_up()
                    group.create_task(caught_up, name=f"catch up {folder.name}")

    def rules_changed(self) -> None:
        """The policy for uploads has changed: look for files to evict."""
        for folder in self.by_name.values():
            with suppress(Unavailable):
                folder.here.wake_eviction()

    async def remove(self, name: str) -> bool:
        """Stop syncing a folder; both sides stay as they are. False: there is no such folder."""
        async with self._changing:
            return await self._remove(name)

    async def _remove(self, name: str) -> bool:
        folder = self.by_name.pop(name, None)
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        if folder is not None:
            folder.close()
            self.on_changed()
        return folder is not None

    def status(self) -> list[FolderStatus]:
        """Of all of them, without their troubles."""
        found = [folder.status() for folder in self.by_name.values()]
        return [replace(status, troubles=[]) for status in found]

    def close(self) -> None:
        for folder in self.by_name.values():
            folder.close()


async def look_at(folder: SyncFolder, paths: Iterable[str], *, everything: bool = False) -> None:
    """Look at objects that another writer may have changed, or list all of them, and return when a
    pass has done so. A folder that is paused or stopped only takes notice: it looks at everything
    when it goes on."""
    if everything:
        folder.schedule.look_at_bucket()
    look = folder.schedule.look_at(paths)
    if folder.may_run():
        await look


def _why_mounted(path: Path, own_mounts: OwnMounts) -> str:
    """Why a path cannot be a sync folder because of the agent's mounts; "" when it can."""
    if own_mounts.contains(path):
        return "s3d has a bucket mounted there"
    for mount in own_mounts.folders:
        if mount.is_relative_to(path):
            return f"s3d has a bucket mounted in it, at {mount}"
    return ""


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)
