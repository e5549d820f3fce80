"""The clocks, sleep and random numbers of the machine, in one value that tests replace."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

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
