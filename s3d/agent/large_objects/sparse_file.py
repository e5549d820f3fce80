"""Files with holes: holes are not read, and zeros that are downloaded become holes again.

https://man7.org/linux/man-pages/man2/lseek.2.html, SEEK_DATA and SEEK_HOLE. A file system without
them says that all of a file is data.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

BLOCK = 1 << 20
"""Bytes that are read or written in one step."""
GRAIN = 64 << 10
"""Pieces of a file, from multiples of this many bytes, that are left out when they are zeros."""
ZEROS = bytes(BLOCK)
_VIEW = memoryview(ZEROS)

Update = Callable[[bytes | memoryview], None]
"""Takes further bytes, as hashers do."""


def next_data(fd: int, at: int, stop: int) -> int:
    """The offset of the next data from an offset on; stop when there is only a hole before it."""
    try:
        return min(os.lseek(fd, at, os.SEEK_DATA), stop)
    except OSError as error:
        # ENXIO: the rest of the file is a hole. EINVAL and its like: holes cannot be found.
        return stop if error.errno == errno.ENXIO else at


def read_block(fd: int, at: int, stop: int) -> bytes:
    """The bytes from an offset on, at most BLOCK; b"" where the file ends before `stop`."""
    size = min(BLOCK, stop - at)
    hole = next_data(fd, at, stop) - at
    if hole <= 0:
        return os.pread(fd, size, at)
    size = min(size, hole)
    if os.fstat(fd).st_size < at + size:
        return b""
    return ZEROS if size == BLOCK else bytes(size)


def blocks(fd: int, start: int, stop: int) -> Iterator[bytes]:
    """The bytes between two offsets; they end early where the file does."""
    while start < stop and (block := read_block(fd, start, stop)):
        start += len(block)
        yield block


def feed(fd: int, start: int, stop: int, updates: Sequence[Update]) -> bool:
    """Feed the bytes between two offsets to hashers; False where the file ends before."""
    for block in blocks(fd, start, stop):
        start += len(block)
        for update in updates:
            update(block)
    return start == stop


def md5_between(fd: int, start: int, stop: int) -> bytes | None:
    """The MD5 of the bytes between two offsets; None where the file ends before."""
    if next_data(fd, start, stop) == stop and os.fstat(fd).st_size >= stop:
        return md5_of_zeros(stop - start)
    md5 = hashlib.md5(usedforsecurity=False)
    return md5.digest() if feed(fd, start, stop, [md5.update]) else None


@lru_cache(maxsize=16)
def md5_of_zeros(size: int) -> bytes:
    """Most parts of a sparse file are holes of one size."""
    md5 = hashlib.md5(usedforsecurity=False)
    while size > 0:
        md5.update(_VIEW[: min(size, BLOCK)])
        size -= BLOCK
    return md5.digest()


def write_sparse(fd: int, data: bytes, at: int) -> None:
    """Write at an offset of a file that has been extended with truncate().

    Zeros are left out where the file has a hole. Raises OSError.
    """
    view, done = memoryview(data), 0
    while done < len(view):
        stop = min(len(view), done + GRAIN - (at + done) % GRAIN)
        if _is_hole(fd, view[done:stop], at + done):
            done = stop
            continue
        while stop < len(view) and not _is_hole(fd, view[stop : stop + GRAIN], at + stop):
            stop = min(len(view), stop + GRAIN)
        while done < stop:
            done += os.pwrite(fd, view[done:stop], at + done)


def _is_hole(fd: int, piece: memoryview, at: int) -> bool:
    """Whether a piece is zeros, where the file has a hole already."""
    is_zero = piece[0] == 0 and piece == _VIEW[: len(piece)]
    return is_zero and next_data(fd, at, at + len(piece)) == at + len(piece)
