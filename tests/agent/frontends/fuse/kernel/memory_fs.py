"""A file system in memory, behind FsOps: what the tests of the binding mount.

Like the file system of buckets, it takes paths and handles, and a file that was removed lives on in
its handles.
"""

from __future__ import annotations

import errno
import itertools
import os
import stat
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from s3d.agent.frontends.fuse.fs_ops import (
    Attributes,
    DirectoryEntry,
    FileSystemSize,
    OpenFile,
)
from s3d.agent.frontends.fuse.kernel.interrupts import is_interrupted

NOREPLACE, EXCHANGE = 1, 2


def error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


class Entry:
    """A file, a folder or a symbolic link."""

    def __init__(self, number: int, mode: int) -> None:
        self.number = number
        self.mode = mode
        self.data = bytearray()
        self.names: dict[str, Entry] = {}
        self.xattrs: dict[str, bytes] = {}
        self.links = 1
        self.mtime_ns = time.time_ns()

    def attributes(self) -> Attributes:
        return Attributes(self.mode, len(self.data), self.mtime_ns, self.number, self.links)


class MemoryFs:
    """See the module's documentation. calls counts them by name."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)
        self._handles = itertools.count(1)
        self.root = self._new(stat.S_IFDIR | 0o700)
        self.open_files: dict[int, tuple[Entry, int]] = {}
        self.calls: Counter[str] = Counter()
        self.released = threading.Semaphore(0)
        """Once for each release()."""
        self.is_closed = False
        self.direct_io = False
        self.keep_cache = False
        self.blocks: set[str] = set()
        """Methods that wait until unblock()."""
        self.is_blocked = threading.Event()
        """Set when one waits."""
        self.errors: list[OSError] = []
        """What ended such a wait."""
        self._unblocked = threading.Event()

    def _new(self, mode: int) -> Entry:
        return Entry(next(self._numbers), mode)

    def _find(self, path: str) -> Entry:
        entry = self.root
        for name in path.split("/"):
            if name:
                if not stat.S_ISDIR(entry.mode):
                    raise error(errno.ENOTDIR)
                if name not in entry.names:
                    raise error(errno.ENOENT)
                entry = entry.names[name]
        return entry

    def _above(self, path: str) -> tuple[Entry, str]:
        above, _, name = path.rpartition("/")
        if len(os.fsencode(name)) > 255:
            raise error(errno.ENAMETOOLONG)
        return self._find(above), name

    def _of(self, path: str, handle: int | None) -> Entry:
        return self._find(path) if handle is None else self.open_files[handle][0]

    def unblock(self) -> None:
        self.blocks.clear()
        self._unblocked.set()

    def _block(self, method: str) -> None:
        if method not in self.blocks:
            return
        self.is_blocked.set()
        while not self._unblocked.wait(0.01):
            if is_interrupted():
                self.errors.append(error(errno.EINTR))
                raise self.errors[-1]

    def get_attributes(self, path: str, handle: int | None) -> Attributes:
        self.calls["get_attributes"] += 1
        with self._lock:
            return self._of(path, handle).attributes()

    def read_directory(self, path: str) -> Iterable[DirectoryEntry]:
        self.calls["read_directory"] += 1
        self._block("read_directory")
        with self._lock:
            entries = [
                DirectoryEntry(name, one.attributes())
                for name, one in self._find(path).names.items()
            ]
        return self._counted(entries)

    def _counted(self, entries: list[DirectoryEntry]) -> Iterator[DirectoryEntry]:
        for entry in entries:
            self.calls["entries"] += 1
            yield entry

    def open(self, path: str, flags: int) -> OpenFile:
        with self._lock:
            entry = self._find(path)
            if flags & os.O_TRUNC:
                entry.data.clear()
            return self._opened(entry, flags)

    def _opened(self, entry: Entry, flags: int) -> OpenFile:
        handle = next(self._handles)
        self.open_files[handle] = entry, flags
        return OpenFile(handle, self.direct_io, self.keep_cache)

    def create(self, path: str, flags: int, mode: int) -> OpenFile:
        with self._lock:
            folder, name = self._above(path)
            if name in folder.names:
                if flags & os.O_EXCL:
                    raise error(errno.EEXIST)
            else:
                folder.names[name] = self._new(stat.S_IFREG | mode)
            return self._opened(folder.names[name], flags)

    def read(self, handle: int, size: int, offset: int) -> bytes:
        self.calls["read"] += 1
        self._block("read")
        with self._lock:
            return bytes(self.open_files[handle][0].data[offset : offset + size])

    def write(self, handle: int, data: bytes | memoryview, offset: int) -> int:
        self.calls["write"] += 1
        with self._lock:
            entry, flags = self.open_files[handle]
            start = len(entry.data) if flags & os.O_APPEND else offset
            entry.data.extend(bytes(max(start - len(entry.data), 0)))
            entry.data[start : start + len(data)] = data
            entry.mtime_ns = time.time_ns()
            return len(data)

    def truncate(self, path: str, handle: int | None, size: int) -> None:
        with self._lock:
            data = self._of(path, handle).data
            del data[size:]
            data.extend(bytes(size - len(data)))

    def flush(self, handle: int) -> None:
        self.calls["flush"] += 1
        self._block("flush")

    def fsync(self, handle: int) -> None:
        self.calls["fsync"] += 1

    def sync_directory(self, path: str) -> None:
        self.calls["sync_directory"] += 1

    def release(self, handle: int) -> None:
        self.calls["release"] += 1
        del self.open_files[handle]
        self.released.release()

    def make_directory(self, path: str, mode: int) -> None:
        with self._lock:
            folder, name = self._above(path)
            if name in folder.names:
                raise error(errno.EEXIST)
            folder.names[name] = self._new(stat.S_IFDIR | mode)

    def remove_directory(self, path: str) -> None:
        with self._lock:
            folder, name = self._above(path)
            if self._find(path).names:
                raise error(errno.ENOTEMPTY)
            del folder.names[name]

    def unlink(self, path: str) -> None:
        with self._lock:
            folder, name = self._above(path)
            self._find(path).links = 0
            del folder.names[name]

    def rename(self, old: str, new: str, flags: int) -> None:
        with self._lock:
            entry, (source, name), (target, other) = (
                self._find(old), self._above(old), self._above(new),
            )  # fmt: skip
            replaced = target.names.get(other)
            if flags & NOREPLACE and replaced is not None:
                raise error(errno.EEXIST)
            if flags & EXCHANGE:
                if replaced is None:
                    raise error(errno.ENOENT)
                source.names[name], target.names[other] = replaced, entry
                return
            if replaced is not None and replaced.names:
                raise error(errno.ENOTEMPTY)
            if replaced is not None:
                replaced.links = 0
            del source.names[name]
            target.names[other] = entry
        self._block("rename")

    def set_mode(self, path: str, mode: int) -> None:
        entry = self._find(path)
        entry.mode = stat.S_IFMT(entry.mode) | mode

    def set_times(self, path: str, atime_ns: int, mtime_ns: int) -> None:
        self._find(path).mtime_ns = mtime_ns

    def symlink(self, path: str, target: str) -> None:
        with self._lock:
            folder, name = self._above(path)
            folder.names[name] = self._new(stat.S_IFLNK | 0o777)
            folder.names[name].data[:] = os.fsencode(target)

    def read_link(self, path: str) -> str:
        return os.fsdecode(bytes(self._find(path).data))

    def get_xattr(self, path: str, name: str) -> bytes:
        try:
            return self._find(path).xattrs[name]
        except KeyError:
            raise error(errno.ENODATA) from None

    def list_xattrs(self, path: str) -> Sequence[str]:
        return list(self._find(path).xattrs)

    def set_xattr(self, path: str, name: str, value: bytes, flags: int) -> None:
        self._find(path).xattrs[name] = value

    def remove_xattr(self, path: str, name: str) -> None:
        self.get_xattr(path, name)
        del self._find(path).xattrs[name]

    def size(self) -> FileSystemSize:
        return FileSystemSize(total=1 << 40, free=1 << 39, files=1 << 20, files_free=1 << 19)

    def notify_changes(
        self, forget_attributes: Callable[[str], None], forget: Callable[[str], None]
    ) -> None:
        return None

    def close(self) -> None:
        self.open_files.clear()
        self.is_closed = True
