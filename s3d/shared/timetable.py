"""A timetable of rates: how many bytes a second may go at each time of the day. Pure.

It is written "08:00 512KiB, 18:00 off": from each time of the day (local time) on, that many bytes
a second; off is no limit. A single rate holds all day.
"""

from __future__ import annotations

import re

import msgspec

from s3d.shared.units import parse_size

_DAY = 24 * 60
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_SLOWEST = 1024


class Timetable(msgspec.Struct, frozen=True):
    """Rates in bytes a second, None for no limit, each from a minute of the day on, in order."""

    entries: tuple[tuple[int, int | None], ...] = ((0, None),)

    def rate_at(self, minute: int) -> int | None:
        """The rate at a minute of the day (0 to 1439): of the latest entry, or of yesterday's."""
        at = minute % _DAY
        started = [rate for start, rate in self.entries if start <= at]
        return started[-1] if started else self.entries[-1][1]

    def __str__(self) -> str:
        """As it is written."""
        if len(self.entries) == 1:
            return _spelt(self.entries[0][1])
        return ", ".join(f"{at // 60:02}:{at % 60:02} {_spelt(rate)}" for at, rate in self.entries)


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


def _rate(text: str) -> int | None:
    if text.lower() == "off":
        return None
    rate = parse_size(text.removesuffix("/s"))
    if rate < _SLOWEST:
        raise ValueError(f"{text} is too slow: at least 1KiB a second, or off for no limit")
    return rate


def _spelt(rate: int | None) -> str:
    if rate is None:
        return "off"
    for factor, unit in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if rate % factor == 0:
            return f"{rate // factor}{unit}"
    return str(rate)
