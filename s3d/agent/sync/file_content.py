"""Reading and writing of single files for a sync folder, in a thread of their own."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from collections.abc import AsyncIterator, Callable, Mapping

from s3d.agent.s3.messages import Body
from s3d.agent.sync.atomic_rename import Name
from s3d.agent.sync.interfaces import ConcurrentChange, FileAttributes
from s3d.agent.sync.path_state import (
    NO_BYTES,
    SPECIAL,
    STRANGE_TIME,
    SYMLINK,
    LocalEntry,
    Signature,
    fits,
)

BLOCK = 1 << 20
_READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Opening a fifo must not wait for its writer."""


def open_regular(place: Name) -> int:
    """Open a file for reading. Raises ConcurrentChange when it is not a regular file; OSError."""
    fd = os.open(place.name, _READING, dir_fd=place.folder)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise ConcurrentChange
    return fd


def signature_of(stat_result: os.stat_result) -> Signature:
    """Inode numbers are converted to signed ones, as SQLite stores integers."""
    inode = stat_result.st_ino if stat_result.st_ino < 1 << 63 else stat_result.st_ino - (1 << 64)
    return Signature(stat_result.st_size, stat_result.st_mtime_ns, stat_result.st_ctime_ns, inode)


def local_of(path: str, stat_result: os.stat_result) -> LocalEntry | None:
    """The entry of a path that should be a file, from lstat; None for a folder."""
    mode = stat_result.st_mode
    if stat.S_ISREG(mode):
        if not (fits(stat_result.st_mtime_ns) and fits(stat_result.st_ctime_ns)):
            return LocalEntry(path, NO_BYTES, trouble=STRANGE_TIME)
        return LocalEntry(path, signature_of(stat_result), stat.S_IMODE(mode) & 0o777)
    if stat.S_ISDIR(mode):
        return None
    trouble = SYMLINK if stat.S_ISLNK(mode) else SPECIAL
    return LocalEntry(path, NO_BYTES, trouble=trouble)


class FileContent:
    """The bytes of a file at one moment. Large files are read twice, and compared."""

    def __init__(self, open_file: Callable[[], int], signature: Signature) -> None:
        """Reads it; open_file gives a descriptor. Raises ConcurrentChange when the file is not of
        this signature, before or after; OSError."""
        self._open = open_file
        self._data: bytes | None = None
        self.size = signature.size
        self.is_torn = False
        sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        fd = open_file()
        try:
            if signature_of(os.fstat(fd)) != signature:
                raise ConcurrentChange
            size = 0
            while block := os.read(fd, BLOCK):
                size += len(block)
                sha256.update(block)
                md5.update(block)
                self._data = block if size == signature.size == len(block) else None
            if size != signature.size or signature_of(os.fstat(fd)) != signature:
                raise ConcurrentChange
        finally:
            os.close(fd)
        if not size:
            self._data = b""
        self.sha256, self.md5 = sha256.hexdigest(), md5.hexdigest()

    def body(self) -> Body:
        return ContentBody(self)

    async def blocks(self) -> AsyncIterator[bytes]:
        """Yield the blocks; the last one only after the file is verified as unchanged."""
        if self._data is not None:
            if self._data:
                yield self._data
            return
        sha256, left = hashlib.sha256(), self.size
        try:
            fd = await asyncio.to_thread(self._open)
        except (OSError, ConcurrentChange) as error:
            self.is_torn = True
            raise ConnectionError("the file has changed") from error
        try:
            while left:
                block = await asyncio.to_thread(os.read, fd, min(BLOCK, left))
                await asyncio.to_thread(sha256.update, block)
                left -= len(block)
                if not block or (not left and sha256.hexdigest() != self.sha256):
                    self.is_torn = True
                    raise ConnectionError("the file has changed")
                yield block
        finally:
            os.close(fd)


class ContentBody:
    """A body of a FileContent."""

    def __init__(self, content: FileContent) -> None:
        self._blocks = content.blocks()
        self.size = content.size
        self.trailers: Mapping[str, str] = {}

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._blocks

    async def aclose(self) -> None:
        await self._blocks.aclose()  # type: ignore[attr-defined]


def signature_at(place: Name) -> Signature | None:
    """None: nothing has this name."""
    try:
        stat_result = os.stat(place.name, dir_fd=place.folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return signature_of(stat_result)


def write_all(fd: int, data: bytes, sha256: hashlib._Hash) -> None:
    """Write and hash a block."""
    sha256.update(data)
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def finish(fd: int, data: bytes, sha256: hashlib._Hash, attributes: FileAttributes) -> Signature:
    """Write the last block, then set mode and time, and sync the file."""
    write_all(fd, data, sha256)
    if attributes.mode is not None:
        os.fchmod(fd, attributes.mode & 0o777)
    if attributes.mtime_ns is not None:
        os.utime(fd, ns=(attributes.mtime_ns, attributes.mtime_ns))
    os.fsync(fd)
    return signature_of(os.fstat(fd))
