"""Files that are on this machine only: temporary files of editors and desktops.

LocalOnlyFiles stands before another FsOps. What has a component that matches one of its patterns
(the setting fuse.local_names) lies in a folder of the local disk, at the same path, and is shown
beside the rest. A file that gets another kind of name is copied; a folder is copied by the program
that moves it (EXDEV).
"""

from __future__ import annotations

import errno
import itertools
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from fnmatch import translate
from pathlib import Path

from s3d.agent.frontends.fuse.fs_ops import (
    RENAME_NOREPLACE,
    Attributes,
    DirectoryEntry,
    FileSystemSize,
    FsOps,
    OpenFile,
)
from s3d.agent.frontends.fuse.inode_numbers import hashed_number
from s3d.shared.atomic_file import sync_folder

_FIRST_HANDLE = 1 << 62
"""Greater than the handles of any other FsOps."""
_COPY = 1 << 20


class LocalFolder:
    """Decides what is local, and where it lies. All methods raise OSError."""

    def __init__(self, inner: FsOps, folder: Path, patterns: Sequence[str]) -> None:
        """folder: for the local files of this mount. patterns: of names, as in a shell."""
        self._inner = inner
        self._folder = folder
        self._pattern = re.compile("|".join(map(translate, patterns)) or r"(?!)")
        """Of all names that are local: each call on a path compares all of its names."""
        self._next_handle = itertools.count(_FIRST_HANDLE).__next__
        self._descriptors: dict[int, int] = {}

    def is_local_name(self, name: str) -> bool:
        return self._pattern.match(name) is not None

    def place_of(self, path: str) -> Path | None:
        """Where a path lies on the local disk; None: it is not local."""
        parts = [part for part in path.split("/") if part]
        is_local = any(map(self._pattern.match, parts))
        return self._folder.joinpath(*parts) if is_local else None

    def beside(self, path: str) -> Path:
        """The local folder with what is shown beside the names of another folder."""
        return self._folder.joinpath(*(part for part in path.split("/") if part))

    def new_place(self, place: Path, path: str) -> Path:
        """The place of a new local file. Raises ENOENT when the folder around it is not there."""
        above = path.rstrip("/").rpartition("/")[0] or "/"
        if self.place_of(above) is None:
            self._inner.get_attributes(above, None)
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return place

    def descriptor(self, handle: int | None) -> int | None:
        """None: the handle is not of a local file."""
        return None if handle is None else self._descriptors.get(handle)

    def opened(self, descriptor: int) -> OpenFile:
        handle = self._next_handle()
        self._descriptors[handle] = descriptor
        return OpenFile(handle)


class LocalFileCalls(LocalFolder):
    """The calls of FsOps on open files."""

    def open(self, path: str, flags: int) -> OpenFile:
        place = self.place_of(path)
        if place is None:
            return self._inner.open(path, flags)
        return self.opened(os.open(place, flags | os.O_CLOEXEC))

    def create(self, path: str, flags: int, mode: int) -> OpenFile:
        place = self.place_of(path)
        if place is None:
            return self._inner.create(path, flags, mode)
        flags |= os.O_CREAT | os.O_CLOEXEC
        return self.opened(os.open(self.new_place(place, path), flags, mode & 0o777))

    def read(self, handle: int, size: int, offset: int) -> bytes:
        descriptor = self.descriptor(handle)
        if descriptor is None:
            return self._inner.read(handle, size, offset)
        return os.pread(descriptor, size, offset)

    def write(self, handle: int, data: bytes | memoryview, offset: int) -> int:
        descriptor = self.descriptor(handle)
        if descriptor is None:
            return self._inner.write(handle, data, offset)
        return os.pwrite(descriptor, data, offset)

    def truncate(self, path: str, handle: int | None, size: int) -> None:
        place = self.descriptor(handle) or self.place_of(path)
        if place is None:
            self._inner.truncate(path, handle, size)
        else:
            os.truncate(place, size)

    def flush(self, handle: int) -> None:
        if self.descriptor(handle) is None:
            self._inner.flush(handle)

    def fsync(self, handle: int) -> None:
        descriptor = self.descriptor(handle)
        if descriptor is None:
            self._inner.fsync(handle)
        else:
            os.fsync(descriptor)

    def sync_directory(self, path: str) -> None:
        place = self.place_of(path)
        if place is None:
            self._inner.sync_directory(path)
        else:
            sync_folder(place)

    def release(self, handle: int) -> None:
        descriptor = self._descriptors.pop(handle, None)
        if descriptor is None:
            self._inner.release(handle)
        else:
            os.close(descriptor)


