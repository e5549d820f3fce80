"""One HTTP/1.1 connection: aiohttp's parser and stream reader, our own order of work and times.

Not aiohttp's RequestHandler: that makes a task, a request and a response object for each request,
invites bodies before anybody looked at the signature, and lets a half-sent head stand for ever.
Here a request is served at once when nothing has to be waited for, else in one task.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine
from typing import Any, Protocol

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

from s3d.agent.frontends.http.exchange import ClientGone, Exchange, Head
from s3d.agent.frontends.http.limits import HEAD_SIZE, LINGER_SIZE, PIPELINE, Limits
from s3d.agent.s3.errors import S3Error

logger = logging.getLogger(__name__)

NEVER = float("inf")

_READ_BUFFER = 256 * 1024
_HEADER_COUNT = 256
_HEAD_BYTES = 4 * HEAD_SIZE
"""Of an unfinished head. More than HEAD_SIZE, so that what is too long is named as such."""


class ConnectionDelegate(Protocol):
    """What a connection needs of the server."""

    @property
    def limits(self) -> Limits: ...

    def enter(self, connection: Connection) -> bool:
        """A connection was opened. False: it is one too many, to be refused."""

    def leave(self, connection: Connection) -> None:
        """The connection is closed, and its last request is over."""

    def serve(self, exchange: Exchange) -> Coroutine[Any, Any, None] | None:
        """Answer now, or give the coroutine that does. Neither raises for a client's fault."""

    def answered(self, exchange: Exchange) -> None:
        """An exchange is over: count it."""

    def malformed(self, error: HttpProcessingError) -> S3Error:
        """What to answer to bytes that are no HTTP request; logs them, not too often."""


