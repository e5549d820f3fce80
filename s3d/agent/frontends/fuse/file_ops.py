"""The operations of FsOps on open files: those that are read are objects, those that are written
have a staging file until a store has their bytes."""

from __future__ import annotations

import errno
import itertools
import os
import stat
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from s3d.agent.frontends.fuse.folder_entries import FILE_MODE
from s3d.agent.frontends.fuse.fs_ops import Attributes, OpenFile
from s3d.agent.frontends.fuse.hand_over import ObjectName
from s3d.agent.frontends.fuse.mounted_names import MountedNames
from s3d.agent.frontends.fuse.open_readers import OpenReaders, Reader
from s3d.agent.frontends.fuse.written_file import WrittenFile
from s3d.agent.frontends.fuse.written_files import WrittenFiles
from s3d.agent.s3.etag import same_etag

T = TypeVar("T")


class WriteHandle(NamedTuple):
    """A descriptor of a file that has a staging file."""

    file: WrittenFile
    appends: bool
    """Whether every write goes to the end."""


class FileOps:
    """Opens, reads, writes and closes files."""

    def __init__(
        self,
        names: MountedNames,
        readers: OpenReaders,
        written: WrittenFiles,
        forget_attributes: Callable[[str], None],
    ) -> None:
        """forget_attributes: has the kernel ask again for the size of the file at a path."""
        self._forget_attributes = forget_attributes
        self._names = names
        self._readers = readers
        self._written = written
        self._handles: HandleTable[Reader | WriteHandle] = HandleTable()
        self._inodes: dict[int, int] = {}
        """Handle -> inode number, for files without a name."""

    def open(self, path: str, flags: int) -> OpenFile:
        file = self._names.resolve(path)
        if file.entry.is_folder:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        place = ObjectName(file.bucket, file.key)
        truncates = bool(flags & os.O_TRUNC)
        is_written = flags & os.O_ACCMODE != os.O_RDONLY or truncates
        if is_written or self._written.find(place) is not None:
            shown = file.entry.etag
            opened = self._written.open(place, truncate=truncates, shown=shown)
            return self._open_written(opened, flags)
        reader, cache = self._readers.open(file)
        if file.entry.etag and not same_etag(file.entry.etag, reader.etag):
            # The kernel would clip it to the size of the version that the look-up has shown.
            self._names.note_version(path, reader.info)
            self._forget_attributes(path)
        return OpenFile(self._add(reader, place), *cache)

    def create(self, path: str, flags: int, mode: int) -> OpenFile:
        place = ObjectName(*self._names.key_for(path))
        if self._names.exists(path):
            if flags & os.O_EXCL:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
            return self.open(path, flags)
        self._names.inodes.created(*place)
        return self._open_written(self._written.create(place, mode), flags)

    def read(self, handle: int, size: int, offset: int) -> bytes:
        opened = self._handles.get(handle)
        if isinstance(opened, WriteHandle):
            return opened.file.read(size, offset)
        if self._written.find(opened.place) is not None:
            file = self._written.take(ObjectName(*opened.place))
            if file is not None:  # programs of one machine see what each of them writes
                try:
                    return file.read(size, offset)
                finally:
                    self._written.release(file)
        return self._readers.read(opened, size, offset)

    def write(self, handle: int, data: bytes | memoryview, offset: int) -> int:
        file, appends = self._writer(handle)
        return self._written.write(file, data, None if appends else offset)

    def truncate(self, path: str, handle: int | None, size: int) -> None:
        if handle is not None:
            self._writer(handle).file.truncate(size)
            return
        resolved = self._names.resolve(path)
        if resolved.entry.is_folder:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        place = ObjectName(resolved.bucket, resolved.key)
        file = self._written.open(place, truncate=size == 0, shown=resolved.entry.etag)
        try:
            file.truncate(size)
            self._flush(file)
        finally:
            self._written.release(file)

    def flush(self, handle: int) -> None:
        opened = self._handles.get(handle)
        if isinstance(opened, WriteHandle):
            self._flush(opened.file)

    def fsync(self, handle: int) -> None:
        opened = self._handles.get(handle)
        if isinstance(opened, WriteHandle):
            opened.file.fsync()
        else:
            self._written.sync_store()

    def sync_directory(self, path: str) -> None:
        self._written.sync_store()

    def release(self, handle: int) -> None:
        opened = self._handles.remove(handle)
        self._inodes.pop(handle, None)
        if isinstance(opened, WriteHandle):
            self._written.release(opened.file)
        else:
            self._readers.close(opened)

    def attributes_of_open(self, handle: int) -> Attributes:
        """Of an open file that has no name any more."""
        opened = self._handles.get(handle)
        if isinstance(opened, WriteHandle):
            size, mtime_ns, mode = opened.file.status
        else:
            size, mtime_ns, mode = opened.size, int(opened.info.last_modified * 1e9), None
        permissions = FILE_MODE if mode is None else stat.S_IFREG | mode
        return Attributes(permissions, size, mtime_ns, self._inodes[handle], links=0)

    def close_files(self) -> None:
        """Release what is still open."""
        for number in self._handles.numbers():
            self.release(number)

    def _open_written(self, file: WrittenFile, flags: int) -> OpenFile:
        # The page cache has what programs of this machine have written and read of the file.
        self._readers.versions.forget(file.place)
        return OpenFile(self._add(WriteHandle(file, bool(flags & os.O_APPEND)), file.place))

    def _add(self, opened: Reader | WriteHandle, place: ObjectName) -> int:
        handle = self._handles.add(opened)
        self._inodes[handle] = self._names.inodes.of(*place)
        return handle

    def _writer(self, handle: int) -> WriteHandle:
        opened = self._handles.get(handle)
        if not isinstance(opened, WriteHandle):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return opened

    def _flush(self, file: WrittenFile) -> None:
        self._written.flush(file)
        if self._written.find(file.place) is file:  # otherwise it was removed while it was open
            self._names.note_written(file)
            self._readers.stored(file.place, file.etag)


class HandleTable(Generic[T]):
    """Open files by number. Each operation is one of a dict, so threads need no lock."""

    def __init__(self) -> None:
        self._next: Callable[[], int] = itertools.count(1).__next__
        self._open: dict[int, T] = {}

    def add(self, file: T) -> int:
        number = self._next()
        self._open[number] = file
        return number

    def get(self, number: int) -> T:
        """Raises OSError EBADF."""
        file = self._open.get(number)
        if file is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return file

    def remove(self, number: int) -> T:
        """Raises OSError EBADF."""
        file = self.get(number)
        del self._open[number]
        return file

    def numbers(self) -> list[int]:
        """Of all open files."""
        return list(self._open)
