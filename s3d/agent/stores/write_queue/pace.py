"""How many pushes go to the remote at a time: additive increase, multiplicative decrease.

Pure: told of outcomes and of the time, asked for a number. The rule is that of TCP's congestion
avoidance (RFC 5681 section 3.1), with the remote's SlowDown in the place of a lost packet.
"""

from __future__ import annotations

_CALM = 5.0
"""Seconds after a decrease in which further refusals are taken for echoes of the same jam."""


class Pace:
    """Starts in the middle, grows by one for each round of successes, halves on SlowDown."""

    def __init__(self, *, start: int = 8, least: int = 1, most: int = 32) -> None:
        self._level = float(start)
        self._least = least
        self._most = most
        self._calm_until = float("-inf")

    @property
    def limit(self) -> int:
        """Pushes that may be under way at once."""
        return int(self._level)

    def succeeded(self) -> None:
        """One push came through: a round of `limit` of them raises the limit by one."""
        self._level = min(self._most, self._level + 1 / self._level)

    def slowed(self, now: float) -> None:
        """The remote asked for less. now: seconds of a clock that never goes back."""
        if now < self._calm_until:
            return
        self._level = max(self._least, self._level / 2)
        self._calm_until = now + _CALM
