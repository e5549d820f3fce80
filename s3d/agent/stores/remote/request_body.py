"""Bodies on their way to the remote: time-outs, held-back ends, and trailing checksums."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager

from s3d.agent.s3.checksums import ALGORITHMS, algorithm_of, hasher
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import NO_TRAILERS, Body

CHUNK_SIZE = 1024 * 1024
"""Bytes of one chunk of the aws-chunked coding; S3 requires at least 8 KiB."""

HASH_INLINE = 64 * 1024
"""Bytes that are hashed on the loop; more are hashed in a thread."""


class PhaseTimeout:
    """A time-out that runs only while the remote has to act: read our bytes, or respond."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timeout: asyncio.Timeout | None = None

    @asynccontextmanager
    async def limit(self, seconds: float) -> AsyncIterator[None]:
        """Await a response; seconds: until the first sign of life."""
        async with asyncio.timeout(seconds) as self._timeout:
            try:
                yield
            finally:
                self._timeout = None

    def pause(self) -> None:
        """We, or our client, have to act: no time-out."""
        self._set(None)

    def resume(self) -> None:
        """The remote has to read or to send bytes."""
        self._set(asyncio.get_running_loop().time() + self._seconds)

    def _set(self, when: float | None) -> None:
        # None: the response came before the body was sent, and nothing waits any more.
        if self._timeout is not None and not self._timeout.expired():
            self._timeout.reschedule(when)


class RequestBody:
    """A body as aiohttp sends it. error: why the body itself failed, if it did."""

    def __init__(self, body: Body, timeout: PhaseTimeout) -> None:
        self.started = False
        self.error: S3Error | OSError | None = None
        self._body = body
        self._timeout = timeout

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.started = True
        self._timeout.pause()
        try:
            async for chunk in hold_back_last(self._body):
                self._timeout.resume()
                yield chunk
                self._timeout.pause()
        except (S3Error, OSError) as error:
            self.error = error
            # SeaweedFS 4.48 stores a body that breaks off before its first byte as an empty object,
            # whatever Content-Length says; one wrong byte prevents that. It fits into
            # Content-Length, because the last bytes of the body were held back.
            self._timeout.resume()
            yield _SPOILER
            raise
        self._timeout.resume()


_SPOILER = b"\0"


async def hold_back_last(body: Body) -> AsyncIterator[bytes]:
    """The body's bytes; the last chunk only after the body has ended without an error.

    A body can prove wrong at its very end (hash, signature). Without its last bytes the remote
    cannot store it.
    """
    last = b""
    async for chunk in body:
        if chunk:
            if last:
                yield last
            last = chunk
    if last:
        yield last


class HashedBody:
    """A body with its checksum as a trailer."""

    def __init__(self, body: Body, algorithm: str) -> None:
        """Raises S3Error InvalidRequest for an unknown algorithm."""
        self._body = body
        self._hasher = hasher(algorithm)
        self.trailer = ALGORITHMS[algorithm].header
        self.size = body.size
        self.trailers = NO_TRAILERS

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._body:
            if len(chunk) > HASH_INLINE:
                await asyncio.to_thread(self._hasher.update, chunk)
            else:
                self._hasher.update(chunk)
            yield chunk
        self.trailers = {self.trailer: self._hasher.b64(), **self._body.trailers}

    async def aclose(self) -> None:
        await self._body.aclose()


class TrailedBody:
    """A body in the aws-chunked coding, with trailing checksums.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
    """

    def __init__(self, body: Body, size: int, trailers: Collection[str]) -> None:
        """size: bytes of the body itself. trailers: lower-case names that the body will have.

        Raises KeyError for a trailer that is no checksum.
        """
        self._body = body
        self._decoded = size
        self._names = trailers
        chunks = sum(len(head) + chunk for chunk, head in _chunk_heads(size))
        ends = sum(len(name) + 3 + _trailer_size(name) for name in trailers)
        self.size = chunks + (2 if size else 0) + len("0\r\n") + ends + len("\r\n")
        self.trailers = NO_TRAILERS

    async def __aiter__(self) -> AsyncIterator[bytes]:
        heads = _chunk_heads(self._decoded)
        left = 0
        async for piece in self._body:
            view = memoryview(piece)
            while view:
                if not left:
                    left, head = next(heads)
                    yield head
                part = view[:left]
                yield bytes(part)
                left -= len(part)
                view = view[len(part) :]
        trailers = self._body.trailers
        if any(name not in trailers for name in self._names):
            raise S3Error("MalformedTrailerError")
        end = "".join(f"{name}:{trailers[name]}\r\n" for name in self._names)
        yield (("\r\n" if self._decoded else "") + f"0\r\n{end}\r\n").encode()

    async def aclose(self) -> None:
        await self._body.aclose()


def are_checksums(names: Collection[str]) -> bool:
    """Whether all these trailers are checksums, so that their lengths are known in advance."""
    return all(algorithm_of(name) for name in names)


def _trailer_size(name: str) -> int:
    """Characters of the value: the digest in base64."""
    digest = ALGORITHMS[algorithm_of(name) or ""].size
    return (digest + 2) // 3 * 4


def _chunk_heads(size: int) -> Iterator[tuple[int, bytes]]:
    """(bytes of the chunk, what stands before it) of each chunk."""
    for start in range(0, size, CHUNK_SIZE):
        chunk = min(CHUNK_SIZE, size - start)
        yield chunk, f"{chr(13) + chr(10) if start else ''}{chunk:x}\r\n".encode()
