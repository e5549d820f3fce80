"""The file of an upload: the bytes that it had when it was opened, or none."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from s3d.agent.large_objects.sparse_file import read_block
from s3d.agent.s3.errors import S3Error
from s3d.agent.transfers.local_files import NotTransferable

_READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Opening a fifo must not wait for its writer."""


class SourceFile:
    """An open file. Its size is fixed when it is opened: what is appended later is not sent."""

    def __init__(self, fd: int) -> None:
        """fd: stays the caller's. Raises NotTransferable when it is not a regular file."""
        stat_result = os.fstat(fd)
        if not stat.S_ISREG(stat_result.st_mode):
            raise NotTransferable("not a regular file")
        self.fd, self.size = fd, stat_result.st_size
        self.modified_ns = stat_result.st_mtime_ns
        self._state = _state(stat_result)

    @property
    def version(self) -> str:
        """Identifies these bytes."""
        return repr(self._state)

    @property
    def has_changed(self) -> bool:
        """Whether the file was written to since it was opened."""
        return _state(os.fstat(self.fd)) != self._state

    async def blocks(self, moved: Callable[[int], None]) -> AsyncIterator[bytes]:
        """The bytes, without reading holes. Raises IncompleteBody when the file changes meanwhile;
        OSError."""
        at = 0
        while at < self.size:
            block = await asyncio.to_thread(read_block, self.fd, at, self.size)
            if not block:
                break
            at += len(block)
            yield block
            moved(len(block))
        if at < self.size or self.has_changed:
            raise S3Error("IncompleteBody", "The file was changed while it was read.")


@asynccontextmanager
async def opened(path: str) -> AsyncIterator[SourceFile]:
    """The file at a path; no link is followed. Raises OSError, NotTransferable."""
    fd = await asyncio.to_thread(os.open, path, _READING)
    try:
        yield SourceFile(fd)
    finally:
        os.close(fd)


def _state(stat_result: os.stat_result) -> tuple[int, int, int, int]:
    return (
        stat_result.st_size, stat_result.st_mtime_ns, stat_result.st_ino, stat_result.st_dev,
    )  # fmt: skip
