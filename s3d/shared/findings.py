"""What `s3d doctor` finds: one line for each check."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    """It works, and something about it will surprise."""
    FAIL = "fail"
    """It does not work."""


class Finding(msgspec.Struct, frozen=True):
    """The result of one check."""

    check: str
    """Such as "credentials"; several findings may have the same."""
    level: Level
    text: str
    """What was found, with the path, name or number in question."""
    remedy: str = ""
    """What to do about it; "" when it is ok."""


def ok(check: str, text: str) -> Finding:
    return Finding(check, Level.OK, text)


def warn(check: str, text: str, remedy: str) -> Finding:
    return Finding(check, Level.WARN, text, remedy)


def fail(check: str, text: str, remedy: str) -> Finding:
    return Finding(check, Level.FAIL, text, remedy)
