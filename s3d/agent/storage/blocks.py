"""Checksums of stored bytes: CRC32C of each block of 1 MiB, for the store, the queue and the cache.

CRC32C costs a sixtieth of an MD5, and a block can be checked without the rest of its file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import cache

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
    """Takes the bytes of a file as they come."""

    __slots__ = ("_calc", "_crc", "_size", "_sums")

    def __init__(self) -> None:
        self._calc = _model()
        self._sums = bytearray()
        self._crc = 0
        self._size = 0
        """Bytes of the block that is not full yet."""

    def update(self, data: bytes, /) -> None:
        view = memoryview(data)
        while view:
            part = view[: BLOCK - self._size]
            self._crc = self._calc(part, self._crc)
            self._size += len(part)
            if self._size == BLOCK:
                self._end_block()
            view = view[len(part) :]

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
    """What BlockSums gives for bytes of at most one block."""
    return crc(data).to_bytes(_SUM, "little") if data else b""


def sum_at(sums: bytes, block: int) -> int:
    """The checksum of one block."""
    return int.from_bytes(sums[block * _SUM : (block + 1) * _SUM], "little")


def sum_count(sums: bytes) -> int:
    """Of how many blocks there are checksums."""
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
    """Those blocks of an open file of this size whose bytes do not have the expected checksum.

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
