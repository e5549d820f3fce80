"""The bytes of an object that lie in files, as a messages.FileBody."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Protocol

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import NO_TRAILERS, Piece
from s3d.agent.storage.blocks import FileChecks, StoredDataCorrupt, VerifiedBlocks
from s3d.agent.storage.records import Extent

_AT_ONCE = 256 << 10
"""Up to this size (bytes) a body may be had without waiting."""
_CHUNK = 1 << 20

_NOWAIT: int | None = getattr(os, "RWF_NOWAIT", None)
"""Linux: read only what is in memory. Elsewhere every read takes a thread."""


class BlobFolder(Protocol):
    """The folder of the files, and the leases on files that are being read."""

    @property
    def verified(self) -> VerifiedBlocks: ...

    def path(self, blob: int) -> Path: ...

    def report_damage(self, name: str, why: str) -> None: ...

    def lease(self, blobs: Sequence[int]) -> None: ...

    def end_lease(self, blobs: Sequence[int]) -> None: ...


class BlobCheck:
    """The check of a Piece: its blocks are compared with their checksums."""

    __slots__ = ("_checks", "_fd", "_report", "blob", "sums")

    def __init__(
        self, extent: Extent, fd: int, checks: FileChecks, report: Callable[[str], None]
    ) -> None:
        """report: is told why the file is damaged."""
        self.blob = extent.blob
        self.sums = extent.sums
        """The checksums of all blocks of the file."""
        self._fd = fd
        self._checks = checks
        self._report = report

    def __call__(self, start: int, end: int) -> int:
        """In a thread."""
        try:
            return self._checks.check(self._fd, start, end)
        except StoredDataCorrupt as error:
            self._report(error.message)
            raise


class BlobBody:
    """Extents in order. Raises StoredDataCorrupt for a file that is missing, too short or damaged.

    Blocks that have checksums are checked before their bytes are given away, once per start.
    """

    __slots__ = (
        "_checks",
        "_closed",
        "_extents",
        "_fd",
        "_held",
        "_leased",
        "_name",
        "_place",
        "size",
    )

    def __init__(self, place: BlobFolder, extents: Sequence[Extent], name: str = "") -> None:
        """name: of the object, for log lines and errors."""
        self._place = place
        self._name = name
        self._extents = extents
        self.size = sum(extent.size for extent in extents)
        self._leased = [extent.blob for extent in extents]
        self._closed = False
        self._held: list[int] = []
        """Further open files, until the body is closed."""
        # Opened now, so that a file that is gone is an error and not a broken-off answer.
        self._fd, self._checks = self._open(extents[0])
        place.lease(self._leased)

    @property
    def trailers(self) -> Mapping[str, str]:
        return NO_TRAILERS

    def now(self) -> bytes | None:
        """The whole body, if it is small and already in the page cache."""
        if self.size > _AT_ONCE or _NOWAIT is None:
            return None
        try:
            return self._now()
        except S3Error:
            self._close()
            raise

    def pieces(self) -> Generator[Piece]:
        with closing(self._files()) as files:
            for extent, fd, checks in files:
                yield self._piece(extent, fd, checks)

    def hold(self, most: int) -> list[Piece] | None:
        if len(self._extents) > most:
            return None
        pieces = [self._piece(self._extents[0], self._fd, self._checks)]
        for extent in self._extents[1:]:
            fd, checks = self._open(extent)
            self._held.append(fd)
            pieces.append(self._piece(extent, fd, checks))
        return pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        with closing(self.pieces()) as pieces:
            for piece in pieces:
                at, end = piece.offset, piece.offset + piece.size
                while at < end:
                    size = min(_CHUNK, end - at)
                    chunk = await loop.run_in_executor(None, _read, piece, size, at)
                    if not chunk:
                        raise StoredDataCorrupt("a file is shorter than expected")
                    at += len(chunk)
                    yield chunk

    async def aclose(self) -> None:
        self._close()

    def _close(self) -> None:
        if not self._closed:
            self._closed = True
            for fd in (self._fd, *self._held):
                os.close(fd)
            self._place.end_lease(self._leased)

    def _now(self) -> bytes | None:
        found = []
        with closing(self._files()) as files:
            for extent, fd, checks in files:
                data = _read_now(extent, fd)
                if data is None:
                    return None
                if checks is not None and not checks.is_proven(extent.offset, extent.size):
                    if not checks.is_whole(extent.offset, extent.size):
                        return None
                    self._check_whole(checks, data)
                found.append(data)
        return found[0] if len(found) == 1 else b"".join(found)

    def _files(self) -> Generator[tuple[Extent, int, FileChecks | None]]:
        first, *others = self._extents
        yield first, self._fd, self._checks
        for extent in others:
            fd, checks = self._open(extent)
            try:
                yield extent, fd, checks
            finally:
                os.close(fd)

    def _piece(self, extent: Extent, fd: int, checks: FileChecks | None) -> Piece:
        check = None
        if checks is not None and not checks.is_proven(extent.offset, extent.size):
            check = BlobCheck(extent, fd, checks, partial(self.report_bytes, extent.blob, fd))
        return Piece(fd, extent.offset, extent.size, check)

    def _open(self, extent: Extent) -> tuple[int, FileChecks | None]:
        path = self._place.path(extent.blob)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            reason = error.strerror or str(error)
            if error.errno == errno.ENOENT:
                self._report(f"{path}: {reason}")
            raise S3Error("InternalError", f"cannot read a file of the store: {reason}") from error
        try:
            return fd, self._place.verified.of(extent.blob, fd, extent.sums)
        except BaseException as error:
            os.close(fd)
            if isinstance(error, StoredDataCorrupt):
                self._report(error.message)
            raise

    def report_bytes(self, blob: int, fd: int, why: str) -> None:
        """The bytes that a thread has read of an open file are wrong. Nothing is reported when the
        file was closed meanwhile, since the reader was cancelled: they may be of another file."""
        try:
            is_open = os.path.samestat(os.fstat(fd), os.stat(self._place.path(blob)))
        except OSError:
            return
        if is_open:
            self._report(why)

    def _report(self, why: str) -> None:
        self._place.report_damage(self._name, why)

    def _check_whole(self, checks: FileChecks, data: bytes) -> None:
        try:
            checks.check_whole(data)
        except StoredDataCorrupt as error:
            self._report(error.message)
            raise


def _read(piece: Piece, size: int, at: int) -> bytes:
    """In a thread."""
    if piece.check is not None:
        piece.check(at, at + size)
    return os.pread(piece.fd, size, at)


def _read_now(extent: Extent, fd: int) -> bytes | None:
    buffer = bytearray(extent.size)
    try:
        size = os.preadv(fd, [buffer], extent.offset, _NOWAIT or 0)
    except OSError:  # not in memory, or the file system cannot say
        return None
    return bytes(buffer) if size == extent.size else None
