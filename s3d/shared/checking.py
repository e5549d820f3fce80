"""The types of `s3d check`: what was found wrong at rest. They cross the Unix socket, too."""

from __future__ import annotations

import msgspec

from s3d.shared.transfers import Share


class Damage(msgspec.Struct, frozen=True):
    """One thing that is wrong on the disk."""

    place: str
    """store, queue, cache, sync or state."""
    name: str
    """BUCKET/KEY of an object, else the path of a file or folder."""
    problem: str
    repaired: str = ""
    """What was done about it; "" when it is as it was."""
    remedy: str = ""
    """What a person can do; "" when it is repaired."""


class CheckPage(msgspec.Struct, frozen=True):
    """The answer of POST /v1/check: how far the check has come, and what was found on the way."""

    checked: Share
    """What was read since the beginning of the check."""
    damage: list[Damage]
    """What was found since the page before."""
    cursor: str = ""
    """To go on with; "" on the last page."""


class CheckLine(msgspec.Struct, frozen=True):
    """One step of a check, in the agent or without one."""

    checked: Share
    """What was read since the beginning."""
    damage: Damage | None = None
    done: bool = False
    """True on the last line."""
