"""Payloads on their way to and from the remote."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import aclosing, asynccontextmanager, suppress

import aiohttp

from s3d.agent.s3.checksums import ALGORITHMS, algorithm_of, hasher
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import NO_TRAILERS, Body
from s3d.agent.stores.remote.error_mapping import unreachable
from s3d.agent.stores.remote.http_transport import as_unreachable

CHUNK_SIZE = 1024 * 1024
"""Bytes of one chunk of the aws-chunked coding; S3 asks for 8 KiB at least."""

HASH_INLINE = 64 * 1024
"""Bytes that are hashed on the loop; more are hashed in a thread."""


class PhaseTimeout:
    """A time-out that runs only while it is the remote's turn to act."""

    def __init__(self, silence: float) -> None:
        self._silence = silence
        self._timeout: asyncio.Timeout | None = None

    @asynccontextmanager
    async def limit(self, seconds: float) -> AsyncIterator[None]:
        """Wait for an answer, for so long until the remote's first sign of life."""
        async with asyncio.timeout(seconds) as self._timeout:
            try:
                yield
            finally:
                self._timeout = None

    def ours(self) -> None:
        """We, or our client, have to do something: the remote may wait as long as it takes."""
        self._set(None)

    def theirs(self) -> None:
        """The remote has to take or to give bytes."""
        self._set(asyncio.get_running_loop().time() + self._silence)

    def _set(self, when: float | None) -> None:
        # None: the answer came before the body was sent, and nobody waits any more.
        if self._timeout is not None and not self._timeout.expired():
            self._timeout.reschedule(when)


class RequestBody:
    """A body as aiohttp sends it; what goes wrong on our side of it is kept in error."""

    def __init__(self, body: Body, watch: PhaseTimeout) -> None:
        self.started = False
        self.error: S3Error | OSError | None = None
        self._body = body
        self._watch = watch

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.started = True
        self._watch.ours()
        try:
            async for chunk in hold_back_last(self._body):
                self._watch.theirs()
                yield chunk
                self._watch.ours()
        except (S3Error, OSError) as error:
            self.error = error
            # SeaweedFS 4.48 takes a body that breaks off before the first byte for an empty one,
            # whatever Content-Length says; a byte too much keeps it from that. There is room for
            # it: the last bytes of the body were held back.
            self._watch.theirs()
            yield _SPOILER
            raise
        self._watch.theirs()


_SPOILER = b"\0"


async def hold_back_last(body: Body) -> AsyncIterator[bytes]:
    """The body's bytes, the last of them only when the body has ended well.

    A body may turn out wrong at its very end (hash, signature); without its last bytes the remote
    cannot take it for complete.
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
    """A body that knows its checksum at its end, as the trailer that S3 wants."""

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
    """A body in the aws-chunked coding, its checksum after it.

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
        said = self._body.trailers
        if any(name not in said for name in self._names):
            raise S3Error("MalformedTrailerError")
        end = "".join(f"{name}:{said[name]}\r\n" for name in self._names)
        yield (("\r\n" if self._decoded else "") + f"0\r\n{end}\r\n").encode()

    async def aclose(self) -> None:
        await self._body.aclose()


def are_checksums(names: Collection[str]) -> bool:
    """Whether all these trailers are checksums, whose lengths are known before the body is."""
    return all(algorithm_of(name) for name in names)


def _trailer_size(name: str) -> int:
    """Characters of its value: base64 of the digest."""
    digest = ALGORITHMS[algorithm_of(name) or ""].size
    return (digest + 2) // 3 * 4


def _chunk_heads(size: int) -> Iterator[tuple[int, bytes]]:
    """(bytes of the chunk, what stands before it) of each chunk."""
    for start in range(0, size, CHUNK_SIZE):
        chunk = min(CHUNK_SIZE, size - start)
        yield chunk, f"{chr(13) + chr(10) if start else ''}{chunk:x}\r\n".encode()


class ResponseBody:
    """The payload of an answer."""

    __slots__ = ("_ahead", "_remote", "_response", "_silence", "size", "trailers")

    def __init__(self, response: aiohttp.ClientResponse, remote: str, silence: float) -> None:
        self._response = response
        self._remote = remote
        self._silence = silence
        self._ahead = b""
        self.size = _size(response)
        self.trailers = NO_TRAILERS

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Raises S3Error ServiceUnavailable when the answer breaks off."""
        if self._ahead:
            ahead, self._ahead = self._ahead, b""
            yield ahead
        while chunk := await self._next():
            yield chunk

    async def _next(self) -> bytes:
        """The next chunk; b"" at the end. Raises S3Error ServiceUnavailable."""
        try:
            async with asyncio.timeout(self._silence):
                return await self._response.content.readany()
        except (aiohttp.ClientError, OSError) as error:
            cause = as_unreachable(error)
            raise unreachable(self._remote, cause) from cause

    async def peek(self, is_enough: Callable[[bytes], bool]) -> bytes:
        """The beginning of the payload, which is read again afterwards; less when it breaks off."""
        with suppress(S3Error):
            while not is_enough(self._ahead) and (chunk := await self._next()):
                self._ahead += chunk
        return self._ahead

    async def read(self, limit: int) -> bytes:
        """All of a small payload, at most limit bytes, and close it."""
        found = bytearray()
        async with aclosing(self):
            async for chunk in self:
                found += chunk
                if len(found) >= limit:
                    break
        return bytes(found[:limit])

    async def aclose(self) -> None:
        """Give the connection back, or close it when not all was read."""
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()


def _size(response: aiohttp.ClientResponse) -> int | None:
    if response.method == "HEAD" or response.status in (204, 304):
        return 0
    text = response.headers.get("content-length", "")
    return int(text) if text.isdigit() else None
