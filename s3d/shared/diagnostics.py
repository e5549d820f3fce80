"""The control API's types for diagnostics: the log, rates, settings, and the check of the disk.

The version and the compatibility rules of control.py hold for them too.
"""

from __future__ import annotations

import msgspec

from s3d.shared.transfers import Share


class LogLine(msgspec.Struct, frozen=True):
    """One line of the agent's log."""

    seq: int
    """Its number in this run of the agent, from 1."""
    at: float
    """Unix seconds."""
    level: str
    """info, warning or error."""
    source: str
    """The logger, without "s3d.agent."."""
    message: str


class LogList(msgspec.Struct, frozen=True):
    """GET /v1/logs: lines in the order of their numbers."""

    lines: list[LogLine]
    seq: int = 0
    """What to ask for next: since."""


class Samples(msgspec.Struct, frozen=True):
    """GET /v1/samples: the last five minutes, a value a second, the newest last."""

    every: float
    """Seconds between two values."""
    at: float
    """When the newest was taken, in Unix seconds."""
    up: list[float]
    """Bytes a second to the remote; without one, into the store."""
    down: list[float]
    """Bytes a second from the remote; without one, out of the store."""
    requests: list[float]
    """S3 requests a second at the endpoint."""
    hit_ratio: list[float]
    """Share of the reads that the cache answered in that second; -1: nothing was read."""
    p50: float = 0.0
    """Seconds that half of the requests took at most, over the last minute."""
    p99: float = 0.0
    errors_4xx: int = 0
    """Of the last minute."""
    errors_5xx: int = 0


class SettingInfo(msgspec.Struct, frozen=True):
    """One setting, as it is in force."""

    name: str
    value: str
    """As text; secrets are masked."""
    source: str
    """default, the configuration file, environment or flag."""
    description: str = msgspec.field(name="about", default="")
    restart: bool = True
    """A change counts after the next start only."""


class SettingList(msgspec.Struct, frozen=True):
    """GET /v1/config."""

    settings: list[SettingInfo]


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
