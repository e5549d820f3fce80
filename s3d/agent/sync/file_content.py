"""Reading and writing of single files for a sync folder, in a thread of their own."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial

from s3d.agent.core.thread_call import in_thread
from s3d.agent.large_objects.file_source import FileSource
from s3d.agent.large_objects.part_upload import UploadSource
from s3d.agent.large_objects.sparse_file import BLOCK as BLOCK
from s3d.agent.large_objects.sparse_file import blocks, read_block
from s3d.agent.s3.checksums import multipart_etag
from s3d.agent.s3.messages import Body
from s3d.agent.s3.part_sizes import DEFAULT_PART, MAX_OBJECT, PartPlan, is_in_parts, plan_parts
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
    """The bytes of a file at one moment. Large files are read twice, and compared; holes are not
    read."""

    def __init__(
        self,
        open_file: Callable[[], int],
        signature: Signature,
        *,
        part_size: int = DEFAULT_PART,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """Reads it; open_file gives a descriptor. part_size: of the parts of a large one.
        is_stopped: the caller does not wait any more. Raises ConcurrentChange when the file is not
        of this signature, before or after; OSError."""
        self._open = open_file
        self._data: bytes | None = None
        self.size = signature.size
        self.is_torn = False
        sha256, etag = hashlib.sha256(), _EtagHasher(self.size, part_size)
        fd = open_file()
        try:
            if signature_of(os.fstat(fd)) != signature:
                raise ConcurrentChange
            size = 0
            for block in blocks(fd, 0, self.size):
                size += len(block)
                sha256.update(block)
                etag.update(block)
                self._data = block if size == signature.size == len(block) else None
                if is_stopped():
                    raise ConcurrentChange
            if size != signature.size or signature_of(os.fstat(fd)) != signature:
                raise ConcurrentChange
        finally:
            os.close(fd)
        if not size:
            self._data = b""
        self.sha256, self.etag = sha256.hexdigest(), etag.value()
        self._part_md5s = etag.md5s

    def body(self) -> Body:
        return ContentBody(self)

    @asynccontextmanager
    async def parts(self, plan: PartPlan) -> AsyncIterator[UploadSource]:
        """The same bytes as the source of an upload in parts. Raises ConcurrentChange."""
        try:
            fd = await in_thread(self._open, undo=os.close)
        except OSError as error:
            raise ConcurrentChange from error
        try:
            is_same_plan = len(self._part_md5s) == len(plan)
            yield FileSource(
                fd, plan, md5s=dict(enumerate(self._part_md5s, 1)) if is_same_plan else {}
            )
        finally:
            os.close(fd)

    async def blocks(self) -> AsyncIterator[bytes]:
        """Yield the blocks; the last one only after the file is verified as unchanged."""
        if self._data is not None:
            if self._data:
                yield self._data
            return
        sha256, at = hashlib.sha256(), 0
        try:
            fd = await in_thread(self._open, undo=os.close)
        except (OSError, ConcurrentChange) as error:
            self.is_torn = True
            raise ConnectionError("the file has changed") from error
        try:
            while at < self.size:
                block = await in_thread(partial(read_block, fd, at, self.size))
                await asyncio.to_thread(sha256.update, block)
                at += len(block)
                if not block or (at == self.size and sha256.hexdigest() != self.sha256):
                    self.is_torn = True
                    raise ConnectionError("the file has changed")
                yield block
        finally:
            os.close(fd)


class _EtagHasher:
    """The ETag that a store gives a file: its MD5, or that of the MD5s of its parts."""

    def __init__(self, size: int, part_size: int) -> None:
        self.md5s: list[bytes] = []
        """Of the parts that are complete; empty for a file that is sent whole."""
        self._plan = plan_parts(size, part_size) if _is_in_parts(size, part_size) else None
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._left = size if self._plan is None else self._plan[0].size

    def update(self, block: bytes) -> None:
        view = memoryview(block)
        while view:
            piece, view = view[: self._left], view[self._left :]
            self._md5.update(piece)
            self._left -= len(piece)
            if not self._left and self._plan is not None:
                self.md5s.append(self._md5.digest())
                self._md5 = hashlib.md5(usedforsecurity=False)
                done = len(self.md5s)
                self._left = self._plan[done].size if done < len(self._plan) else 0

    def value(self) -> str:
        return self._md5.hexdigest() if self._plan is None else multipart_etag(self.md5s)


def _is_in_parts(size: int, part_size: int) -> bool:
    return size <= MAX_OBJECT and is_in_parts(size, part_size)


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
