"""One HTTP/1.1 connection of a client: its requests in turn, and every time-out of it.

How a request passes through:
1. The transport hands bytes to data_received(); RequestParser makes requests of them.
2. _serve() takes one request after another and gives an Exchange to the handler of the server.
3. The handler answers at once, or returns a coroutine, which runs as the connection's only task.
4. _complete() decides whether the connection waits for the next request, drops the unread rest of
   a body, or ends.
All of it runs on the event loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Protocol, cast

from s3d.agent.frontends.http.body_buffer import BodyBuffer, ClientWait
from s3d.agent.frontends.http.exchange import ClientGone, Exchange
from s3d.agent.frontends.http.limits import LINGER_SIZE, Limits
from s3d.agent.frontends.http.request_parser import OPEN, ParserState, RequestParser
from s3d.agent.frontends.http.write_flow import WriteFlow, reader_deadline, untaken
from s3d.agent.s3.errors import S3Error
from s3d.shared.logs import current_request, log_fields

logger = logging.getLogger(__name__)

NEVER = float("inf")


class ExchangeHandler(Protocol):
    """Serves the requests of all connections."""

    @property
    def exchange_class(self) -> type[Exchange]:
        """Of the exchanges that serve() and completed() get."""

    def serve(self, exchange: Exchange) -> Coroutine[Any, Any, None] | None:
        """Respond now, or return the coroutine that does. Neither raises for a client's fault."""

    def completed(self, exchange: Exchange) -> None:
        """An exchange is over: count it."""


class ConnectionDelegate(Protocol):
    """What a connection needs of the server."""

    @property
    def limits(self) -> Limits: ...

    @property
    def handler(self) -> ExchangeHandler:
        """Of the next request; a request in hand ends with the handler that it began with."""

    def opened(self, connection: ClientConnection) -> bool:
        """A connection was opened. False: it is one too many, to be refused."""

    def closed(self, connection: ClientConnection) -> None:
        """The connection is closed, and its last request is over."""

    def malformed(self, error: Exception) -> S3Error:
        """The response to bytes that are no HTTP request; logs them, at a limited rate."""


