"""The files of large entries: opened, read and found right. Whatever is wrong is a miss."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import closing

from s3d.agent.s3.messages import Body
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.blocks import blocks_of, mask, wrong_blocks
from s3d.agent.storage.records import Extent
from s3d.agent.stores.read_cache.entry import Entry

logger = logging.getLogger(__name__)

Stamp = tuple[int, int]


class Files:
    """Reads entries that lie in files."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def body(self, entry: Entry, start: int, size: int) -> Body | None:
        """Bytes that are here and were found right, without waiting; else None."""
        if not (entry.covers(start, size) and entry.is_proven(start, size)):
            return None
        fd = self.open(entry)
        if fd is None:
            return None
        with closing(_Descriptor(fd)):
            if _stamp(fd) != entry.stamp:
                return None
        return self._blobs.body([Extent(entry.blob, start, size)])

    async def prove(self, entry: Entry, start: int, size: int) -> bool:
        """Read the blocks that hold these bytes and were not found right yet. False: one is wrong.

        A wrong block is not there any more.
        """
        fd = self.open(entry)
        if fd is None:
            entry.present = entry.proven = 0
            return False
        with closing(_Descriptor(fd)):
            stamp = _stamp(fd)
            if stamp != entry.stamp:
                entry.proven, entry.stamp = 0, stamp
            first, end = blocks_of(start, size)
            doubted = [n for n in range(first, end) if entry.has(n) and not entry.proven >> n & 1]
            wrong = await asyncio.to_thread(_wrong, fd, entry, doubted)
            for block in doubted:
                entry.proven |= mask(block, block + 1)
            for block in wrong:
                entry.proven &= ~mask(block, block + 1)
                entry.present &= ~mask(block, block + 1)
            if wrong:
                logger.warning(
                    "cached bytes have changed on the disk bucket=%s key=%s blocks=%d",
                    entry.bucket,
                    entry.key,
                    len(wrong),
                )
        return not wrong

    def open(self, entry: Entry) -> int | None:
        """Its file, for reading; None when it is gone."""
        try:
            return os.open(self._blobs.path(entry.blob), os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            logger.warning("a cached file is gone: %s key=%s", error.strerror, entry.key)
            return None

    def create(self, blob: int) -> int:
        """A new file, open for both. In a thread. Raises OSError."""
        os.close(self._blobs.create(blob))
        return self.reopen(blob)

    def reopen(self, blob: int) -> int:
        """One that is there, open for both. Raises OSError."""
        return os.open(self._blobs.path(blob), os.O_RDWR | os.O_CLOEXEC)


class _Descriptor:
    """Closes one, as a context."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def close(self) -> None:
        os.close(self._fd)


def stamp_of(fd: int) -> Stamp:
    """What changes when somebody writes to the file."""
    facts = os.fstat(fd)
    return facts.st_size, facts.st_ctime_ns


_stamp = stamp_of


def _wrong(fd: int, entry: Entry, blocks: list[int]) -> list[int]:
    """Those whose bytes are not what their checksums say. In a thread."""
    return list(wrong_blocks(fd, entry.size, blocks, entry.sums.__getitem__))
