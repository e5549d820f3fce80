"""How fast bytes may go: a token bucket that keeps to a rate. Pure: the time is passed in."""

from __future__ import annotations

_BURST = 0.25
"""Seconds of the rate that may go at once: small enough to be smooth, large enough to be cheap."""


class TokenBucket:
    """Whoever takes bytes is told how long to wait before they may go."""

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