class ClientConnection(asyncio.Protocol):
    """Serves requests one after another; closes at the end of a time-out."""

    __slots__ = (
        "_delegate",
        "_discarded",
        "_dropped",
        "_is_finishing",
        "_is_reading",
        "_loop",
        "_parser",
        "_peer_is_done",
        "_response_wait",
        "_sent",
        "_task",
        "_writes",
        "client_address",
        "deadline",
        "transport",
    )

    def __init__(self, delegate: ConnectionDelegate, loop: asyncio.AbstractEventLoop) -> None:
        self._delegate = delegate
        self._loop = loop
        self._parser = RequestParser(delegate.malformed, self._update_reading)
        self._writes = WriteFlow(loop)
        self._task: asyncio.Task[None] | None = None
        self._discarded: BodyBuffer | None = None
        """The unread rest of an answered request's body: it ends before the next is served."""
        self._is_reading = True
        self._is_finishing = False
        """No request is served after the one in hand, which may still come."""
        self._peer_is_done = False
        """The client has closed its sending side."""
        self._dropped = 0
        """Bytes that arrived after the end of the last request to be served."""
        self._sent = 0
        """Bytes of the response that the client has to take."""
        self._response_wait: ClientWait | None = None
        """None: the client has taken all of that response at once so far."""
        self.deadline = NEVER
        """When expire() is due, by the loop's clock."""
        self.client_address = ""
        """The IP address of the client; "" when it is not known."""
        self.transport: asyncio.Transport | None = None
        """None before the connection is made and after it is lost."""

    # ------------------------------------------------------------------ called by the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            self.client_address = str(peer[0])
        self.deadline = self._loop.time() + self._delegate.limits.head
        if not self._delegate.opened(self):
            self._parser.fail(S3Error("SlowDown"))
            self._serve()

    def data_received(self, data: bytes) -> None:
        parser = self._parser
        if parser.state is not OPEN:
            self._dropped += len(data)
            if self._dropped > LINGER_SIZE:
                self.abort()
            return
        is_first = not parser.head_bytes
        parser.feed(data)
        if self._task is None:
            if is_first and parser.head_bytes and self._discarded is None:
                self.deadline = self._loop.time() + self._delegate.limits.head
            self._serve()
        elif parser.is_full is self._is_reading:
            self._update_reading()

    def pause_writing(self) -> None:
        self._writes.pause()

    def resume_writing(self) -> None:
        """The client has taken most of what was written: its next request may be served."""
        self._writes.resume()
        if self._task is None and self._discarded is None:
            if not self._parser.is_closed:
                self._await_request()
            self._serve()

    def eof_received(self) -> bool:
        """The client has closed its sending side, and may still read responses."""
        self._parser.fail_body(S3Error("IncompleteBody"))
        self._peer_is_done = True
        return self._task is not None or self._parser.has_requests

    def connection_lost(self, exc: BaseException | None) -> None:
        self.transport = None
        self._writes.resume()
        self._parser.close()
        self._parser.fail_body(S3Error("IncompleteBody"))
        if self._task is None:
            self._delegate.closed(self)

    # ------------------------------------------------------------------ called by server, exchange

    @property
    def is_busy(self) -> bool:
        """True while a request is being served."""
        return self._task is not None

    @property
    def is_last(self) -> bool:
        """True when no request follows the one in hand."""
        parser = self._parser
        return self._is_finishing or (parser.is_closed and not parser.has_requests)

    def set_body_timeout(self, waiting: bool) -> None:
        """Whether the request in hand waits for the next piece of its body."""
        body, now = self._parser.body, self._loop.time()
        if waiting:
            limits = self._delegate.limits
            self.deadline = body.wait.begin(
                now,
                body.received,
                patience=limits.body,
                rate=limits.body_rate,
                longest=limits.body,
            )
        else:
            body.wait.end(now)
            self.deadline = NEVER

    def expire(self) -> None:
        """The deadline has passed: fail a body that does not arrive, else end the connection.

        A client that has taken enough of a response meanwhile has more time.
        """
        self.deadline = NEVER
        is_body_due = self._task is not None and not self._parser.body.is_complete
        if self._writes.is_paused and self._response_wait is not None:
            self._response_wait.end(self._loop.time())
            self._wait_for_reader()
        elif is_body_due and not self._writes.is_paused:
            self._parser.fail_body(S3Error("RequestTimeout"))
        else:
            self.abort()

    def finish(self) -> None:
        """Close after the current request; at once without one."""
        self._is_finishing = True
        if self._task is None and self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        """Reset the connection, so that the client cannot treat a partial response as complete."""
        if self._task is not None and self._task is not asyncio.current_task(self._loop):
            self._task.cancel()
        if self.transport is not None:
            self.transport.abort()

    async def drain(self, sent: int) -> None:
        """Wait until the client has taken what was written. Raises ClientGone.

        sent: bytes of the response so far.
        """
        if self._writes.is_paused and self.transport is not None:
            self._sent = sent
            self._wait_for_reader()
            await self._writes.drained()
            if self._response_wait is not None:
                self._response_wait.end(self._loop.time())
            self.deadline = NEVER
        if self.transport is None:
            raise ClientGone

    # ------------------------------------------------------------------ requests in turn

    def _serve(self) -> None:
        """Serve requests until something must be waited for.

        That may be the client: one that sends requests and takes no responses gets no more of them.
        """
        while self._task is None and not self._writes.is_paused:
            if self._discarded is not None and self._is_discarding(self._discarded):
                break
            request = self._parser.next()
            if request is None:
                break
            self.deadline = NEVER
            self._response_wait = None
            handler = self._delegate.handler
            exchange = handler.exchange_class(self, request)
            work = handler.serve(exchange)
            if work is None:
                self._complete(handler, exchange)
            else:
                # Owned by the connection: abort() cancels it, the server waits for connections.
                running = self._run(handler, exchange, work)
                self._task = self._loop.create_task(running, name="s3 request")
        if self._parser.is_full is self._is_reading:
            self._update_reading()

    async def _run(
        self, handler: ExchangeHandler, exchange: Exchange, work: Coroutine[Any, Any, None]
    ) -> None:
        try:
            await work
        except ClientGone:
            fields = log_fields(request_id=exchange.request_id, operation=exchange.operation)
            logger.debug("client disconnected before the end of the response", extra=fields)
            exchange.abort()
        except BaseException:  # cancelled, by abort() or by the server's stop
            exchange.abort()
            handler.completed(exchange)
            raise
        finally:
            self._task = None
            current_request.set(None)  # what follows serves other requests
            if self.transport is None:
                self._delegate.closed(self)
        self._complete(handler, exchange)
        self._serve()

    def _complete(self, handler: ExchangeHandler, exchange: Exchange) -> None:
        """Decide what the connection does after an exchange."""
        handler.completed(exchange)
        if self.transport is None or self.transport.is_closing():
            self._parser.close()
        elif self._is_finishing or not exchange.keep_alive:
            self._end()
        elif exchange.request.body.is_complete:
            self._sent = exchange.sent
            self._await_request()
        else:
            self.deadline = self._loop.time() + self._delegate.limits.body
            self._discarded = exchange.body
            self._discarded.discard()

    def _is_discarding(self, body: BodyBuffer) -> bool:
        """Whether the rest of an answered request's body is still due."""
        if body.is_complete:
            self._discarded = None
            self._await_request()
        elif body.error is not None:
            self._end()
        return self._discarded is not None

    def _await_request(self) -> None:
        """Set the time for the response to be taken, then for the next head or the rest of one."""
        if self._writes.is_paused:
            self._wait_for_reader()
            return
        limits = self._delegate.limits
        timeout = limits.head if self._parser.head_bytes else limits.idle
        self.deadline = self._loop.time() + timeout

    def _wait_for_reader(self) -> None:
        """Set until when the client has to go on taking the response; end it when that is now."""
        transport, limits, now = self.transport, self._delegate.limits, self._loop.time()
        if transport is None:
            return
        left = transport.get_write_buffer_size() + untaken(transport.get_extra_info("socket"))
        if self._response_wait is None:
            self._response_wait = ClientWait()
            self._sent = max(self._sent, left)  # with those before it, if they are not taken either
        deadline = reader_deadline(self._response_wait, now, self._sent - left, limits)
        if deadline > now:
            self.deadline = deadline
        else:
            self.abort()

    def _end(self) -> None:
        """Close so that the client sees the response.

        Closing a socket with unread data resets it, and a reset may overtake the response: so send
        FIN and read on for a while (RFC 9112 section 9.6).
        """
        parser, transport = self._parser, self.transport
        is_all_read = parser.body.is_complete and parser.state is not ParserState.BROKEN
        is_all_read = is_all_read and self._is_reading
        parser.close()
        self._discarded = None
        if transport is None:
            return
        if self._peer_is_done or is_all_read:
            transport.close()
            return
        self.deadline = self._loop.time() + self._delegate.limits.linger
        transport.write_eof()
        self._update_reading()

    def _update_reading(self) -> None:
        """Read from the client unless enough of it waits here."""
        transport = self.transport
        should_read = self._parser.is_closed or not self._parser.is_full
        if transport is None or transport.is_closing() or should_read is self._is_reading:
            return
        self._is_reading = should_read
        if should_read:
            transport.resume_reading()
        else:
            transport.pause_reading()
