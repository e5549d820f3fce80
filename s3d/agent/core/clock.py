"""The clocks, sleep and random numbers of the machine, in one value that tests replace."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

LATEST = 253_370_764_800.0
"""9999-01-01T00:00:00Z, a year before the last date of datetime, so that a somewhat later date can
be computed."""
JUMP = 5.0
"""Seconds by which the clocks must have moved apart: more than a time service corrects at once."""


def _minute_of_the_day() -> int:
    now = time.localtime()
    return now.tm_hour * 60 + now.tm_min


@dataclass(frozen=True, slots=True)
class Clock:
    """The machine's own clocks by default."""

    now: Callable[[], float] = time.time
    """Unix seconds."""
    steady: Callable[[], float] = time.monotonic
    """Seconds of a clock that never goes back, and stops while the machine sleeps."""
    minute: Callable[[], int] = _minute_of_the_day
    """Minute of the day, local time."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = random.random
    """From 0.0 to 1.0."""


class Jumps:
    """Detects that the machine has slept: only the wall clock moved meanwhile."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._gap = self._look()

    def jumped(self) -> bool:
        """Whether the clocks have moved apart since the last call."""
        before, self._gap = self._gap, self._look()
        return abs(self._gap - before) >= JUMP

    def _look(self) -> float:
        return self._clock.now() - self._clock.steady()


class MovableClock:
    """The clock of a store made for tests: the machine's, moved by an offset."""

    def __init__(self, real: Callable[[], float] = time.time) -> None:
        self._real = real
        self.offset = 0.0
        """Seconds by which it is ahead of the machine's clock; negative when it is behind."""

    def now(self) -> float:
        """Unix seconds."""
        return self._real() + self.offset

    def offset_for(self, moment: float) -> float:
        """The offset with which it is this moment (Unix seconds) now. Raises ValueError for a
        moment before 1970 or after LATEST."""
        if not 0 <= moment <= LATEST:
            raise ValueError("the clock can be set to the years 1970 to 9998")
        return moment - self._real()
