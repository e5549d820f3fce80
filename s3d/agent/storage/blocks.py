"""Checksums of the blocks of blobs: one CRC32C per MiB, verified before bytes leave the store."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial

from cachetools import LRUCache

from s3d.agent.s3.errors import S3Error

BLOCK = 1 << 20
"""Bytes of a block; the last one of a file may be shorter."""
_SUM = 4
"""Bytes of a checksum."""


class StoredDataCorrupt(S3Error):
    """The stored bytes are lost, or are not those that were written."""

    def __init__(self, why: str) -> None:
        super().__init__("InternalError", f"the stored bytes of this object are damaged: {why}")


class BlockSums:
    """Computes the block checksums of a file incrementally."""

    __slots__ = ("_calc", "_crc", "_size", "_sums")

    def __init__(self) -> None:
        self._calc = _model()
        self._sums = bytearray()
        self._crc = 0
        self._size = 0
        """Bytes of the block that is not full yet."""

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        view = memoryview(data)
        while view:
            part = view[: BLOCK - self._size]
            self._crc = self._calc(part, self._crc)
            self._size += len(part)
            if self._size == BLOCK:
                self._end_block()
            view = view[len(part) :]

    def copy(self) -> BlockSums:
        """Those of the same bytes, to which others can be added."""
        copied = BlockSums()
        copied._sums[:] = self._sums
        copied._crc, copied._size = self._crc, self._size
        return copied

    def digest(self) -> bytes:
        """The checksums of all blocks, 4 bytes each, little-endian; nothing can follow."""
        if self._size:
            self._end_block()
        return bytes(self._sums)

    def _end_block(self) -> None:
        self._sums += self._crc.to_bytes(_SUM, "little")
        self._crc = self._size = 0


def crc(data: bytes | memoryview) -> int:
    """CRC32C."""
    return _model()(data, 0) if data else 0


def sums_of(data: bytes) -> bytes:
    """The BlockSums digest of bytes of at most one block."""
    return crc(data).to_bytes(_SUM, "little") if data else b""


def sum_at(sums: bytes, block: int) -> int:
    """The checksum of one block."""
    return int.from_bytes(sums[block * _SUM : (block + 1) * _SUM], "little")


def sum_count(sums: bytes) -> int:
    """The number of blocks with checksums."""
    return len(sums) // _SUM


def block_count(size: int) -> int:
    return -(-size // BLOCK)


def block_size(size: int, block: int) -> int:
    """Bytes of a block of a file of this size."""
    return min(BLOCK, size - block * BLOCK)


def blocks_of(start: int, size: int) -> tuple[int, int]:
    """The blocks (first, end) that hold these bytes."""
    return start // BLOCK, -(-(start + size) // BLOCK)


def mask(first: int, end: int) -> int:
    """A bit for each block of a run."""
    return (1 << end) - (1 << first)


def wrong_blocks(
    fd: int, size: int, blocks: Iterable[int], expected: Callable[[int], int]
) -> Iterator[int]:
    """The blocks of an open file of this size whose bytes do not have the expected checksum.

    What cannot be read is wrong as well. Blocks the caller: in a thread.
    """
    for block in blocks:
        length = block_size(size, block)
        try:
            data = os.pread(fd, length, block * BLOCK)
        except OSError:
            data = b""
        if len(data) != length or crc(data) != expected(block):
            yield block


@cache
def _model() -> Callable[[bytes | memoryview, int], int]:
    """anycrc's function; its import costs milliseconds that an idle agent need not pay."""
    from anycrc.crc import Model

    calc: Callable[[bytes | memoryview, int], int] = Model("CRC32-ISCSI").calc
    return calc


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
        self._files: LRUCache[int, FileChecks] = LRUCache(_FILES)

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
            self._files[blob] = known
        return known
