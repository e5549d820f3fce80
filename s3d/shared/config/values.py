"""Values of settings with a type of their own: secrets, bandwidth timetables, conflict policies.

A timetable is written "08:00 512KiB, 18:00 off": from each time of the day on (local time), so many
bytes a second; off means no limit. A single rate holds all day.

Conflict policies are written "photos/=ours, park": named_policies.py has the rules for names.
"""

from __future__ import annotations

import re
from enum import StrEnum

import msgspec

from s3d.shared.config.named_policies import parse_policies, policies_text, policy_of
from s3d.shared.text import parse_size

MASK = "***"


class Secret:
    """A secret. str, repr, format, JSON and pickle show a mask; only reveal() returns the value."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        return Secret, (MASK,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)


_DAY = 24 * 60
_TIME = r"([01]?\d|2[0-3]):([0-5]\d)"  # compiled at first use
_SLOWEST = 1024


class Timetable(msgspec.Struct, frozen=True):
    """Rates in bytes per second (None: no limit), each from a minute of the day on, in order."""

    entries: tuple[tuple[int, int | None], ...] = ((0, None),)

    @property
    def is_constant(self) -> bool:
        """Whether the rate is the same at every time of day."""
        return len(self.entries) == 1

    def rate_at(self, minute: int) -> int | None:
        """The rate at a minute of the day (0 to 1439); before the first entry, the last one."""
        at = minute % _DAY
        started = [rate for start, rate in self.entries if start <= at]
        return started[-1] if started else self.entries[-1][1]

    def __str__(self) -> str:
        """The setting as it is written."""
        if len(self.entries) == 1:
            return _spelt(self.entries[0][1])
        return ", ".join(f"{at // 60:02}:{at % 60:02} {_spelt(rate)}" for at, rate in self.entries)


def parse_timetable(text: str) -> Timetable:
    """Raises ValueError, which says what is expected."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) == 1 and not re.match(_TIME, parts[0]):
        return Timetable(((0, _rate(parts[0])),))
    entries: dict[int, int | None] = {}
    for part in parts:
        time, _, rate = part.partition(" ")
        match = re.fullmatch(_TIME, time)
        if match is None:
            raise ValueError(f'{part!r} is not TIME RATE: write "08:00 512KiB, 18:00 off"')
        minute = int(match[1]) * 60 + int(match[2])
        if minute in entries:
            raise ValueError(f"{time} appears twice")
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


class ConflictPolicy(StrEnum):
    """Which version wins when another client has written to the remote after us."""

    PARK = "park"
    """The remote keeps its version; ours stays here until the user decides."""
    OURS = "ours"
    """Our write replaces the remote's version."""
    THEIRS = "theirs"
    """The remote keeps its version, and our write is dropped."""


class Conflicts(msgspec.Struct, frozen=True):
    """The setting S3D_CONFLICTS."""

    default: ConflictPolicy = ConflictPolicy.PARK
    entries: tuple[tuple[str, ConflictPolicy], ...] = ()
    """(BUCKET or BUCKET/PREFIX, policy); the longest name first."""

    def of(self, bucket: str, key: str) -> ConflictPolicy:
        """The policy for a key."""
        if not self.entries:
            return self.default
        return policy_of(bucket, key, self.entries, self.default)

    def __str__(self) -> str:
        """The setting as it is written."""
        return policies_text(self.entries, self.default)


def parse_conflicts(text: str) -> Conflicts:
    """Raises ValueError with what is expected."""
    default, entries = parse_policies(text, _policy)
    return Conflicts(default or ConflictPolicy.PARK, entries)


def _policy(word: str) -> ConflictPolicy:
    try:
        return ConflictPolicy(word)
    except ValueError:
        words = ", ".join(ConflictPolicy)
        raise ValueError(f"{word!r} is not one of {words}") from None
