"""Room in the queue: a write waits for it before its body is read, first come, first served.

A body that does not say its size takes room as its bytes come, before whoever has not begun.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple

from s3d.agent.s3.errors import S3Error


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be pending."""

    max_size: int = 10 << 30
    """Bytes."""
    max_files: int = 100_000
    max_age: float | None = None
    """Seconds that the oldest write may wait before no further ones are taken; None: any."""
    wait: float = 60.0
    """Seconds that a write waits for room; 0: it is refused at once."""


class Used(NamedTuple):
    """What is pending now."""

    files: int
    size: int
    """Bytes, the parts of unfinished uploads included."""


class _Claim(NamedTuple):
    """Somebody who waits for room."""

    files: int
    size: int
    """Bytes."""
    turn: asyncio.Future[None]


class Room:
    """What one write has reserved; Admission.room gives it back."""

    def __init__(self, admission: Admission, files: int, size: int) -> None:
        self.files = files
        self.size = size
        """Bytes."""
        self._admission = admission
        self._received = 0

    async def receive(self, size: int) -> None:
        """Reserve for so many more bytes of the body, which have come.

        Raises SlowDown when there is no room in time, EntityTooLarge when there can never be.
        """
        self._received += size
        missing = self._received - self.size
        if missing > 0:
            await self._admission.grow(self._received, missing)
            self.size = self._received


class Admission:
    """Belongs to the loop."""

    def __init__(
        self,
        limits: Limits,
        used: Callable[[], Used],
        oldest: Callable[[], float | None],
        clock: Callable[[], float],
    ) -> None:
        """oldest: when the oldest write on its way was accepted; it and clock: Unix seconds."""
        self._oldest = oldest
        self.limits = limits
        self._used = used
        self._clock = clock
        self._files = 0
        self._size = 0
        """Reserved for what is being received."""
        self._growing: deque[_Claim] = deque()
        """Bodies that have begun; they go first, since they hold room already."""
        self._waiting: deque[_Claim] = deque()

    def is_too_large(self, size: int | None) -> bool:
        """True for what would not fit even into an empty queue."""
        return (size or 0) > self.limits.max_size

    @asynccontextmanager
    async def room(self, size: int | None, *, files: int = 1) -> AsyncIterator[Room]:
        """Hold room for a write, so long as it is not yet counted as pending.

        size: bytes; None: not known, and each byte is to be reserved as it comes (Room.receive).
        Raises SlowDown with the detail RetryAfter when there is none in time.
        """
        first = 1 if size is None else size
        if self._growing or self._waiting or self._obstacle(files, first):
            await self._wait(self._waiting, files, first)
        else:
            self._reserve(files, first)
        room = Room(self, files, first)
        try:
            yield room
        finally:
            self._reserve(-room.files, -room.size)
            self.admit_waiting()

    async def grow(self, size: int, missing: int) -> None:
        """Reserve the missing bytes of a body of which size bytes have come, or raise."""
        if self.is_too_large(size):
            message = (
                "The body is larger than the write queue (S3D_WRITE_QUEUE_MAX_SIZE="
                f"{self.limits.max_size}); with a Content-Length it would go to the remote itself."
            )
            raise S3Error("EntityTooLarge", message, MaxSizeAllowed=self.limits.max_size)
        if self._growing or self._lacks(missing):
            await self._wait(self._growing, 0, missing)
        else:
            self._reserve(0, missing)

    def admit_waiting(self) -> None:
        """There may be more room than before: let those in whose turn it is."""
        self._let_in(self._growing, lambda claim: self._lacks(claim.size))
        if not self._growing:
            self._let_in(self._waiting, lambda claim: bool(self._obstacle(claim.files, claim.size)))

    def _let_in(self, claims: deque[_Claim], is_barred: Callable[[_Claim], bool]) -> None:
        while claims:
            claim = claims[0]
            if not claim.turn.done():
                if is_barred(claim):
                    return
                self._reserve(claim.files, claim.size)
                claim.turn.set_result(None)
            claims.popleft()

    async def _wait(self, claims: deque[_Claim], files: int, size: int) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        claims.append(_Claim(files, size, turn))
        try:
            async with asyncio.timeout(self.limits.wait):
                await turn
        except TimeoutError:
            if turn.done() and not turn.cancelled():
                return
            raise self._full(files, size) from None
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._reserve(-files, -size)
            raise
        finally:
            turn.cancel()
            self.admit_waiting()

    def _full(self, files: int, size: int) -> S3Error:
        why = self._obstacle(files, size) or "others were first"
        return S3Error("SlowDown", f"The write queue of s3d is full: {why}.", RetryAfter=5)

    def _reserve(self, files: int, size: int) -> None:
        self._files += files
        self._size += size

    def _lacks(self, size: int) -> bool:
        """Whether so many more bytes of a body that has begun do not fit in now."""
        return self._used().size + self._size + size > self.limits.max_size

    def _obstacle(self, files: int, size: int) -> str:
        """Why this much does not fit in now; "" when it does."""
        used, limits = self._used(), self.limits
        if used.files + self._files + files > limits.max_files:
            return f"it holds {used.files} writes (S3D_WRITE_QUEUE_MAX_FILES={limits.max_files})"
        if used.size + self._size + size > limits.max_size:
            return f"it holds {used.size} bytes (S3D_WRITE_QUEUE_MAX_SIZE={limits.max_size})"
        oldest = self._oldest() if limits.max_age is not None else None
        if limits.max_age is None or oldest is None or self._clock() - oldest <= limits.max_age:
            return ""
        return (
            f"its oldest write has waited for {self._clock() - oldest:.0f} s, and while the remote "
            f"does not take it no others are accepted (S3D_WRITE_QUEUE_MAX_AGE={limits.max_age:g})"
        )
