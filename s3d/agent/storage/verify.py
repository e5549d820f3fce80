"""Which blocks of which files were read and found right since the start.

Each block is checked once per start, in the thread that is about to use its bytes, and again when
the file was written to meanwhile, which nobody ought to do.
"""

from __future__ import annotations

import os
from functools import partial

from s3d.agent.storage.blocks import (
    BLOCK,
    StoredDataCorrupt,
    block_count,
    blocks_of,
    crc,
    mask,
    sum_at,
    sum_count,
    wrong_blocks,
)
from s3d.agent.storage.record_cache import LRUCache

_FILES = 32_768
"""Files of which it is remembered what was checked."""
_AT_ONCE = 4
"""Blocks that are checked before the first of their bytes are used."""


class FileChecks:
    """The checks of one file. Two threads may check the same block; neither is wrong then."""

    __slots__ = ("_proven", "_stamp", "_sums")

    def __init__(self, sums: bytes, stamp: tuple[int, int]) -> None:
        self._sums = sums
        self._stamp = stamp
        self._proven = 0

    def matches(self, sums: bytes, stamp: tuple[int, int]) -> bool:
        return self._stamp == stamp and self._sums == sums

    def is_proven(self, start: int, size: int) -> bool:
        wanted = mask(*blocks_of(start, size))
        return self._proven & wanted == wanted

    def check(self, fd: int, start: int, end: int) -> int:
        """Check the blocks from start on, some at once; up to where the bytes may be used.

        In a thread. Raises StoredDataCorrupt.
        """
        first, last = blocks_of(start, end - start)
        last = min(last, first + _AT_ONCE)
        missing = [block for block in range(first, last) if not self._proven >> block & 1]
        for block in wrong_blocks(fd, self._stamp[0], missing, partial(sum_at, self._sums)):
            raise StoredDataCorrupt(f"block {block} does not have its checksum")
        self._proven |= mask(first, last)
        return end if self.is_proven(start, end - start) else last * BLOCK

    def is_whole(self, start: int, size: int) -> bool:
        """Whether these are all bytes of a file of one block."""
        return start == 0 and size == self._stamp[0] <= BLOCK

    def check_whole(self, data: bytes) -> None:
        """Check a file of one block by all of its bytes. Raises StoredDataCorrupt."""
        if crc(data) != sum_at(self._sums, 0):
            raise StoredDataCorrupt("block 0 does not have its checksum")
        self._proven |= 1


class VerifiedBlocks:
    """FileChecks by blob. Belongs to the loop."""

    def __init__(self) -> None:
        self._files: LRUCache[int, FileChecks] = LRUCache(_FILES, lambda _: 1)

    def of(self, blob: int, fd: int, sums: bytes) -> FileChecks | None:
        """None for a blob without checksums. Raises StoredDataCorrupt for one of another size."""
        if not sums:
            return None
        facts = os.fstat(fd)
        stamp = facts.st_size, facts.st_mtime_ns
        known = self._files.get(blob)
        if known is None or not known.matches(sums, stamp):
            if block_count(facts.st_size) != sum_count(sums):
                raise StoredDataCorrupt(f"its file has {facts.st_size} bytes")
            known = FileChecks(sums, stamp)
            self._files.put(blob, known)
        return known
