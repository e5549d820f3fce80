"""How fast bytes and writes go, over the last seconds. Pure: the time is passed in."""

from __future__ import annotations

from collections import deque

WINDOW = 10.0
"""Seconds that a rate is the mean of."""
_SLOT = 0.5


class RateMeter:
    """Times are seconds of a clock that never goes back."""

    def __init__(self) -> None:
        self._slots: deque[tuple[float, int]] = deque()
        """When each slot began, and what fell into it."""

    def add(self, amount: int, now: float) -> None:
        if self._slots and now - self._slots[-1][0] < _SLOT:
            began, before = self._slots[-1]
            self._slots[-1] = began, before + amount
        else:
            self._slots.append((now, amount))
            self._forget(now)

    def rate(self, now: float) -> float:
        """A second; after a beginning or a pause, of the time since then."""
        self._forget(now)
        if not self._slots:
            return 0.0
        elapsed = max(1.0, now - self._slots[0][0])
        return sum(amount for _, amount in self._slots) / elapsed

    def _forget(self, now: float) -> None:
        while self._slots and now - self._slots[0][0] > WINDOW:
            self._slots.popleft()
