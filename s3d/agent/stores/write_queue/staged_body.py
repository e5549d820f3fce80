"""Staged bytes on their way to the remote: hashed again as they are read, and no faster than told.

A file may have rotted since it was written. A small payload is hashed before it goes; a large one
while it goes, and its end is an error when the hash is not the one it had: RemoteStore holds the
last bytes of a body back until it has ended well, so the remote never has such an object.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from typing import Protocol

from s3d.agent.core.token_bucket import TokenBucket
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import NO_TRAILERS, Body, BytesBody
from s3d.agent.stores.write_queue.clock import Clock
from s3d.shared.config.values import Timetable

SMALL = 256 << 10
"""Up to this size (bytes) a payload is read before it is sent, so that it can be sent twice."""
_INLINE = 64 << 10
"""Up to this size (bytes) hashing takes no thread."""
_LEAST = 4 << 10
"""Bytes of the smallest slice that a slow rate makes of a chunk."""
_GONE = frozenset((errno.ENOENT, errno.EIO, errno.ESTALE, errno.ENOTDIR, errno.EISDIR))
"""A file that cannot be had any more, unlike one for which the process lacks means."""


class Hash(Protocol):
    """One of hashlib's."""

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class Throttle:
    """Lets bytes pass at the rate of the timetable; shared by all pushes."""

    def __init__(self, timetable: Timetable, clock: Clock) -> None:
        self.timetable = timetable
        self._clock = clock
        self._bucket = TokenBucket()

    @property
    def rate(self) -> int | None:
        """Bytes a second at this time of the day; None: no limit."""
        return self.timetable.rate_at(self._clock.minute())

    async def admit(self, size: int) -> None:
        """Return when so many bytes may go."""
        wait = self._bucket.take(size, self.rate, self._clock.steady())
        if wait > 0:
            await self._clock.sleep(wait)

    async def slices(self, chunk: bytes) -> AsyncIterator[bytes]:
        """A chunk in pieces small enough to go smoothly, each when it may."""
        rate = self.rate
        size = len(chunk) if rate is None else max(_LEAST, rate // 4)
        for start in range(0, len(chunk), size):
            piece = chunk if size >= len(chunk) else chunk[start : start + size]
            await self.admit(len(piece))
            yield piece


class StagedDataCorrupt(S3Error):
    """The staged bytes are lost, or are not those that were accepted: they must not be pushed."""

    def __init__(self, why: str) -> None:
        super().__init__("InternalError", why)


class VerifiedBody:
    """A Body whose iteration raises StagedDataCorrupt at its end when the bytes are wrong."""

    def __init__(
        self, source: Body, md5: bytes, throttle: Throttle, moved: Callable[[int], None]
    ) -> None:
        self.size = source.size
        self._source = source
        self._md5 = md5
        self._throttle = throttle
        self._moved = moved

    @property
    def trailers(self) -> Mapping[str, str]:
        return NO_TRAILERS

    async def __aiter__(self) -> AsyncIterator[bytes]:
        md5 = hashlib.md5(usedforsecurity=False)
        async for chunk in read(self._source):
            await _update(md5, chunk)
            async for piece in self._throttle.slices(chunk):
                yield piece
                self._moved(len(piece))
        _check(md5, self._md5)

    async def aclose(self) -> None:
        await self._source.aclose()


async def ready(source: Body, md5: bytes, throttle: Throttle, moved: Callable[[int], None]) -> Body:
    """The payload to send; a small one is verified here. Raises StagedDataCorrupt."""
    if (source.size or 0) > SMALL:
        return VerifiedBody(source, md5, throttle, moved)
    if isinstance(source, BytesBody):
        data = source.data
    else:
        async with aclosing(source):
            data = b"".join([chunk async for chunk in read(source)])
    _check(hashlib.md5(data, usedforsecurity=False), md5)
    await throttle.admit(len(data))
    moved(len(data))
    return BytesBody(data)


async def md5_of(source: Body) -> bytes:
    """The MD5 of a payload, which is closed. Raises StagedDataCorrupt."""
    md5 = hashlib.md5(usedforsecurity=False)
    async with aclosing(source):
        async for chunk in read(source):
            await _update(md5, chunk)
    return md5.digest()


async def read(source: Body) -> AsyncIterator[bytes]:
    """The bytes of a staged payload. Raises StagedDataCorrupt where they cannot be had any more."""
    with lost_as_corrupt():
        async for chunk in source:
            yield chunk


@contextmanager
def lost_as_corrupt() -> Iterator[None]:
    """Translate errors of lost staged files into StagedDataCorrupt."""
    try:
        yield
    except S3Error as error:
        cause = error.failure
        if isinstance(error, StagedDataCorrupt) or (
            isinstance(cause, OSError) and cause.errno not in _GONE
        ):
            raise
        raise StagedDataCorrupt(error.message) from error


async def _update(md5: Hash, chunk: bytes) -> None:
    if len(chunk) > _INLINE:
        await asyncio.to_thread(md5.update, chunk)
    else:
        md5.update(chunk)


def _check(md5: Hash, wanted: bytes) -> None:
    if md5.digest() != wanted:
        raise StagedDataCorrupt("the staged bytes are not those that were accepted")
