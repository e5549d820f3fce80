"""The mounts of the agent: those of the configuration, and those added later."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from s3d.agent.core import metric_table
from s3d.agent.core.own_mounts import MountedPlace, OwnMounts
from s3d.agent.core.telemetry import Registry
from s3d.agent.frontends.fuse.kernel.fusermount import MountFailed
from s3d.agent.frontends.fuse.key_names import Form, parse_name
from s3d.shared.config.mount_settings import MountConfig
from s3d.shared.errors import NotFoundError, S3dError, UsageError
from s3d.shared.mounting import MountStatus

logger = logging.getLogger(__name__)

GRACE = 20.0
"""Seconds that programs get to close the files that they write when the agent stops."""
WriteCounts = Callable[[str, str], Mapping[str, Any]]
"""Counts of MountStatus for the writes below a bucket ("": all) and a prefix."""


class RunningMount(Protocol):
    """One mount, wherever its threads are. Belongs to the loop."""

    @property
    def folder(self) -> Path:
        """Once it is started, without symbolic links."""

    @property
    def is_mounted(self) -> bool: ...

    @property
    def open_files(self) -> int:
        """Files that programs have open."""

    @property
    def io_errors(self) -> int:
        """How many operations ended with EIO."""

    def counts(self) -> Mapping[str, int]:
        """How often the kernel has called each operation."""

    async def refresh(self) -> None:
        """Have the properties as they are now; otherwise they may be a second old."""

    async def start(self) -> None:
        """Return when programs can use it. Raises MountFailed, with the fix."""

    async def unmount(self) -> None:
        """Unmount what nobody uses. Raises MountFailed."""

    async def stop(self, grace: float) -> None:
        """Unmount in any case. Programs that write get some seconds to close their files."""


class _Row(NamedTuple):
    """A mount, or why there is none."""

    config: MountConfig
    mount: RunningMount | None
    reason: str = ""


class Mounts:
    """A front end: mounts at the start, unmounts at the end. Belongs to the loop."""

    def __init__(
        self,
        new_mount: Callable[[MountConfig], RunningMount],
        configs: Iterable[MountConfig],
        own: OwnMounts,
        *,
        why_not: Callable[[Path], str] = lambda folder: "",
        count_writes: WriteCounts = lambda bucket, prefix: {},
        grace: float = GRACE,
    ) -> None:
        """new_mount: a mount that is not started yet. why_not: why a folder cannot be a mount; ""
        when it can. grace: seconds that programs get at the end to close what they write."""
        self._new_mount = new_mount
        self._configs = tuple(configs)
        self._own = own
        self._why_not = why_not
        self._count_writes = count_writes
        self._grace = grace
        self._rows: dict[Path, _Row] = {}
        self._saved: frozenset[Path | None] = frozenset()
        self._changing = asyncio.Lock()
        self._is_stopped = False

    async def start(self) -> str:
        """Mount what is configured. A mount that fails does not end the agent: it shows why."""
        for config in self._configs:
            try:
                await self.add(config)
            except S3dError as error:
                logger.error("mount failed folder=%s reason=%s remedy=%s",
                             config.dir, error, error.remedy)  # fmt: skip
        return ""

    async def add(self, config: MountConfig) -> MountStatus:
        """Mount; return when programs can use it. Raises S3dError, with the fix."""
        folder = config.dir
        assert folder is not None
        async with self._changing:
            if self._is_stopped:
                raise MountFailed(f"cannot mount at {folder}", "the agent is stopping")
            await self._forget_unmounted(folder)
            self._refuse(folder)
            try:
                mount = self._new_mount(config)
                await mount.start()
            except S3dError as error:
                why = f"{error.detail or error.title}: {error.remedy}".removesuffix(": ")
                self._rows[folder] = _Row(config, None, why)
                raise
            self._rows[folder] = _Row(config, mount)
            self._own.add(mount.folder, partial(place_of, config))
        logger.info("mounted folder=%s bucket=%s prefix=%s", folder, config.bucket, config.prefix)
        return self._status_of(folder)

    async def _forget_unmounted(self, folder: Path) -> None:
        """A mount that another program has unmounted makes room for a new one."""
        row = self._rows.get(folder)
        if row is not None and row.mount is not None and not row.mount.is_mounted:
            await row.mount.stop(0.0)
            self._own.remove(row.mount.folder)
            del self._rows[folder]

    def _refuse(self, folder: Path) -> None:
        row = self._rows.get(folder)
        if row is not None and row.mount is not None and row.mount.is_mounted:
            raise UsageError(f"cannot mount at {folder}", "it is mounted already", "s3d mount ls")
        why = self._why_not(folder)
        if not why and self._own.contains(folder):
            why = "it is inside a mount"
        if why:
            raise UsageError(f"cannot mount at {folder}", why, "choose another folder")

    async def remove(self, folder: Path, *, force: bool = False) -> MountStatus:
        """Unmount. Raises InUse, unless forced; MountFailed, NotFoundError."""
        async with self._changing:
            folder = self._known_as(folder)
            row = self._rows[folder]
            status = self._status_of(folder)
            if row.mount is not None:
                await (row.mount.stop(0.0) if force else row.mount.unmount())
                self._own.remove(row.mount.folder)
            del self._rows[folder]
        return status

    def _known_as(self, folder: Path) -> Path:
        """The name that a mount has here; folder: that name, or it without symbolic links. Raises
        NotFoundError."""
        for own, row in self._rows.items():
            if folder == own or (row.mount is not None and folder == row.mount.folder):
                return own
        raise NotFoundError(str(folder), "s3d has nothing mounted there", "s3d mount ls")

    async def stop(self) -> None:
        """Unmount everything, when programs have closed what they write or their time is over."""
        async with self._changing:
            if self._is_stopped:
                return
            self._is_stopped = True
            mounts = [mount for _, mount in self._mounts()]
            async with asyncio.TaskGroup() as group:
                for mount in mounts:
                    group.create_task(mount.stop(self._grace), name="unmount")
            for mount in mounts:
                self._own.remove(mount.folder)
            self._rows.clear()

    def status(self) -> Mapping[str, float]:
        return {}

    @property
    def folders(self) -> list[Path]:
        """Where something is mounted, or should be."""
        return list(self._rows)

    async def refresh(self) -> None:
        """Have statuses() show what is true now; otherwise it may be a second old."""
        for _, mount in self._mounts():
            await mount.refresh()

    def statuses(self) -> list[MountStatus]:
        return [self._status_of(folder) for folder in self._rows]

    def note_saved(self, folders: Iterable[Path | None]) -> None:
        """Which mounts have a table of their own in the configuration file."""
        self._saved = frozenset(folders)

    def _status_of(self, folder: Path) -> MountStatus:
        config, mount, reason = self._rows[folder]
        is_mounted = mount is not None and mount.is_mounted
        return MountStatus(
            dir=str(folder),
            bucket=config.bucket,
            prefix=config.prefix,
            read_only=config.read_only,
            allow_other=config.allow_other,
            state="mounted" if is_mounted else "failed" if mount is None else "unmounted",
            reason=reason,
            open_files=0 if mount is None else mount.open_files,
            from_file=folder in self._saved,
            **self._count_writes(config.bucket, config.prefix),
        )

    def report(self, registry: Registry) -> None:
        """Have the metrics of the mounts computed."""
        registry.computed(
            metric_table.MOUNT_UP,
            lambda: {(each.dir,): float(each.state == "mounted") for each in self.statuses()},
        )
        registry.computed(
            metric_table.MOUNT_OPEN_FILES,
            lambda: {(str(folder),): mount.open_files for folder, mount in self._mounts()},
        )
        registry.computed(
            metric_table.MOUNT_OPERATIONS,
            lambda: {
                (str(folder), operation): count
                for folder, mount in self._mounts()
                for operation, count in mount.counts().items()
            },
        )
        registry.computed(
            metric_table.MOUNT_ERRORS,
            lambda: {(str(folder),): mount.io_errors for folder, mount in self._mounts()},
        )

    def _mounts(self) -> Iterator[tuple[Path, RunningMount]]:
        for folder, row in self._rows.items():
            if row.mount is not None:
                yield folder, row.mount


def place_of(config: MountConfig, names: tuple[str, ...]) -> MountedPlace:
    """What the names of a path below a mount stand for. Raises OSError: a name is none, or stands
    for a component that only a listing shows."""
    components = list(_components(names if config.bucket else names[1:]))
    bucket = config.bucket or (names[0] if names else "")
    return MountedPlace(bucket, (config.prefix + "/".join(components)).removesuffix("/"))


def _components(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        form, text = parse_name(name)
        if form is Form.CUT:
            raise UsageError(name, "this name is a shortened key", "name the object itself")
        yield text