class LocalPathCalls(LocalFileCalls):
    """The calls of FsOps on names."""

    def get_attributes(self, path: str, handle: int | None) -> Attributes:
        place = self.descriptor(handle) or self.place_of(path)
        if place is None:
            return self._inner.get_attributes(path, handle)
        return _attributes(os.stat(place, follow_symlinks=isinstance(place, int)))

    def read_directory(self, path: str) -> Iterator[DirectoryEntry]:
        place = self.place_of(path)
        if place is None:
            yield from self._inner.read_directory(path)
            place = self.beside(path)
            if not place.is_dir():
                return
        above = path.rstrip("/")
        for entry in os.scandir(place):
            if self.place_of(f"{above}/{entry.name}") is not None:
                yield DirectoryEntry(entry.name, _attributes(entry.stat(follow_symlinks=False)))

    def make_directory(self, path: str, mode: int) -> None:
        place = self.place_of(path)
        if place is None:
            self._inner.make_directory(path, mode)
        else:
            self.new_place(place, path).mkdir(mode & 0o777)

    def remove_directory(self, path: str) -> None:
        place = self.place_of(path)
        if place is not None:
            place.rmdir()
            return
        if any(self.is_local_name(name) for name in self._beside_names(path)):
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), path)
        self._inner.remove_directory(path)
        shutil.rmtree(self.beside(path), ignore_errors=True)  # empty folders

    def unlink(self, path: str) -> None:
        place = self.place_of(path)
        if place is None:
            self._inner.unlink(path)
        else:
            place.unlink()

    def rename(self, old: str, new: str, flags: int) -> None:
        source, target = self.place_of(old), self.place_of(new)
        if source is None and target is None:
            self._inner.rename(old, new, flags)
            with suppress(OSError):
                self.beside(new).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                os.rename(self.beside(old), self.beside(new))
            return
        if flags & RENAME_NOREPLACE and self._exists(new):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new)
        if source is not None and target is not None:
            os.rename(source, self.new_place(target, new))
            return
        if os.path.isdir(source or ""):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), new)
        self._copy(old, new)
        self.unlink(old)

    def symlink(self, path: str, target: str) -> None:
        place = self.place_of(path)
        if place is None:
            self._inner.symlink(path, target)
        else:
            os.symlink(target, self.new_place(place, path))

    def read_link(self, path: str) -> str:
        place = self.place_of(path)
        return self._inner.read_link(path) if place is None else os.readlink(place)

    def _beside_names(self, path: str) -> list[str]:
        with suppress(OSError):
            return os.listdir(self.beside(path))
        return []

    def _exists(self, path: str) -> bool:
        try:
            self.get_attributes(path, None)
        except FileNotFoundError:
            return False
        return True

    def _copy(self, old: str, new: str) -> None:
        """Copy a file that is local to one that is not, or the other way round."""
        mode = self.get_attributes(old, None).mode
        source = self.open(old, os.O_RDONLY).handle
        try:
            target = self.create(new, os.O_WRONLY | os.O_TRUNC, mode).handle
            try:
                offset = 0
                while data := self.read(source, _COPY, offset):
                    offset += self.write(target, data, offset)
                self.flush(target)
            finally:
                self.release(target)
        finally:
            self.release(source)


class LocalOnlyFiles(LocalPathCalls):
    """An FsOps; see the module."""

    def set_mode(self, path: str, mode: int) -> None:
        place = self.place_of(path)
        if place is None:
            self._inner.set_mode(path, mode)
        else:
            place.chmod(mode & 0o777)

    def set_times(self, path: str, atime_ns: int, mtime_ns: int) -> None:
        place = self.place_of(path)
        if place is None:
            self._inner.set_times(path, atime_ns, mtime_ns)
        else:
            os.utime(place, ns=(atime_ns, mtime_ns), follow_symlinks=False)

    def get_xattr(self, path: str, name: str) -> bytes:
        if self.place_of(path) is not None:
            raise OSError(errno.ENODATA, os.strerror(errno.ENODATA), name)
        return self._inner.get_xattr(path, name)

    def list_xattrs(self, path: str) -> Sequence[str]:
        return () if self.place_of(path) is not None else self._inner.list_xattrs(path)

    def set_xattr(self, path: str, name: str, value: bytes, flags: int) -> None:
        self._refuse_local(path)
        self._inner.set_xattr(path, name, value, flags)

    def remove_xattr(self, path: str, name: str) -> None:
        self._refuse_local(path)
        self._inner.remove_xattr(path, name)

    def size(self) -> FileSystemSize:
        return self._inner.size()

    def notify_changes(
        self, forget_attributes: Callable[[str], None], forget: Callable[[str], None]
    ) -> None:
        self._inner.notify_changes(forget_attributes, forget)

    def close(self) -> None:
        for handle in list(self._descriptors):
            self.release(handle)
        self._inner.close()

    def _refuse_local(self, path: str) -> None:
        if self.place_of(path) is not None:
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), path)


def _attributes(stat_result: os.stat_result) -> Attributes:
    # The number is a hash, as those of objects are: equal ones are as unlikely as among objects.
    on_disk = f"local {stat_result.st_dev} {stat_result.st_ino}"
    return Attributes(
        stat_result.st_mode,
        stat_result.st_size,
        stat_result.st_mtime_ns,
        hashed_number(on_disk.encode()),
        stat_result.st_nlink,
    )