class Connection(BaseProtocol):
    """Parses requests, serves them one after another, closes when time or patience is over."""

    __slots__ = (
        "_drained",
        "_dropped",
        "_ending",
        "_head_bytes",
        "_house",
        "_leaving",
        "_payload",
        "_peer_done",
        "_queue",
        "_task",
        "_unclean",
        "deadline",
    )

    def __init__(self, house: ConnectionDelegate, loop: asyncio.AbstractEventLoop) -> None:
        parser = HttpRequestParser(
            self,
            loop,
            _READ_BUFFER,
            max_field_size=HEAD_SIZE,
            max_line_size=HEAD_SIZE,
            max_headers=_HEADER_COUNT,
            payload_exception=_BrokenPayload,
            auto_decompress=False,
            max_msg_queue_size=PIPELINE,
        )
        super().__init__(loop, parser)
        self._house = house
        self._queue: deque[tuple[Head, StreamReader]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._payload: StreamReader = EMPTY_PAYLOAD
        """Of the request parsed last."""
        self._drained: StreamReader | None = None
        """The unread rest of an answered request's body: dropped before the next is served."""
        self._head_bytes = 0
        self._ending = False
        """Nothing more is read, neither a request nor the rest of one."""
        self._leaving = False
        """No request is served after the one in hand, which may still come."""
        self._unclean = False
        """Bytes may come that nobody will read."""
        self._peer_done = False
        self._dropped = 0
        self.deadline = NEVER
        """When expire() is due, by the loop's clock."""

    # ------------------------------------------------------------------ what the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.deadline = self._loop.time() + self._house.limits.head
        if not self._house.enter(self):
            self._fail(S3Error("SlowDown"))
            self._serve()

    def data_received(self, data: bytes) -> None:
        if self._ending or self._parser is None:
            self._drop(len(data))
            return
        self._parse(data)
        if self._drained is not None:
            self._drain_on(self._drained)
        elif self._queue and self._task is None:
            self._serve()

    def resume_reading(self, resume_parser: bool = True) -> None:
        """The stream reader says in the middle of a read that it has room again.

        aiohttp's would call data_received, and so serve the next request before the one in hand.
        """
        self._reading_paused = False
        if resume_parser and self._parser is not None and not self._ending:
            self._parse(b"")
        if not self._reading_paused and not self._buffer_paused:
            self._resume_transport_reading()

    def resume_writing(self) -> None:
        """The client has taken most of what was written: its next request may be served."""
        super().resume_writing()
        if self._task is None and self._drained is None:
            if not self._ending:
                self._wait()
            self._serve()

    def eof_received(self) -> bool:
        """The client sends no more. It may still read the answers to what was complete."""
        if not self._payload.is_eof():
            self._payload.set_exception(S3Error("IncompleteBody"))
        self._ending = self._peer_done = True
        return self._task is not None or bool(self._queue)

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._ending = True
        self._queue.clear()
        if not self._payload.is_eof():
            self._payload.set_exception(S3Error("IncompleteBody"))
        self._parser = None
        if self._task is None:
            self._house.leave(self)

    # ------------------------------------------------------------------ what the server says

    @property
    def busy(self) -> bool:
        """True while a request is being served."""
        return self._task is not None

    @property
    def last(self) -> bool:
        """True when no request follows the one in hand."""
        return self._leaving or (self._ending and not self._queue)

    def set_body_timeout(self, waiting: bool) -> None:
        """Whether the request in hand waits for the next piece of its body."""
        self.deadline = self._loop.time() + self._house.limits.body if waiting else NEVER

    def expire(self) -> None:
        """The deadline has passed: fail a body that does not come, else end the connection."""
        self.deadline = NEVER
        if self._task is not None and not self._payload.is_eof() and not self._paused:
            self._ending = True
            self._payload.set_exception(S3Error("RequestTimeout"))
        else:
            self.abort()

    def finish(self) -> None:
        """End after the request in hand; at once when there is none."""
        self._leaving = True
        if self._task is None and self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        """End now, by a reset: the client must not take what it has for a whole answer."""
        if self._task is not None and self._task is not asyncio.current_task(self._loop):
            self._task.cancel()
        if self.transport is not None:
            self.transport.abort()

    async def drain(self) -> None:
        """Wait until the client has taken what was written. Raises ClientGone."""
        if self._paused and self.transport is not None:
            self.deadline = self._loop.time() + self._house.limits.write
            await self._drain_helper()
            self.deadline = NEVER
        if self.transport is None:
            raise ClientGone

    # ------------------------------------------------------------------ requests in turn

    def _parse(self, data: bytes) -> None:
        """Queue the requests whose heads are complete."""
        assert self._parser is not None
        in_head = self._payload.is_eof()
        try:
            messages, upgraded, _ = self._parser.feed_data(data)
        except HttpProcessingError as error:
            self._fail(self._house.malformed(error))
            return
        if messages:
            self._head_bytes = 0
            self._queue.extend(messages)
            self._payload = messages[-1][1]
            self._ending = upgraded
            if len(self._queue) >= PIPELINE and not self._buffer_paused:
                self._pause_reading_for_buffer()
        elif in_head and data:
            self._head_goes_on(len(data))

    def _serve(self) -> None:
        """Serve what is queued, until something must be waited for.

        That may be the client: one that sends requests and takes no answers gets no more of them.
        """
        while self._task is None and self._drained is None and not self._paused:
            if self._buffer_paused and not self._ending and len(self._queue) <= PIPELINE // 2:
                self._resume_reading_for_buffer()
                self._parse(b"")
            if not self._queue:
                return
            head, payload = self._queue.popleft()
            if self._parser is not None:
                self._parser.message_consumed()
            self.deadline = NEVER
            exchange = Exchange(self, head, payload)
            later = self._house.serve(exchange)
            if later is None:
                self._answered(exchange)
            else:
                # Owned by the connection: abort() cancels it, the server waits for connections.
                self._task = self._loop.create_task(self._run(exchange, later), name="s3 request")

    async def _run(self, exchange: Exchange, later: Coroutine[Any, Any, None]) -> None:
        try:
            await later
        except ClientGone:
            logger.debug("client left before the end of its answer id=%s", exchange.request_id)
            self.abort()
        except BaseException:
            self.abort()
            raise
        finally:
            self._task = None
            if self.transport is None:
                self._house.leave(self)
        self._answered(exchange)
        self._serve()

    def _answered(self, exchange: Exchange) -> None:
        """Decide what the connection does next."""
        self._house.answered(exchange)
        if self.transport is None or self.transport.is_closing():
            self._queue.clear()
        elif self._leaving or not exchange.keep_alive:
            self._end()
        elif exchange.payload.is_eof():
            self._wait()
        else:
            self.deadline = self._loop.time() + self._house.limits.body
            self._drained = exchange.payload
            self._drain_on(exchange.payload)

    def _wait(self) -> None:
        """For the answer to be taken, then for the next head, or the rest of one that has begun."""
        limits = self._house.limits
        timeout = limits.head if self._head_bytes else limits.idle
        self.deadline = self._loop.time() + (limits.write if self._paused else timeout)

    def _drain_on(self, payload: StreamReader) -> None:
        payload.read_nowait()
        if payload.is_eof():
            self._drained = None
            self._wait()
            self._serve()

    def _end(self) -> None:
        """Close so that the client sees the answer.

        Closing a socket with unread data resets it, and a reset may overtake the answer: so say
        that we are done and read on for a while (RFC 9112 section 9.6).
        """
        self._ending = True
        self._drained = None
        self._queue.clear()
        transport = self.transport
        if transport is None:
            return
        if self._peer_done or (self._payload.is_eof() and not self._unclean):
            transport.close()
            return
        self.deadline = self._loop.time() + self._house.limits.linger
        transport.write_eof()
        self._resume_transport_reading()

    # ------------------------------------------------------------------ bytes that are no request

    def _drop(self, size: int) -> None:
        self._dropped += size
        if self._dropped > LINGER_SIZE:
            self.abort()

    def _head_goes_on(self, size: int) -> None:
        if self._head_bytes == 0 and self._task is None:
            self.deadline = self._loop.time() + self._house.limits.head
        self._head_bytes += size
        if self._head_bytes > _HEAD_BYTES:
            self._fail(S3Error("RequestHeaderSectionTooLarge"))

    def _fail(self, error: S3Error) -> None:
        """What comes is not for us to parse: the rest of the connection has no meaning."""
        self._ending = self._unclean = True
        if self._drained is not None:
            self._end()
        elif not self._payload.is_eof():
            self._payload.set_exception(error)
        else:
            self._queue.append((error, EMPTY_PAYLOAD))


class _BrokenPayload(S3Error):
    """The transfer coding of a body is broken."""

    def __init__(self, _: str) -> None:
        super().__init__("IncompleteBody", "The transfer coding of the body is broken.")
