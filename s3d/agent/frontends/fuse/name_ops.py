"""The operations of FsOps on names: what there is, and what is known of it beside its bytes."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence

from s3d.agent.core.object_info import PLAIN
from s3d.agent.frontends.fuse.directories import Resolved
from s3d.agent.frontends.fuse.folder_entries import FOLDER_MODE, Entry
from s3d.agent.frontends.fuse.fs_ops import Attributes, DirectoryEntry, FileSystemSize
from s3d.agent.frontends.fuse.hand_over import ObjectName
from s3d.agent.frontends.fuse.metadata_table import FileMetadata
from s3d.agent.frontends.fuse.mounted_names import MountedNames
from s3d.agent.frontends.fuse.name_changes import NameChanges
from s3d.agent.frontends.fuse.open_readers import OpenReaders
from s3d.agent.frontends.fuse.staging_journal import Rename
from s3d.agent.frontends.fuse.written_attributes import WrittenAttributes
from s3d.agent.frontends.fuse.xattrs import REFRESH, Xattrs
from s3d.agent.s3.messages import ListedObject

_EARLIEST, _LATEST = -(1 << 63), (1 << 63) - 1
"""Nanoseconds: in the years 1677 and 2262. SQLite has no greater integers, and sync folders read no
other times from the metadata of objects."""


class NameOps:
    """Look-ups and listings, and changes of them."""

    def __init__(self, names: MountedNames, changes: NameChanges, readers: OpenReaders) -> None:
        self._names = names
        self._changes = changes
        self._readers = readers
        self._started_ns = time.time_ns()
        """Shown as the time of folders that have none, where no bucket has one either."""

    def get_attributes(self, path: str, handle: int | None) -> Attributes:
        found = self._names.resolve(path)
        number = self._names.inodes.of(found.bucket, found.key)
        return self._attributes(number, found.bucket, found.entry)

    def read_directory(self, path: str) -> Iterator[DirectoryEntry]:
        folder = self._names.resolve(path)
        number_of = self._names.inodes.numbering(folder.bucket, folder.key)
        for entry in self._names.entries(path):
            slash = "/" if entry.is_folder and folder.bucket else ""
            number = number_of(entry.component + slash)
            yield DirectoryEntry(entry.name, self._attributes(number, folder.bucket, entry))

    def make_directory(self, path: str, mode: int) -> None:
        if self._names.exists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        folder = self._names.folder_for(path)
        mode, now_ns = mode & 0o777, time.time_ns()
        has_metadata = mode != stat.S_IMODE(FOLDER_MODE)
        attributes = WrittenAttributes(mode=mode).of_object(now_ns) if has_metadata else PLAIN
        etag = self._changes.make_folder(*folder, attributes)
        self._names.inodes.created(*folder)
        metadata = FileMetadata(etag, now_ns, mode) if has_metadata else None
        self._names.note_folder(path, folder, metadata)

    def remove_directory(self, path: str) -> None:
        folder = self._names.resolve(path)
        if not folder.entry.is_folder:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        if not path.strip("/"):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), path)
        self._changes.remove_folder(folder.bucket, folder.key)
        self._names.note_removed(path, folder)

    def unlink(self, path: str) -> None:
        file = self._names.resolve(path)
        if file.entry.is_folder:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        place = ObjectName(file.bucket, file.key)
        self._readers.keep(place)
        self._changes.unlink(place)
        self._names.note_removed(path, file)

    def rename(self, old: str, new: str, flags: int) -> None:
        source = self._names.resolve(old)
        if not source.key:
            raise PermissionError(errno.EPERM, "a bucket cannot be renamed", old)
        bucket, key = self._names.key_for(new)
        if bucket != source.bucket:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), new)
        target = self._resolve_if_any(new)
        if target is not None:
            _check_replaced(source, target)
            key = target.key
        elif source.entry.is_folder:
            key += "/"
        self._readers.keep((bucket, key))

        def note_moved(moved: Sequence[tuple[str, str]]) -> None:
            self._readers.move(bucket, source.key, key)
            self._names.note_moved(old, source, new, key, moved)

        self._changes.rename(
            Rename(bucket, source.key, key), flags,
            replaces=target is not None, shown=_shown(source.entry), on_moved=note_moved,
        )  # fmt: skip

    def symlink(self, path: str, target: str) -> None:
        if not self._names.has_links:
            raise PermissionError(errno.EPERM, "symbolic links are off", path)
        place = ObjectName(*self._names.key_for(path))
        mtime_ns = time.time_ns()
        etag = self._changes.symlink(place, target, mtime_ns)
        self._names.inodes.created(*place)
        self._names.note_link(path, place, FileMetadata(etag, mtime_ns, link=target))

    def read_link(self, path: str) -> str:
        target = self._names.link_target(self._names.resolve(path))
        if target is None:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
        return target

    def _resolve_if_any(self, path: str) -> Resolved | None:
        try:
            return self._names.resolve(path)
        except FileNotFoundError:
            return None

    def _attributes(self, inode: int, bucket: str, entry: Entry) -> Attributes:
        links = 2 if stat.S_ISDIR(entry.mode) else 1
        mtime_ns = entry.mtime_ns
        if mtime_ns is None:
            mtime_ns = self._names.created_ns(bucket) or self._started_ns
        return Attributes(entry.mode, entry.size, mtime_ns, inode, links)


class AttributeOps:
    """Times, permissions, extended attributes, free space."""

    def __init__(
        self,
        names: MountedNames,
        changes: NameChanges,
        xattrs: Xattrs,
        size: Callable[[], FileSystemSize],
    ) -> None:
        """size: what df shows."""
        self._names = names
        self._changes = changes
        self._xattrs = xattrs
        self._size = size

    def set_mode(self, path: str, mode: int) -> None:
        self._set(path, mode=mode)

    def set_times(self, path: str, atime_ns: int, mtime_ns: int) -> None:
        self._set(path, mtime_ns=_nearest_time(mtime_ns))

    def get_xattr(self, path: str, name: str) -> bytes:
        return self._xattrs.get(self._names.resolve(path), name)

    def list_xattrs(self, path: str) -> Sequence[str]:
        return self._xattrs.names(self._names.resolve(path))

    def set_xattr(self, path: str, name: str, value: bytes, flags: int) -> None:
        file = self._names.resolve(path)
        self._xattrs.set(file, name, value, flags)
        if name == REFRESH:
            self._names.forget(file)

    def remove_xattr(self, path: str, name: str) -> None:
        self._xattrs.remove(self._names.resolve(path), name)

    def size(self) -> FileSystemSize:
        return self._size()

    def _set(self, path: str, *, mode: int | None = None, mtime_ns: int | None = None) -> None:
        file = self._names.resolve(path)
        etag = file.entry.etag
        if file.key:
            place = ObjectName(file.bucket, file.key)
            try:
                etag = self._changes.set_attributes(place, mode=mode, mtime_ns=mtime_ns)
            except FileNotFoundError:
                if not file.entry.is_folder:
                    raise
                # The folder has no marker that could keep them: they last as long as the mount.
        if etag or file.entry.is_folder:  # else no store has the file yet: its flush notes them
            self._names.note_attributes(path, file, etag, mode=mode, mtime_ns=mtime_ns)


def _nearest_time(mtime_ns: int) -> int:
    """The time, or the nearest one that can be kept, as on a local disk."""
    return max(_EARLIEST, min(mtime_ns, _LATEST))


def _shown(entry: Entry) -> ListedObject | None:
    """What is known of an object before it is renamed; None: too little."""
    if not stat.S_ISREG(entry.mode) or not entry.etag:
        return None
    return ListedObject(entry.etag, entry.size, entry.modified)


def _check_replaced(source: Resolved, target: Resolved) -> None:
    """Raise OSError unless the one may replace the other."""
    if target.entry.is_folder and not source.entry.is_folder:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), target.key)
    if source.entry.is_folder and not target.entry.is_folder:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), target.key)
