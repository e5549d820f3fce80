"""Connections of the admin address: how many, how long, and how many bytes.

aiohttp's server waits without a limit for the end of a half-sent request, and for a client that
does not read. Here a connection carries one request and has one deadline for all of it. That bounds
slow clients without a timer for each phase. When all places are taken, the connection that has
waited longest for its request makes room, so idle connections cannot keep a monitor out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiohttp import web

logger = logging.getLogger(__name__)

MAX_CONNECTIONS = 64
LIFETIME = 30.0
"""Seconds from the opening of a connection to its end. Prometheus waits 10 seconds by default."""
MAX_REQUEST = 16 << 10
"""Bytes that a client may send on a connection. Scrapers and probes send about 300."""
_MAX_LINE = 8 << 10

HEADERS = {
    "Server": "s3d",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Of every response. None of them lets the page of another site read it (no CORS), or names the
versions of Python and aiohttp, as aiohttp's own Server header does."""

Respond = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class AdminConnection(web.RequestHandler):
    """One connection."""

    __slots__ = ("_max_request", "_received", "deadline", "is_serving")

    def __init__(
        self, server: AdminConnections, loop: asyncio.AbstractEventLoop, max_request: int
    ) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # aiohttp documents None
            logger=logger,
            max_line_size=_MAX_LINE,
            max_field_size=_MAX_LINE,
            lingering_time=0.0,
            auto_decompress=False,
        )
        self._received, self._max_request = 0, max_request
        self.deadline: asyncio.TimerHandle | None = None
        self.is_serving = False
        """Its request is complete, and is being answered."""

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._received > self._max_request:
            self.abort()
            return
        super().data_received(data)

    def abort(self) -> None:
        """Reset the connection."""
        if self.transport is not None:
            self.transport.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that is no HTTP. Unlike aiohttp's own, the answer repeats no input, and
        a client cannot fill the log."""
        logger.debug("malformed request from %s: %s", request.remote, message)
        response = web.Response(status=status, text="bad request\n", headers=HEADERS)
        response.force_close()
        return response


class AdminConnections(web.Server):
    """The open connections; makes one for each client."""

    def __init__(
        self, respond: Respond, *, lifetime: float = LIFETIME, max_request: int = MAX_REQUEST
    ) -> None:
        """respond: must not raise; its responses are the last of their connections. max_request:
        bytes that a client may send on a connection."""
        super().__init__(self._serve)
        self._respond = respond
        self._lifetime, self._max_request = lifetime, max_request
        self._open: dict[AdminConnection, None] = {}
        """In the order of their opening."""

    def __call__(self) -> AdminConnection:
        return AdminConnection(self, asyncio.get_running_loop(), self._max_request)

    def __len__(self) -> int:
        return len(self._open)

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        assert isinstance(handler, AdminConnection)
        loop = asyncio.get_running_loop()
        handler.deadline = loop.call_later(self._lifetime, handler.abort)
        self._open[handler] = None
        if len(self._open) > MAX_CONNECTIONS:
            idle = (each for each in self._open if not each.is_serving)
            dropped = next(idle, handler)
            del self._open[dropped]
            dropped.abort()

    def connection_lost(
        self, handler: web.RequestHandler, exc: BaseException | None = None
    ) -> None:
        super().connection_lost(handler, exc)
        assert isinstance(handler, AdminConnection)
        self._open.pop(handler, None)
        if handler.deadline is not None:
            handler.deadline.cancel()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        assert isinstance(connection, AdminConnection)
        connection.is_serving = True
        response = await self._respond(request)
        response.force_close()
        return response
