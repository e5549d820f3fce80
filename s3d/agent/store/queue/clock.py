"""Time and chance as the queue sees them; tests bring their own."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


def _minute_of_the_day() -> int:
    now = time.localtime()
    return now.tm_hour * 60 + now.tm_min


@dataclass(frozen=True, slots=True)
class Clock:
    """The machine's own by default."""

    now: Callable[[], float] = time.time
    """Unix seconds."""
    steady: Callable[[], float] = time.monotonic
    """Seconds of a clock that never goes back."""
    minute: Callable[[], int] = _minute_of_the_day
    """Minute of the day, local time."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = random.random
    """From 0.0 to 1.0."""
