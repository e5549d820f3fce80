"""The control API of a store made for tests: its clock, snapshots, faults and recorded requests."""

from __future__ import annotations

import msgspec

MAX_DELAY = 3_600.0
"""Seconds that a fault can delay a request, at most."""


class ClockState(msgspec.Struct, frozen=True):
    """GET /v1/test/clock."""

    now: float
    """Unix seconds, by the clock of the store."""
    offset: float
    """Seconds by which it is ahead of the machine's clock."""
    removed: int = 0
    """Versions and uploads that lifecycle rules removed because of the move."""


class ClockChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to move the clock: exactly one of the three."""

    at: float | None = None
    """The time that it is from now on, in Unix seconds."""
    advance: float | None = None
    """Seconds to move it forward."""
    reset: bool = False
    """Back to the machine's clock."""


class ResetResult(msgspec.Struct, frozen=True):
    """What a reset has removed."""

    buckets: int
    objects: int


class SnapshotInfo(msgspec.Struct, frozen=True):
    """A snapshot of the store."""

    name: str
    created: float
    """Unix seconds, by the machine's clock."""
    buckets: int
    objects: int
    size: int
    """Bytes of all versions and of the parts of unfinished uploads."""


class SnapshotList(msgspec.Struct, frozen=True):
    """GET /v1/test/snapshots, by name."""

    snapshots: list[SnapshotInfo]


class FaultSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fault to add: which requests it concerns, and what happens to them."""

    operation: str = ""
    """Such as PutObject; "": every operation."""
    bucket: str = ""
    """"": every bucket, and requests without one."""
    prefix: str = ""
    """Of the keys."""
    rate: float = 1.0
    """The share of these requests that fail, above 0 and up to 1."""
    times: int | None = None
    """How many requests fail before the fault ends; None: it does not end."""
    error: str = ""
    """Answer with this error code of S3."""
    delay: float = 0.0
    """Seconds to wait before the request is carried out, or fails."""
    close: bool = False
    """Close the connection without an answer."""
    seed: int = 0
    """Which requests a rate below 1 chooses: the same ones for the same seed."""


class Fault(msgspec.Struct, frozen=True):
    """A fault that is in force."""

    id: int
    spec: FaultSpec
    matched: int = 0
    """Requests that it concerned."""
    failed: int = 0
    """Requests that it delayed, refused or cut off."""


class FaultList(msgspec.Struct, frozen=True):
    """GET /v1/test/faults, in the order in which they were added."""

    faults: list[Fault]


class RecordedRequest(msgspec.Struct, frozen=True):
    """One request to the S3 endpoint that is over."""

    seq: int
    """Grows by one with each request since the start of the agent."""
    at: float
    """When its response was complete, in Unix seconds of the machine's clock."""
    method: str
    path: str
    """As sent, with the query but without the values of signatures."""
    operation: str
    """"" when it was refused before its operation was known."""
    bucket: str
    key: str
    status: int
    """0: the connection was closed without an answer."""
    error: str
    """The error code of S3."""
    received: int
    """Bytes of the request's body."""
    sent: int
    """Bytes of the response, with its head."""
    duration: float
    """Seconds."""
    request_id: str
    principal: str
    """The ARN of the caller, "anonymous", or "" when it is not known."""
    user_agent: str = ""
    trace_id: str = ""
    """Of the traceparent that the client sent, or of the agent's own trace."""
    aborted: bool = False
    """The client does not have all of the response."""


class RequestList(msgspec.Struct, frozen=True):
    """GET /v1/test/requests, oldest first."""

    requests: list[RecordedRequest]
    last: int
    """The sequence number of the newest request of all; 0: there was none."""
