"""The control API's types for `s3d trace`: what has happened to one object here.

The version and the compatibility rules of control.py hold for them too.
"""

from __future__ import annotations

from msgspec import Struct

from s3d.shared.control import Scalar


class ObjectEvent(Struct, frozen=True):
    """One thing that has happened to an object."""

    at: float
    """Unix seconds."""
    event: str
    """accepted, held, pushing, push failed, parked, verifying, pushed, conflict, replaced, cached
    or evicted."""
    request_id: str = ""
    """Of the request that did it: the client's, or one that s3d made itself."""
    trace_id: str = ""
    """Of the trace that this request belongs to."""
    data: dict[str, Scalar] = {}
    """Further fields, which depend on the event."""


class ObjectLife(Struct, frozen=True):
    """GET /v1/buckets/{bucket}/object:trace: the events of an object, oldest first."""

    bucket: str
    key: str
    events: list[ObjectEvent]


class HistoryLine(Struct, frozen=True, omit_defaults=True):
    """One event in the file of the agent. subject: bucket/key; it comes first, to be found."""

    subject: str
    at: float
    event: str
    request: str = ""
    trace: str = ""
    data: dict[str, Scalar] = {}

    def event_of(self) -> ObjectEvent:
        return ObjectEvent(self.at, self.event, self.request, self.trace, self.data)
