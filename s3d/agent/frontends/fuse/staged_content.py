"""The bytes of one version of a staging file.

They begin in memory, since most files are small and are gone again when they are closed: a name on
the disk for each would cost more than all that is in it. They get a file of the folder once
somebody needs it, because they are to be durable, or are too many.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import sys
from contextlib import suppress
from pathlib import Path

from s3d.agent.large_objects.sparse_file import next_data

SMALL = 64 << 10
"""Bytes that may be in memory. A store takes as many in one piece (storage.blobs.INLINE)."""
WRITE_BACK = 8 << 20
"""Bytes that are written to the disk while more of them come."""
_COPY = 64 << 20
_SYNC_FILE_RANGE_WRITE = 2
_libc = ctypes.CDLL(None)
_FICLONE = 0x40049409
"""ioctl of Linux: share the blocks of another file. https://man7.org/linux/man-pages/man2/ioctl_ficlone.2.html"""


class StagedContent:
    """An open file, with a name in the folder or in memory. Callers see to it that one thread at a
    time uses it. Every method may raise OSError."""

    def __init__(self, path: Path, fd: int, *, is_saved: bool) -> None:
        stat_result = os.fstat(fd)
        self.path = path
        """What the file is called, as soon as it has a name."""
        self.fd = fd
        self.size = stat_result.st_size
        self.mtime_ns = stat_result.st_mtime_ns
        self.is_saved = is_saved
        """Whether the file has its name."""
        self.is_name_durable = False
        self._begun = 0
        """Up to where the kernel has been asked to write the bytes to the disk."""

    @classmethod
    def create(cls, folder: Path, id: int, size: int) -> StagedContent:
        """A new file of zeros."""
        path = folder / str(id)
        in_memory = size <= SMALL and sys.platform == "linux"
        fd = _open_in_memory(path) if in_memory else _create(path)
        try:
            if size:
                os.ftruncate(fd, size)
            return cls(path, fd, is_saved=not in_memory)
        except BaseException:
            os.close(fd)
            if not in_memory:
                path.unlink()
            raise

    @classmethod
    def open(cls, folder: Path, id: int) -> StagedContent:
        """A file of an earlier run."""
        path = folder / str(id)
        return cls(path, os.open(path, os.O_RDWR | os.O_CLOEXEC), is_saved=True)

    def copy(self, id: int, size: int) -> StagedContent:
        """A new file with the first bytes of this one."""
        copied = StagedContent.create(self.path.parent, id, 0)
        try:
            copied.make_room(size)
            copy_file(self.fd, copied.fd, size)
        except BaseException:
            copied.close()
            if copied.is_saved:
                copied.path.unlink()
            raise
        copied.size, copied.mtime_ns = size, self.mtime_ns
        return copied

    @property
    def id(self) -> int:
        return int(self.path.name)

    def make_room(self, size: int) -> None:
        """The file is going to have so many bytes."""
        if size > SMALL:
            self.save()

    def note_written(self, end: int) -> None:
        """Bytes were written up to here. Of a large file, the disk begins to take them at once, so
        that its close() waits for the last ones only."""
        if end - self._begun >= WRITE_BACK and self.is_saved:
            begin_write_back(self.fd, self._begun, end - self._begun)
            self._begun = end

    def save(self) -> None:
        """Give the file its name. The descriptor keeps its number."""
        if self.is_saved:
            return
        fd = _create(self.path)
        try:
            copy_file(self.fd, fd, self.size)
            os.dup2(fd, self.fd, inheritable=False)
        except BaseException:
            self.path.unlink()
            raise
        finally:
            os.close(fd)
        self.is_saved = True

    def all_bytes(self) -> bytes | None:
        """All bytes of a file in memory."""
        return None if self.is_saved else os.pread(self.fd, self.size, 0)

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def copy_file(source: int, target: int, size: int) -> None:
    """Copy the first bytes of an open file, or share their blocks; holes stay holes. Raises
    OSError."""
    if size > os.fstat(source).st_size:
        raise OSError(errno.EIO, "the staging file is shorter than it was")
    if size <= SMALL:  # one of them may be in memory, which copy_file_range(2) refuses
        os.pwrite(target, os.pread(source, size, 0), 0)
        return
    if size == os.fstat(source).st_size:
        with suppress(OSError):
            fcntl.ioctl(target, _FICLONE, source)
            return
    os.ftruncate(target, size)
    done = next_data(source, 0, size)
    while done < size:
        hole = _next_hole(source, done, size)
        copied = os.copy_file_range(source, target, min(_COPY, hole - done), done, done)
        if not copied:
            raise OSError(errno.EIO, "the staging file is shorter than it was")
        done = next_data(source, done + copied, size)


def begin_write_back(fd: int, start: int, size: int) -> bool:
    """Have the kernel write a range of a file to the disk, soon; False where it cannot be asked. An
    error of the disk is one of the sync that follows.

    https://man7.org/linux/man-pages/man2/sync_file_range.2.html
    """
    call = getattr(_libc, "sync_file_range", None)
    range = ctypes.c_int64(start), ctypes.c_int64(size)
    return call is not None and call(fd, *range, _SYNC_FILE_RANGE_WRITE) == 0


def _create(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def _open_in_memory(path: Path) -> int:
    return os.memfd_create(path.name)


def _next_hole(fd: int, at: int, stop: int) -> int:
    """Where the data from an offset on end; stop where the file system does not know."""
    try:
        return min(os.lseek(fd, at, os.SEEK_HOLE), stop)
    except OSError:
        return stop
