"""A clock that a test moves."""

from __future__ import annotations


class ManualClock:
    """Seconds: `clock.now += 1`."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
