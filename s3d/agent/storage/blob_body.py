"""The bytes of an object that lie in files, as a messages.FileBody."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import NO_TRAILERS, Piece
from s3d.agent.storage.records import Extent

_AT_ONCE = 256 << 10
"""Up to this size (bytes) a body may be had without waiting."""
_CHUNK = 1 << 20

_NOWAIT: int | None = getattr(os, "RWF_NOWAIT", None)
"""Linux: read only what is in memory. Elsewhere every read takes a thread."""


class Place(Protocol):
    """Where the files are, and who must not remove them while they are read."""

    def path(self, blob: int) -> Path: ...

    def lease(self, blobs: Sequence[int]) -> None: ...

    def give_back(self, blobs: Sequence[int]) -> None: ...


class BlobBody:
    """Extents in order. Raises InternalError for a file that is gone or too short."""

    __slots__ = ("_closed", "_extents", "_fd", "_leased", "_place", "size")

    def __init__(self, place: Place, extents: Sequence[Extent]) -> None:
        self._place = place
        self._extents = extents
        self.size = sum(extent.size for extent in extents)
        self._leased = [extent.blob for extent in extents]
        self._closed = False
        # Opened now, so that a file that is gone is an error and not a broken-off answer.
        self._fd = self._open(extents[0].blob)
        place.lease(self._leased)

    @property
    def trailers(self) -> Mapping[str, str]:
        return NO_TRAILERS

    def now(self) -> bytes | None:
        """All of it, if that is little and lies in memory already."""
        if self.size > _AT_ONCE or _NOWAIT is None:
            return None
        found = []
        with closing(self.pieces()) as pieces:
            for piece in pieces:
                data = _read_now(piece)
                if data is None:
                    return None
                found.append(data)
        return found[0] if len(found) == 1 else b"".join(found)

    def pieces(self) -> Generator[Piece]:
        first, *others = self._extents
        yield Piece(self._fd, first.offset, first.size)
        for extent in others:
            fd = self._open(extent.blob)
            try:
                yield Piece(fd, extent.offset, extent.size)
            finally:
                os.close(fd)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        with closing(self.pieces()) as pieces:
            for piece in pieces:
                at, end = piece.offset, piece.offset + piece.size
                while at < end:
                    size = min(_CHUNK, end - at)
                    chunk = await loop.run_in_executor(None, os.pread, piece.fd, size, at)
                    if not chunk:
                        raise S3Error("InternalError", "a file of the store is too short")
                    at += len(chunk)
                    yield chunk

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            os.close(self._fd)
            self._place.give_back(self._leased)

    def _open(self, blob: int) -> int:
        path = self._place.path(blob)
        try:
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            reason = error.strerror or str(error)
            raise S3Error("InternalError", f"cannot read a file of the store: {reason}") from error


def _read_now(piece: Piece) -> bytes | None:
    buffer = bytearray(piece.size)
    try:
        size = os.preadv(piece.fd, [buffer], piece.offset, _NOWAIT or 0)
    except OSError:  # not in memory, or the file system cannot say
        return None
    return bytes(buffer) if size == piece.size else None
