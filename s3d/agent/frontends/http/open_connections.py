"""The open connections of the endpoint: their number, their time-outs, and their end."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from s3d.agent.frontends.http.client_connection import ClientConnection
from s3d.agent.frontends.http.limits import Limits, connection_cap

_SPARE = 256
"""Connections over the cap that still get a response; further ones are reset."""


class OpenConnections:
    """The set of open connections. One timer expires all their deadlines: a timer for each request
    would cost more."""

    def __init__(self, limits: Limits) -> None:
        self._cap = connection_cap(limits)
        times = (limits.head, limits.idle, limits.body, limits.write, limits.linger)
        self._interval = min(1.0, min(times) / 4)
        """Seconds between two checks of the deadlines."""
        self._open: set[ClientConnection] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = asyncio.Event()
        """Set when a connection has closed."""

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: ClientConnection) -> bool:
        """False: it is one too many, to be refused."""
        self._open.add(connection)
        if self._timer is None:
            self._start_timer()
        if len(self._open) > self._cap + _SPARE:
            connection.abort()
        return len(self._open) <= self._cap

    def remove(self, connection: ClientConnection) -> None:
        self._open.discard(connection)
        self._closed.set()

    def finish(self) -> None:
        """End each connection after its request in hand."""
        for connection in tuple(self._open):
            connection.finish()

    def abort(self) -> None:
        """Reset all connections."""
        for connection in tuple(self._open):
            connection.abort()

    def count_busy(self) -> int:
        return sum(connection.is_busy for connection in self._open)

    async def wait_closed(self, timeout: float) -> None:
        """Wait until no connection is open and none of their requests runs, or for the time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self._open:
                    self._closed.clear()
                    await self._closed.wait()

    def stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _start_timer(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._interval, self._expire, loop)

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for connection in tuple(self._open):
            if connection.deadline <= now:
                connection.expire()
        self._timer = None
        if self._open:
            self._start_timer()
