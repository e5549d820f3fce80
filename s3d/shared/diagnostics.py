"""The control API's types for diagnostics: the log, rates, settings, the check of the
disk, and the life of an object.

The version and the compatibility rules of control.py hold for them too.
"""

from __future__ import annotations

import msgspec

from s3d.shared.control import Scalar
from s3d.shared.transfers import Totals


class RequestFields(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a line of the log says of the request that it concerns; "" where it does not apply."""

    request_id: str = ""
    """Of the client's request, as in x-amz-request-id; background work has one of its own."""
    write_request_id: str = ""
    """Of the request that caused background work, such as the write that is pushed."""
    trace_id: str = ""
    operation: str = ""
    """The AWS name."""
    bucket: str = ""
    key: str = ""


class LogLine(RequestFields, frozen=True):
    """One line of the agent's log."""

    seq: int
    """The number of the line since the start of the agent, from 1."""
    at: float
    """Unix seconds."""
    level: str
    """debug, info, warning or error."""
    source: str
    """The logger, without "s3d.agent."."""
    message: str
    """Without the fields of the request."""


class LogList(msgspec.Struct, frozen=True):
    """GET /v1/logs: lines, in the order of their numbers."""

    lines: list[LogLine]
    seq: int = 0
    """The value of since for the next request."""


class Samples(msgspec.Struct, frozen=True):
    """GET /v1/samples: the last five minutes, one value per second, the newest last."""

    every: float
    """Seconds between two values."""
    at: float
    """When the newest value was taken, in Unix seconds."""
    up: list[float]
    """Bytes per second to the remote; without a remote, into the store."""
    down: list[float]
    """Bytes per second from the remote; without a remote, out of the store."""
    requests: list[float]
    """S3 requests per second at the endpoint."""
    hit_ratio: list[float]
    """Share of the reads in that second that the cache answered; -1: there were none."""
    p50: float = 0.0
    """Median latency of the last minute in seconds; 0: there was no request."""
    p99: float = 0.0
    errors_4xx: int = 0
    """Errors of the last minute."""
    errors_5xx: int = 0


READY, NOT_READY = "ready", "not ready"
"""Readiness.status."""


STARTING = "the agent is opening its stores"
STOPPING = "the agent is stopping"
OTHER_ACCOUNT = "the agent changes to the state of another account"
"""Why the agent is not ready without a session."""


class ReadinessCheck(msgspec.Struct, frozen=True):
    """One condition of readiness."""

    name: str
    ok: bool
    reason: str = ""
    """Why it is not met; for one that is met, what is restricted."""


class Readiness(msgspec.Struct, frozen=True, omit_defaults=True):
    """GET /readyz: whether the agent serves requests from complete stores.

    It does not depend on the remote: a gateway serves and accepts while the remote is away.
    """

    status: str
    """READY or NOT_READY."""
    checks: list[ReadinessCheck] = []
    """Left out for callers that are not trusted."""


def readiness_of(checks: list[ReadinessCheck]) -> Readiness:
    """Ready when all checks are met."""
    return Readiness(READY if all(check.ok for check in checks) else NOT_READY, checks)


class SettingInfo(msgspec.Struct, frozen=True):
    """The current value of a setting."""

    name: str
    value: str
    """As text; secrets are masked."""
    source: str
    """default, the configuration file, environment or flag."""
    description: str = msgspec.field(name="about", default="")
    restart: bool = True
    """A change takes effect at the next start."""


class SettingList(msgspec.Struct, frozen=True):
    """GET /v1/config."""

    settings: list[SettingInfo]


class Damage(msgspec.Struct, frozen=True):
    """One damaged item on the disk."""

    place: str
    """store, queue, cache, sync or state."""
    name: str
    """BUCKET/KEY of an object, or the path of a file or folder."""
    problem: str
    repaired: str = ""
    """What the repair has done; "" when nothing was done."""
    remedy: str = ""
    """What the user can do; "" when it is repaired."""


class CheckPage(msgspec.Struct, frozen=True):
    """The answer of POST /v1/check: the progress, and the damage since the previous page."""

    checked: Totals
    """What has been read since the start of the check."""
    damage: list[Damage]
    """The damage since the previous page."""
    cursor: str = ""
    """For the next page; "" on the last one."""


class CheckLine(msgspec.Struct, frozen=True):
    """One step of a check, with or without a running agent."""

    checked: Totals
    """What has been read since the start of the check."""
    damage: Damage | None = None
    done: bool = False
    """True on the last line."""


class ObjectEvent(msgspec.Struct, frozen=True):
    """One thing that has happened to an object."""

    at: float
    """Unix seconds."""
    event: str
    """accepted, superseded (by a newer write), held, pushing, push failed, parked, verifying,
    pushed, conflict, replaced (by the remote's version), discarded, cached or evicted."""
    request_id: str = ""
    """Of the request that did it: the client's, or one that s3d made itself."""
    trace_id: str = ""
    """Of the trace that this request belongs to."""
    data: dict[str, Scalar] = {}
    """Further fields, which depend on the event."""


class ObjectLife(msgspec.Struct, frozen=True):
    """GET /v1/buckets/{bucket}/object:trace: the events of an object, oldest first."""

    bucket: str
    key: str
    events: list[ObjectEvent]
