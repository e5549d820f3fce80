"""Bytes of an object that lie in files of the agent's store: a FUSE thread reads them by itself.

The body stays open as long as the descriptor of the program, so the files stay too, when the object
is overwritten or removed meanwhile, or leaves the cache.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import AsyncIterator
from itertools import accumulate
from typing import cast

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import ArrivingBody, Body, Piece

_MAX_PIECES = 64
"""Files that are kept open for one object, at most."""


class HeldFile:
    """The bytes of a body, at any offset, by any number of threads at once."""

    def __init__(self, body: Body, pieces: list[Piece]) -> None:
        """pieces: of FileBody.hold, valid until the body is closed."""
        self.body = body
        self._pieces = pieces
        self._starts = list(accumulate((piece.size for piece in pieces), initial=0))
        self.size = self._starts.pop()

    def read(self, size: int, offset: int) -> bytes:
        """Fewer bytes than size only at the end. Raises S3Error for damaged or missing bytes, and
        OSError."""
        index = bisect_right(self._starts, offset) - 1
        found = []
        while size and index < len(self._pieces):
            piece = self._pieces[index]
            start = offset - self._starts[index]
            length = min(size, piece.size - start)
            if length > 0:
                found.append(_read(piece, piece.offset + start, length))
                offset += length
                size -= length
            index += 1
        return found[0] if len(found) == 1 else b"".join(found)


class ArrivingFile(HeldFile):
    """The bytes of a body that is being fetched into a file."""

    def __init__(self, body: ArrivingBody) -> None:
        piece = body.file()
        super().__init__(body, [piece])
        self._start = piece.offset
        self._arrivals = body.arrivals()

    async def arrivals(self) -> AsyncIterator[int]:
        """How many bytes are there, each time when there are more. Raises S3Error."""
        async for until in self._arrivals:
            yield until - self._start


def arriving_file(body: Body) -> ArrivingFile | None:
    """The same body as a file to which its bytes come; None when it is no such body."""
    return ArrivingFile(cast("ArrivingBody", body)) if hasattr(body, "arrivals") else None


def hold_file(body: Body) -> HeldFile | None:
    """The same body as a file; None when its bytes are elsewhere, or in too many files."""
    hold = getattr(body, "hold", None)  # of a FileBody
    pieces = None if hold is None else hold(_MAX_PIECES)
    return None if pieces is None else HeldFile(body, pieces)


def _read(piece: Piece, start: int, size: int) -> bytes:
    if piece.check is not None:
        verified, end = start, start + size
        while verified < end:
            verified = piece.check(verified, end)
    data = os.pread(piece.fd, size, start)
    if len(data) < size:
        raise S3Error("InternalError", "A stored file is shorter than its record.")
    return data
