"""Whether the transport of a connection takes more bytes, and the wait until it does."""

from __future__ import annotations

import asyncio


class WriteFlow:
    """Turned by pause_writing() and resume_writing() of an asyncio.Protocol; one waits at most."""

    __slots__ = ("_loop", "_waiter", "is_paused")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiter: asyncio.Future[None] | None = None
        self.is_paused = False

    def pause(self) -> None:
        self.is_paused = True

    def resume(self) -> None:
        """The buffer is nearly empty, or the connection is lost."""
        self.is_paused = False
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def drained(self) -> None:
        """Wait for resume()."""
        while self.is_paused:
            self._waiter = self._loop.create_future()
            await self._waiter
