"""When each pin is looked at again: seldom where nothing changes. Pure but for the clock.

Reads are as fresh as ever: an entry that is older than max_age is checked when it is read. What
waits longer is only that a change is brought before somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from s3d.shared.caching import Pin

SHORTEST = 5.0
"""Seconds between two looks at a pin, at least."""
LONGEST = 900.0
"""Seconds, at most, unless max_age is longer."""
GROWTH = 1.5


class PinSchedule:
    """Due times by pin, on a clock that does not jump (seconds)."""

    def __init__(self, max_age: float, clock: Callable[[], float]) -> None:
        self._base = max(SHORTEST, max_age)
        self._clock = clock
        self._next: dict[Pin, tuple[float, float]] = {}
        """When it is due, and the pause before that."""

    def is_due(self, pin: Pin) -> bool:
        return self._next.get(pin, (0.0, 0.0))[0] <= self._clock()

    def done(self, pin: Pin, *, changed: bool) -> None:
        """It was looked at. changed: something was, or it could not be seen."""
        _, pause = self._next.get(pin, (0.0, 0.0))
        grown = min(pause * GROWTH, max(LONGEST, self._base)) if pause else self._base
        pause = self._base if changed else grown
        self._next[pin] = self._clock() + pause, pause

    def all_due(self) -> None:
        """Look at all of them now."""
        self._next = {pin: (0.0, pause) for pin, (_, pause) in self._next.items()}

    def wait(self, pins: Iterable[Pin]) -> float | None:
        """Seconds until the next is due; None when there is none."""
        times = [self._next.get(pin, (0.0, 0.0))[0] for pin in pins]
        return max(0.0, min(times) - self._clock()) if times else None

    def keep_only(self, pins: Iterable[Pin]) -> None:
        """Forget those that are pins no more."""
        self._next = {pin: self._next[pin] for pin in pins if pin in self._next}
