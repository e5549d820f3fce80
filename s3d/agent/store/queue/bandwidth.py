"""How fast the queue may push: a timetable of rates, and a token bucket that keeps to one.

Pure: the time is passed in. A timetable is written "08:00 512KiB, 18:00 off": from each time of the
day (local time) on, that many bytes a second; off is no limit. A single rate holds all day.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from s3d.shared.units import parse_size

_DAY = 24 * 60
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_BURST = 0.25
"""Seconds of the rate that may go at once: small enough to be smooth, large enough to be cheap."""


@dataclass(frozen=True, slots=True)
class Timetable:
    """Rates in bytes a second, None for no limit, each from a minute of the day on, in order."""

    entries: tuple[tuple[int, int | None], ...] = ((0, None),)

    def rate_at(self, minute: int) -> int | None:
        """The rate at a minute of the day (0 to 1439): of the latest entry, or of yesterday's."""
        at = minute % _DAY
        started = [rate for start, rate in self.entries if start <= at]
        return started[-1] if started else self.entries[-1][1]


def parse_timetable(text: str) -> Timetable:
    """Raises ValueError that says what is right."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) == 1 and not _TIME.match(parts[0]):
        return Timetable(((0, _rate(parts[0])),))
    entries: dict[int, int | None] = {}
    for part in parts:
        time, _, rate = part.partition(" ")
        match = _TIME.fullmatch(time)
        if match is None:
            raise ValueError(f'{part!r} is not TIME RATE: write "08:00 512KiB, 18:00 off"')
        minute = int(match[1]) * 60 + int(match[2])
        if minute in entries:
            raise ValueError(f"{time} stands in it twice")
        entries[minute] = _rate(rate.strip())
    return Timetable(tuple(sorted(entries.items())))


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


def _rate(text: str) -> int | None:
    if text.lower() == "off":
        return None
    rate = parse_size(text.removesuffix("/s"))
    if rate < 1024:
        raise ValueError(f"{text} is too slow: at least 1KiB a second, or off for no limit")
    return rate
