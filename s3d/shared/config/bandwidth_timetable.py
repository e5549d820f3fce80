"""The setting bandwidth_timetable: limits of all traffic with the remote, both ways, by the week.

It has the syntax of rclone's --bwlimit (https://rclone.org/docs/#bwlimit-bwtimetable): "10M" or
"10M:1M" (UP:DOWN) holds always; "08:00,512k 18:00,off" by the time of the day, and
"Mon-08:00,1M:off Sat-00:00,off" by the day of the week, local time. A number without a unit is KiB
a second. off means no limit.
"""

from __future__ import annotations

import re

import msgspec

from s3d.shared.text import parse_size

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY, WEEK = 24 * 60, 7 * 24 * 60
"""Minutes."""
_ENTRY = r"(?:([A-Za-z]{3,9})-)?([01]?\d|2[0-3]):([0-5]\d),(\S+)"
_SLOWEST = 1024
_EXPECTED = 'write "10M", "10M:1M" (UP:DOWN), or "08:00,512k 18:00,off"'


class Rates(msgspec.Struct, frozen=True):
    """Bytes per second for each direction; None: no limit."""

    up: int | None = None
    down: int | None = None

    def __str__(self) -> str:
        return _spelt(self.up) if self.up == self.down else f"{_spelt(self.up)}:{_spelt(self.down)}"


UNLIMITED = Rates()


class BandwidthTimetable(msgspec.Struct, frozen=True):
    """Rates, each from a minute of the week on (0: Monday 00:00), in order."""

    entries: tuple[tuple[int, Rates], ...] = ((0, UNLIMITED),)

    @property
    def is_unlimited(self) -> bool:
        """Whether there never is a limit."""
        return all(rates == UNLIMITED for _, rates in self.entries)

    def at(self, minute: int) -> Rates:
        """The rates at a minute of the week; before the first entry, those of the last one."""
        started = [rates for start, rates in self.entries if start <= minute % WEEK]
        return started[-1] if started else self.entries[-1][1]

    def __str__(self) -> str:
        """The setting as it can be written."""
        if len(self.entries) == 1:
            return str(self.entries[0][1])
        return " ".join(f"{_moment(at)},{rates}" for at, rates in self.entries)


def parse_bandwidth_timetable(text: str) -> BandwidthTimetable:
    """Raises ValueError, which says what is expected."""
    parts = text.split()
    if len(parts) == 1 and "," not in parts[0]:
        return BandwidthTimetable(((0, _rates(parts[0])),))
    entries: dict[int, Rates] = {}
    for part in parts:
        match = re.fullmatch(_ENTRY, part)
        if match is None:
            raise ValueError(f"{part!r} is not TIME,RATE: {_EXPECTED}")
        day, hour, minute, rates = match.groups()
        at = int(hour) * 60 + int(minute)
        days = range(7) if day is None else (_day(day),)
        for number in days:
            if number * DAY + at in entries:
                raise ValueError(f"{part!r}: there is another rate for this time")
            entries[number * DAY + at] = _rates(rates)
    if not entries:
        raise ValueError(_EXPECTED)
    return BandwidthTimetable(tuple(sorted(entries.items())))


def _day(name: str) -> int:
    found = [number for number, day in enumerate(DAYS) if name.lower().startswith(day.lower())]
    if not found:
        raise ValueError(f"{name!r} is no day of the week: write {', '.join(DAYS)}")
    return found[0]


def _rates(text: str) -> Rates:
    up, colon, down = text.partition(":")
    return Rates(_rate(up), _rate(down if colon else up))


def _rate(text: str) -> int | None:
    if text.lower() == "off":
        return None
    try:
        rate = int(text) * 1024 if text.isdecimal() else parse_size(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no rate: {_EXPECTED}") from error
    if rate < _SLOWEST:
        raise ValueError(f"{text} is too slow: at least 1k a second, or off for no limit")
    return rate


def _spelt(rate: int | None) -> str:
    if rate is None:
        return "off"
    for factor, unit in ((1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")):
        if rate % factor == 0:
            return f"{rate // factor}{unit}"
    return f"{rate}B"


def _moment(minute: int) -> str:
    day, rest = divmod(minute, DAY)
    return f"{DAYS[day]}-{rest // 60:02}:{rest % 60:02}"
