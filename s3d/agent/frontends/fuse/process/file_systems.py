"""The file systems of all mounts, and what they share: the files that are written, and metadata."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

from s3d.agent.core.client import S3Client
from s3d.agent.core.store import ObjectStore
from s3d.agent.frontends.fuse.filesystem import FileSystem
from s3d.agent.frontends.fuse.fs_ops import FileSystemSize, FsOps
from s3d.agent.frontends.fuse.local_only_files import LocalOnlyFiles
from s3d.agent.frontends.fuse.loop_bridge import LoopBridge
from s3d.agent.frontends.fuse.metadata_memory import MetadataMemory
from s3d.agent.frontends.fuse.metadata_table import MetadataTable
from s3d.agent.frontends.fuse.process.agent_calls import AgentCalls, MountSettings
from s3d.agent.frontends.fuse.renames import Renames
from s3d.agent.frontends.fuse.written_files import WrittenFiles
from s3d.shared.errors import UsageError

_LOCAL = "local"
"""Subfolder of the files that stay on this machine."""
LOCK = "lock"
"""File in the staging folder that has the number of the process that uses it."""
_PATIENCE, _LOOK = 5.0, 0.02
"""Seconds for a process that was killed to end, and between two looks."""
_UNLIMITED = FileSystemSize(1 << 50, 1 << 50, 1 << 32, 1 << 32)
"""What df shows for a remote, as rclone does: nothing is known of its size, nor of what is used."""


def lock_folder(folder: Path) -> None:
    """Let no other process use the staging files of this one, as long as it lives. Whoever uses
    them belongs to an agent that has died, since an agent has one such process: it is killed.

    Raises OSError, and UsageError for a process that cannot be killed.
    """
    fd = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    end = time.monotonic() + _PATIENCE
    while not _is_locked(fd):
        holder = os.pread(fd, 20, 0).strip()
        if time.monotonic() > end:
            detail = f"process {holder.decode(errors='replace')} uses {folder}"
            raise UsageError("cannot open the mounts", detail, "end that process")
        if holder.isdigit() and _has_open(int(holder), fd):
            os.kill(int(holder), signal.SIGKILL)
        threading.Event().wait(_LOOK)
    os.ftruncate(fd, 0)
    os.pwrite(fd, b"%d" % os.getpid(), 0)  # the descriptor stays open, and so the lock is held


def _has_open(pid: int, fd: int) -> bool:
    """Whether a process has the file of a descriptor open. The number that is in the file may be
    that of an earlier process, until the holder has written its own."""
    folder = Path(f"/proc/{pid}/fd")
    with suppress(OSError):
        return any(os.path.samestat(os.stat(each), os.fstat(fd)) for each in folder.iterdir())
    return False


def _is_locked(fd: int) -> bool:
    """Whether the lock of a file is this process's now."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class FileSystems:
    """Belongs to the loop, but for close()."""

    def __init__(self, store: ObjectStore, agent: AgentCalls, settings: MountSettings) -> None:
        """Takes up the files that an earlier run has left. store: the stack of the agent.

        Raises UsageError for files of a newer s3d.
        """
        self._store = store
        self._agent = agent
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._systems: list[FileSystem] = []
        self._folder = Path(settings.staging_folder)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock_folder(self._folder)
        bridge = LoopBridge(self._loop)
        self._written = WrittenFiles(
            self._folder, bridge, store,
            free=self._free, may_patch=agent.may_patch,
            log=agent if settings.syncs_later else None, checksum=settings.checksum,
        )  # fmt: skip
        self._written.start(Renames(S3Client(store), bridge, self._written).resume)
        table = MetadataTable(Path(settings.metadata_file))
        self._metadata = MetadataMemory(table, links=settings.symlinks)

    def make(self, bucket: str, prefix: str) -> tuple[FileSystem, FsOps]:
        """A file system of a bucket and prefix, or of all buckets, and its operations, with files
        that stay on this machine."""
        system = FileSystem(
            self._store,
            self._loop,
            written=self._written,
            root=(bucket, prefix),
            is_local=self._agent.is_local,
            states=self._agent,
            size=self._size,
            metadata=self._metadata,
            ttl=self._settings.listing_ttl,
            pending=self._agent.pending_below,
        )
        self._systems.append(system)
        place = self._folder / _LOCAL / (bucket or ".") / prefix
        return system, LocalOnlyFiles(system, place, self._settings.local_names)

    def forget(self, system: FileSystem) -> None:
        """Nobody uses it any more."""
        if system in self._systems:
            self._systems.remove(system)

    def changed(self, bucket: str, key: str, *, is_removal: bool) -> None:
        """Something has changed at this key, or (key "") anywhere in the bucket."""
        for system in self._systems:
            system.changed(bucket, key, is_removal=is_removal)

    def close(self) -> None:
        """Hand over what is not in the stores yet. In a thread, since that waits for the loop."""
        self._written.close()
        self._metadata.close()

    def _free(self) -> int:
        """Bytes that the disk of the staging files takes."""
        shown = os.statvfs(self._folder)
        return shown.f_bavail * shown.f_frsize

    def _size(self) -> FileSystemSize:
        """The embedded store has what its disk has."""
        if not self._settings.has_size:
            return _UNLIMITED
        disk = os.statvfs(self._folder)
        unit = disk.f_frsize
        return FileSystemSize(
            disk.f_blocks * unit, disk.f_bavail * unit, disk.f_files, disk.f_favail
        )
