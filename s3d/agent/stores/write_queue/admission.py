"""Room in the queue: a write waits for it before its body is read, first come, first served."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple

from s3d.agent.s3.errors import S3Error

UNKNOWN_SIZE = 64 << 20
"""Bytes that are reserved for a body that does not say its size."""


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
        self._line: deque[tuple[int, int, asyncio.Future[None]]] = deque()

    def is_too_large(self, size: int | None) -> bool:
        """True for what would not fit even into an empty queue."""
        return (size or 0) > self.limits.max_size

    @asynccontextmanager
    async def room(self, size: int | None, *, files: int = 1) -> AsyncIterator[None]:
        """Hold room for a write, so long as it is not yet counted as pending.

        Raises SlowDown with the detail RetryAfter when there is none in time.
        """
        wanted = min(UNKNOWN_SIZE, self.limits.max_size) if size is None else size
        if self._line or self._obstacle(files, wanted):
            await self._wait(files, wanted)
        else:
            self._reserve(files, wanted)
        try:
            yield
        finally:
            self._reserve(-files, -wanted)
            self.look()

    def look(self) -> None:
        """There may be more room than before: let those in whose turn it is."""
        while self._line:
            files, size, turn = self._line[0]
            if turn.done():
                self._line.popleft()
                continue
            if self._obstacle(files, size):
                return
            self._line.popleft()
            self._reserve(files, size)
            turn.set_result(None)

    async def _wait(self, files: int, size: int) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append((files, size, turn))
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
            self.look()

    def _full(self, files: int, size: int) -> S3Error:
        why = self._obstacle(files, size) or "others were first"
        return S3Error("SlowDown", f"The write queue of s3d is full: {why}.", RetryAfter=5)

    def _reserve(self, files: int, size: int) -> None:
        self._files += files
        self._size += size

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
