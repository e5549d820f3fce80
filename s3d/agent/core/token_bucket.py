"""How fast bytes may go: a token bucket that keeps to a rate, and a throttle that waits for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

_BURST = 0.25
"""Seconds of the rate that may go at once: small enough to be smooth, large enough to be cheap."""


class TokenBucket:
    """Tells how long to wait before bytes may go. Pure: the time is passed in."""

    def __init__(self) -> None:
        self._free_at = 0.0

    def take(self, size: int, rate: int | None, now: float) -> float:
        """Seconds to wait before these bytes may go. now: a clock that never goes back.

        Those who come while others wait queue up behind them; after a pause a burst may go at once.
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
