"""The operations of FsOps on names: what there is, and what is known of it beside its bytes."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence

from s3d.agent.frontends.fuse.folder_entries import Entry, inode_of
from s3d.agent.frontends.fuse.fs_ops import Attributes, DirectoryEntry, FileSystemSize
from s3d.agent.frontends.fuse.mounted_names import MountedNames
from s3d.agent.frontends.fuse.xattrs import Xattrs


class NameOps:
    """Look-ups and listings."""

    def __init__(self, names: MountedNames) -> None:
        self._names = names
        self._started_ns = time.time_ns()
        """Shown as the time of folders: S3 has none."""

    def get_attributes(self, path: str, handle: int | None) -> Attributes:
        return self._attributes(path, self._names.resolve(path).entry)

    def read_directory(self, path: str) -> Iterator[DirectoryEntry]:
        above = path.rstrip("/")
        for entry in self._names.entries(path):
            yield DirectoryEntry(entry.name, self._attributes(f"{above}/{entry.name}", entry))

    def make_directory(self, path: str, mode: int) -> None:
        raise read_only(path)

    def remove_directory(self, path: str) -> None:
        raise read_only(path)

    def unlink(self, path: str) -> None:
        raise read_only(path)

    def rename(self, old: str, new: str, flags: int) -> None:
        raise read_only(old)

    def symlink(self, path: str, target: str) -> None:
        raise read_only(path)

    def read_link(self, path: str) -> str:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)

    def _attributes(self, path: str, entry: Entry) -> Attributes:
        links = 2 if stat.S_ISDIR(entry.mode) else 1
        mtime_ns = entry.mtime_ns or self._started_ns
        return Attributes(entry.mode, entry.size, mtime_ns, inode_of(path), links)


class AttributeOps:
    """Times, permissions, extended attributes, free space."""

    def __init__(
        self, names: MountedNames, xattrs: Xattrs, size: Callable[[], FileSystemSize]
    ) -> None:
        """size: what df shows."""
        self._names = names
        self._xattrs = xattrs
        self._size = size

    def set_mode(self, path: str, mode: int) -> None:
        raise read_only(path)

    def set_times(self, path: str, atime_ns: int, mtime_ns: int) -> None:
        raise read_only(path)

    def get_xattr(self, path: str, name: str) -> bytes:
        return self._xattrs.get(self._names.resolve(path), name)

    def list_xattrs(self, path: str) -> Sequence[str]:
        return self._xattrs.names(self._names.resolve(path))

    def set_xattr(self, path: str, name: str, value: bytes, flags: int) -> None:
        raise read_only(path)

    def remove_xattr(self, path: str, name: str) -> None:
        raise read_only(path)

    def size(self) -> FileSystemSize:
        return self._size()


def read_only(path: str) -> OSError:
    return OSError(errno.EROFS, os.strerror(errno.EROFS), path)
