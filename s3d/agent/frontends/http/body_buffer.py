"""The body of one request, between the parser that fills it and the handler that reads it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from s3d.agent.s3.errors import S3Error

HIGH_WATER = 512 * 1024
"""Buffered bytes above which no more is read from the client."""
LOW_WATER = 256 * 1024
"""Buffered bytes below which reading resumes."""


class BodyBuffer:
    """Bytes without any HTTP transfer coding, in pieces as they arrive."""

    __slots__ = (
        "_buffered",
        "_discards",
        "_on_room",
        "_pieces",
        "_waiter",
        "error",
        "is_complete",
        "is_over_high_water",
        "received",
        "wait",
    )

    def __init__(self, on_room: Callable[[], None]) -> None:
        """on_room: called when a full buffer has been read down to LOW_WATER."""
        self._on_room = on_room
        self._pieces: deque[bytes] = deque()
        self._buffered = 0
        self._waiter: asyncio.Future[None] | None = None
        self._discards = False
        self.is_complete = False
        """The client has sent the end of the body."""
        self.is_over_high_water = False
        self.received = 0
        """Bytes that have arrived, read or not."""
        self.error: S3Error | None = None
        """Why the rest of the body will not arrive."""
        self.wait = ClientWait()

    def feed(self, data: bytes) -> None:
        """Bytes have arrived."""
        self.received += len(data)
        if self._discards:
            return
        self._pieces.append(data)
        self._buffered += len(data)
        if self._buffered > HIGH_WATER:
            self.is_over_high_water = True
        self._wake()

    def complete(self) -> None:
        """The end has arrived."""
        self.is_complete = True
        self._wake()

    def fail(self, error: S3Error) -> None:
        """Make the reader raise this error, unless the body is complete."""
        if not self.is_complete and self.error is None:
            self.error = error
            self._wake()

    def discard(self) -> None:
        """Drop what has arrived and what will arrive."""
        self._discards = True
        self._take(len(self._pieces))

    def read_now(self) -> bytes:
        """All that is buffered."""
        return self._take(len(self._pieces))

    async def read(self) -> bytes:
        """The next piece; empty at the end. Raises the S3Error of fail()."""
        while not self._pieces and not self.is_complete and self.error is None:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self.error is not None:
            raise self.error
        return self._take(1)

    def _take(self, count: int) -> bytes:
        pieces = self._pieces
        if not pieces:
            return b""
        data = pieces.popleft() if count == 1 else b"".join(pieces)
        if count != 1:
            pieces.clear()
        self._buffered -= len(data)
        if self.is_over_high_water and self._buffered <= LOW_WATER:
            self.is_over_high_water = False
            self._on_room()
        return data

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class ClientWait:
    """For how long the server has waited for the bytes of one body, or for the client to take those
    of one response. Times in seconds."""

    __slots__ = ("_began", "_idle", "_moved", "_waited")

    def __init__(self) -> None:
        self._began = self._waited = self._idle = 0.0
        self._moved = -1

    def begin(
        self, now: float, moved: int, *, patience: float, rate: float, longest: float
    ) -> float:
        """Begin to wait for the next piece; returns the time until which to wait.

        moved: bytes of the body so far. In total, the server waits `patience` seconds and the time
        that these bytes take at `rate` bytes a second, and at most `longest` without any byte. Only
        the time in which it waits counts.
        """
        self._began = now
        if moved != self._moved:
            self._moved, self._idle = moved, 0.0
        allowed = patience + moved / rate - self._waited
        return now + max(0.0, min(longest - self._idle, allowed))

    def end(self, now: float) -> None:
        """The piece has come, or the time is over."""
        waited = now - self._began
        self._waited += waited
        self._idle += waited


def _nothing() -> None:
    """An empty body never has too much."""


EMPTY_BODY = BodyBuffer(_nothing)
"""The body of every request without one."""
EMPTY_BODY.complete()
