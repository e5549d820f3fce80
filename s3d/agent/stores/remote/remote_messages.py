"""A request to the remote and its response, as HTTP has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from s3d.agent.core.failures import Reason, Refusal, Unreachable
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import NO_TRAILERS, Body
from s3d.agent.s3.model import Operation
from s3d.agent.s3.signature_elements import EMPTY_SHA256
from s3d.agent.s3.trace_context import TraceContext
from s3d.agent.stores.remote.error_mapping import unreachable
from s3d.agent.stores.remote.traffic_limit import TrafficLimit

Headers = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class RemoteRequest:
    """A request to be signed and sent."""

    op: Operation
    method: str
    bucket: str = ""
    key: str = ""
    raw_query: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    """Lower-case names; without host, date, length and signature."""
    body: Body | bytes = b""
    """Bytes can be sent again, a Body cannot."""
    length: int | None = 0
    """Bytes on the wire; None: not known."""
    payload: str = EMPTY_SHA256
    """The value of x-amz-content-sha256."""
    trace: TraceContext | None = None
    """The span that makes the request."""
    may_repeat: bool = False
    """The request is idempotent: it is sent again when its response is lost."""


@dataclass
class RemoteResponse:
    """The response of the remote, its body not read unless it is an error."""

    status: int
    headers: Headers
    """Lower-case names, without hop-by-hop headers."""
    body: ResponseBody
    document: bytes = b""
    """The body of an error, which has been read."""
    refusal: Refusal | None = None
    """What the error document of an error says; None for a success."""
    host: str = ""
    """HOST or HOST:PORT of the server that was asked."""

    @cached_property
    def by_name(self) -> dict[str, str]:
        """The headers by lower-case name."""
        return dict(self.headers)


class BodySource(Protocol):
    """The bytes of a response's body on its connection."""

    def take(self, limit: int | None) -> bytes | None:
        """What has arrived, at most limit bytes; b"" at the end; None: read() has to wait for it.

        Raises Unreachable.
        """

    async def read(self, limit: int | None) -> bytes:
        """The next bytes, at most limit; b"" at the end. Raises Unreachable."""

    def close(self) -> None:
        """Return the connection to its pool, or close it when bytes are left to arrive."""


class ResponseBody:
    """The body of a response."""

    __slots__ = ("_ahead", "_remote", "_silence", "_source", "_traffic", "size", "trailers")

    def __init__(
        self,
        source: BodySource,
        size: int | None,
        *,
        remote: str,
        silence: float,
        traffic: TrafficLimit,
    ) -> None:
        """silence: seconds to wait for the next byte."""
        self._source = source
        self._remote = remote
        self._silence = silence
        self._traffic = traffic
        self._ahead = b""
        self.size = size
        self.trailers = NO_TRAILERS

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Raises S3Error ServiceUnavailable when the connection breaks."""
        if self._ahead:
            ahead, self._ahead = self._ahead, b""
            if self._traffic.is_active:
                await self._traffic.receive(len(ahead))
            yield ahead
        while chunk := await self._next():
            if self._traffic.is_active:
                await self._traffic.receive(len(chunk))
            yield chunk

    async def _next(self) -> bytes:
        """The next chunk; b"" at the end. Raises S3Error ServiceUnavailable."""
        limit = self._traffic.received_slice() if self._traffic.is_active else None
        try:
            chunk = self._source.take(limit)
            if chunk is None:
                async with asyncio.timeout(self._silence):
                    chunk = await self._source.read(limit)
        except TimeoutError as error:
            cause = Unreachable(Reason.TIMEOUT, "TimeoutError", sent=True)
            raise unreachable(self._remote, cause) from error
        except Unreachable as cause:
            raise unreachable(self._remote, cause) from cause
        return chunk

    async def peek(self, is_enough: Callable[[bytes], bool]) -> bytes:
        """The first bytes, until is_enough; they stay part of the body. Fewer if it breaks off."""
        with suppress(S3Error):
            while not is_enough(self._ahead) and (chunk := await self._next()):
                self._ahead += chunk
        return self._ahead

    async def read(self, limit: int) -> bytes:
        """All of a small body, at most limit bytes; closes it."""
        data = bytearray()
        async with aclosing(self):
            async for chunk in self:
                data += chunk
                if len(data) >= limit:
                    break
        return bytes(data[:limit])

    async def aclose(self) -> None:
        """Return the connection to the pool, or close it when bytes are left to read."""
        self._source.close()


async def read_document(body: Body, limit: int) -> bytes:
    """All of a document; closes it. Raises S3Error InternalError for more bytes than limit."""
    if body.size == 0:
        await body.aclose()
        return b""
    document = bytearray()
    async with aclosing(body):
        async for chunk in body:
            document += chunk
            if len(document) > limit:
                raise S3Error("InternalError", "The remote's response is too long.")
    return bytes(document)
