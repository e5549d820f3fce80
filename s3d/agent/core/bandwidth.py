"""How fast bytes go: a meter that measures a rate, a token bucket that limits one, a throttle that
waits for the bucket, and on whose behalf bytes go.

The meter and the bucket are pure: the caller passes the time, in seconds of a monotonic clock.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum


class TrafficClass(StrEnum):
    """On whose behalf the agent exchanges bytes with the remote, as in the settings [bandwidth].

    The queue's pushes are not among these settings: they have write_queue.bandwidth.
    """

    CLIENTS = "clients"
    """Requests that the remote answers, and the fills of the read cache for them."""
    QUEUE = "queue"
    SYNC = "sync"
    PREFETCH = "prefetch"
    TRANSFERS = "transfers"


traffic_class: ContextVar[TrafficClass] = ContextVar("traffic_class", default=TrafficClass.CLIENTS)
"""Of the current task. A task inherits it from the one that starts it, so each background task
sets its own, see app/background.py."""


@contextmanager
def counted_as(name: TrafficClass) -> Iterator[None]:
    """Count for a class what the block exchanges with the remote."""
    token = traffic_class.set(name)
    try:
        yield
    finally:
        traffic_class.reset(token)


WINDOW = 10.0
"""A rate is the mean over the last so many seconds."""
_SLOT = 0.5


class RateMeter:
    """Measures a rate over the last WINDOW seconds."""

    def __init__(self) -> None:
        self._slots: deque[tuple[float, int]] = deque()
        """When each slot began, and the amount in it."""

    def add(self, amount: int, now: float) -> None:
        if self._slots and now - self._slots[-1][0] < _SLOT:
            began, before = self._slots[-1]
            self._slots[-1] = began, before + amount
        else:
            self._slots.append((now, amount))
            self._drop_old(now)

    def rate(self, now: float) -> float:
        """Amount per second; after the start or a pause, over the time since then."""
        self._drop_old(now)
        if not self._slots:
            return 0.0
        elapsed = max(1.0, now - self._slots[0][0])
        return sum(amount for _, amount in self._slots) / elapsed

    def _drop_old(self, now: float) -> None:
        while self._slots and now - self._slots[0][0] > WINDOW:
            self._slots.popleft()


_BURST = 0.25
"""Seconds of the rate that may go at once: short enough to be smooth, long enough to be cheap."""


class TokenBucket:
    """Says how long to wait before bytes may be sent, so that a rate is not exceeded."""

    def __init__(self) -> None:
        self._free_at = 0.0

    def take(self, size: int, rate: int | None, now: float) -> float:
        """Seconds to wait before sending size bytes. rate: bytes per second, None for no limit.

        Callers that come while others wait get a time after them. After a pause a burst may be sent
        at once.
        """
        if rate is None:
            self._free_at = now
            return 0.0
        begin = max(self._free_at, now - _BURST)
        self._free_at = begin + size / rate
        return max(0.0, begin - now)


class Throttle:
    """Lets bytes pass at a rate in bytes per second; None: without a limit."""

    def __init__(self, rate: int | None, steady: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._steady = rate, steady
        self._bucket = TokenBucket()

    @property
    def is_limited(self) -> bool:
        return self._rate is not None

    async def admit(self, size: int) -> None:
        """Wait until this many bytes may go."""
        wait = self._bucket.take(size, self._rate, self._steady())
        if wait > 0:
            await asyncio.sleep(wait)
