"""The interface between a FUSE binding and the file system of buckets.

A binding (`kernel.binding`) turns the kernel's calls into calls of FsOps; `filesystem` implements
it over the stores. Another binding is one more module that calls FsOps, and nothing here knows the
kernel.

Every method runs in a thread of the binding, never on the event loop, and may be called by several
threads at once. Paths are absolute within the mount ("/" is its root) and decoded with
surrogateescape. An operation fails by raising OSError with the errno that the caller gets; any
other exception is a bug and becomes EIO. No method takes longer than CALL_LIMIT seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

RENAME_NOREPLACE, RENAME_EXCHANGE = 1, 2
"""Flags of renameat2(2)."""
CALL_LIMIT = 5.0
"""Seconds after which an operation that waits for the remote fails with EIO."""


class Attributes(NamedTuple):
    """What stat() shows of a path."""

    mode: int
    """File type and permissions, as st_mode."""
    size: int
    mtime_ns: int
    """Nanoseconds since 1970."""
    inode: int
    """The same for the same path, also after a restart; never 0."""
    links: int = 1


class DirectoryEntry(NamedTuple):
    """One name of a folder, with its attributes, so that `ls -l` asks nothing more."""

    name: str
    attributes: Attributes


class OpenFile(NamedTuple):
    """What open() and create() return to the kernel."""

    handle: int
    direct_io: bool = False
    """Whether the kernel's page cache must not be used for this descriptor."""
    keep_cache: bool = False
    """Whether what the kernel has cached of this inode is still the content."""


class FileSystemSize(NamedTuple):
    """What statfs() shows, in bytes and in number of files."""

    total: int
    free: int
    files: int
    files_free: int


class FsOps(Protocol):
    """A file system. See the module's documentation for threads, paths and errors."""

    def get_attributes(self, path: str, handle: int | None) -> Attributes:
        """handle: of an open file, which may have no path any more."""

    def read_directory(self, path: str) -> Iterable[DirectoryEntry]:
        """All names of a folder but "." and ".."."""

    def open(self, path: str, flags: int) -> OpenFile:
        """flags: as of open(2), with O_TRUNC and O_APPEND."""

    def create(self, path: str, flags: int, mode: int) -> OpenFile:
        """Create and open a file; with O_EXCL fails with EEXIST when there is one."""

    def read(self, handle: int, size: int, offset: int) -> bytes:
        """Fewer bytes than size only at the end of the file."""

    def write(self, handle: int, data: bytes | memoryview, offset: int) -> int:
        """The number of bytes written; offset is ignored for a handle with O_APPEND. The data are
        valid until it returns."""

    def truncate(self, path: str, handle: int | None, size: int) -> None:
        """Cut or extend with zeros."""

    def flush(self, handle: int) -> None:
        """A descriptor of the file was closed: what was written enters the write queue."""

    def fsync(self, handle: int) -> None:
        """What was written survives a power cut when this returns."""

    def sync_directory(self, path: str) -> None:
        """The names in a folder, with the files that were closed, survive a power cut when this
        returns."""

    def release(self, handle: int) -> None:
        """The last descriptor of the handle was closed."""

    def make_directory(self, path: str, mode: int) -> None: ...

    def remove_directory(self, path: str) -> None:
        """Fails with ENOTEMPTY when the folder has a name."""

    def unlink(self, path: str) -> None: ...

    def rename(self, old: str, new: str, flags: int) -> None:
        """flags: of renameat2(2): 0, RENAME_NOREPLACE or RENAME_EXCHANGE."""

    def set_mode(self, path: str, mode: int) -> None: ...

    def set_times(self, path: str, atime_ns: int, mtime_ns: int) -> None: ...

    def symlink(self, path: str, target: str) -> None: ...

    def read_link(self, path: str) -> str: ...

    def get_xattr(self, path: str, name: str) -> bytes: ...

    def list_xattrs(self, path: str) -> Sequence[str]: ...

    def set_xattr(self, path: str, name: str, value: bytes, flags: int) -> None: ...

    def remove_xattr(self, path: str, name: str) -> None: ...

    def size(self) -> FileSystemSize: ...

    def notify_changes(
        self, forget_attributes: Callable[[str], None], forget: Callable[[str], None]
    ) -> None:
        """Both are to be called with the path of whatever another client changes.
        forget_attributes: before a request that comes after the change is answered; it waits for
        nothing. forget: then, by a thread; it may wait for an operation of the mount."""

    def close(self) -> None:
        """The mount has ended: what is open is flushed and forgotten."""
