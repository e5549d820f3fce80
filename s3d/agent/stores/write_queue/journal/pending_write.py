"""Pending writes and their states, as values. No input or output."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Self

import msgspec

from s3d.agent.s3.messages import RequestContext
from s3d.agent.s3.trace_context import TraceContext, parse
from s3d.agent.storage.records import Stored
from s3d.shared.diagnostics import RequestFields

Place = tuple[str, str]
"""Bucket and key."""


class PendingState(StrEnum):
    """The state of a write. The values are stored in the journal."""

    WAITING = "waiting"
    PUSHING = "pushing"
    HELD = "held"
    """Not pushed, because the filter or the user says so."""
    FAILED = "failed"
    """Parked: the remote refuses it. It blocks later writes of its key."""
    VERIFYING = "verifying"
    """The remote has it, but an earlier unresolved push may still replace it there. The remote is
    checked once more when no such request can arrive any longer."""
    CONFLICT = "conflict"
    """The remote has a newer version, which reads return. The write waits for a decision and does
    not block later writes of its key."""


FILTERED = "Filtered"
"""Error code of a write that the filter holds. The filter is evaluated again when tags change."""

STUCK = frozenset((PendingState.HELD, PendingState.FAILED))
"""States of a write that is not pushed by itself and blocks later writes of its key."""


class Kind(StrEnum):
    """What a write does to its key. The values are stored in the journal."""

    PUT = "put"
    DELETE = "delete"
    TAGS = "tags"
    """Only the tags of the object change."""
    COPY = "copy"
    """The remote copies the object from another key, which nothing changes before."""


class PushError(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The error of the last push."""

    code: str
    """An S3 error code, or one of s3d's own ("integrity")."""
    message: str = ""
    request_id: str = ""
    """The remote's."""
    status: int = 0
    """HTTP status; 0 without an answer."""
    at: float = 0.0
    """Unix seconds."""


NO_OBJECT = ""
"""Stands for the ETag of a key without an object."""


class Base(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a write replaces at the remote."""

    accepted: float = 0.0
    """Unix seconds; when this very write was accepted."""
    etag: str | None = None
    """The remote's ETag, or NO_OBJECT; None: unknown. Never an ETag computed by s3d: a remote that
    encrypts returns other ETags."""
    pushed_etag: str | None = None
    """The remote's ETag, or NO_OBJECT, after the push of this write; None: not pushed yet."""
    is_strict: bool = False
    """Another version than this base is never replaced, however old it is: the write becomes a
    conflict copy. For a file of the mount, which was changed as the base had it."""


class CopySource(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where the remote copies the object of a COPY from, within its bucket."""

    key: str
    etag: str
    """The remote's."""
    replaces_metadata: bool = False
    """The copy gets the headers and metadata of the write, instead of those of the source."""
    replaces_tags: bool = False


class RemoteUpload(msgspec.Struct, frozen=True, array_like=True):
    """Progress of a multipart push, which continues from here after a restart."""

    upload_id: str
    """The remote's; "" until it is known."""
    parts: dict[int, str] = {}
    """Part number -> ETag of the parts that the remote has."""
    begun: float = 0.0
    """Unix seconds. Without an id: CreateMultipartUpload was sent, its answer is unknown."""
    fingerprint: str = ""
    """Multipart.fingerprint of the CreateMultipartUpload. A push with another one starts over."""


class Orphan(NamedTuple):
    """An orphaned multipart upload at the remote: its write was removed."""

    bucket: str
    key: str
    upload_id: str
    """"" when the answer that had it was lost."""
    begun: float = 0.0
    """Unix seconds."""


class Origin(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The request that made a write: the parent of every request that pushes it."""

    request_id: str = ""
    """"" when it is not known, as for a write that an earlier version of s3d has accepted."""
    traceparent: str = ""
    """Of its span; "" for none."""
    tracestate: str = ""

    @classmethod
    def of(cls, context: RequestContext) -> Self:
        trace = context.trace
        if trace is None:
            return cls(context.request_id)
        return cls(context.request_id, trace.traceparent, trace.state)

    @property
    def trace(self) -> TraceContext | None:
        return parse(self.traceparent, self.tracestate) if self.traceparent else None


NO_ORIGIN = Origin()


class PendingWrite(msgspec.Struct, gc=False):
    """An accepted write that the remote does not have yet. Small: there may be 100,000 of them.

    Owned by the journal: everybody may read it, only methods of the journal change it.
    """

    seq: int
    """Order of acceptance. The writes of one key are pushed in this order."""
    kind: Kind
    bucket: str
    key: str
    size: int
    """Bytes of the object after this write; 0 for a delete and for a copy, which takes no room."""
    first_accepted: float
    """Unix seconds. When it replaced earlier writes: the time of the first of them."""
    state: PendingState = PendingState.WAITING
    attempts: int = 0
    """Failed pushes since the agent started."""
    retry_at: float = 0.0
    """Unix seconds; it is not pushed before."""
    error: PushError | None = None
    priority: int = 0
    """Greater goes first; 0 by default."""
    source: str = ""
    """The other key from which the remote copies the object; its writes wait for that."""

    def log_fields(self) -> RequestFields:
        """For the lines of the log that concern this write."""
        return RequestFields(bucket=self.bucket, key=self.key)

    @property
    def is_filtered(self) -> bool:
        """Held by the filter, not by the user."""
        held = self.state is PendingState.HELD
        return held and self.error is not None and self.error.code == FILTERED

    @property
    def subject(self) -> str:
        """For events and messages."""
        return f"{self.bucket}/{self.key}"


class StagedWrite(NamedTuple):
    """The full row of a write: what a push needs and memory does not hold."""

    stored: Stored | None
    """The object after this write; None for a delete."""
    upload: RemoteUpload | None
    base: Base = Base()
    origin: Origin = NO_ORIGIN
    source: CopySource | None = None
    """Of a COPY, whose object has no bytes here."""

    @property
    def etag(self) -> str:
        """The ETag that the client was given; NO_OBJECT for a delete."""
        return NO_OBJECT if self.stored is None else self.stored.record.etag


class Conflict(NamedTuple):
    """A write that was not pushed because the remote has a newer version."""

    write: PendingWrite
    etag: str
    """Of the write, as its client knows it; NO_OBJECT for a delete."""
    remote_etag: str
    """What the remote had; NO_OBJECT for a key that was deleted there."""
    base_etag: str | None
    """What the write was to replace; None: unknown."""


class Usage(NamedTuple):
    """A number of writes and their bytes."""

    files: int = 0
    size: int = 0


class NewerWritePending(Exception):
    """A write that is to be pushed to another key would replace a newer pending write of that
    key."""

    def __init__(self, bucket: str, key: str) -> None:
        super().__init__(f"a newer write of {bucket}/{key} is pending")


class QueueTotals(NamedTuple):
    """What is pending now."""

    by_state: dict[PendingState, Usage]
    oldest: float | None
    """When the oldest write that waits or is pushed was accepted, Unix seconds."""
    paused: bool
    blocked: Usage = Usage()
    """Of the waiting writes: those behind a held or failed write of their key."""
    conflicts: Usage = Usage()
    """Parked conflicts, which are not pending any more."""

    @property
    def files(self) -> int:
        return sum(usage.files for usage in self.by_state.values())

    @property
    def size(self) -> int:
        return sum(usage.size for usage in self.by_state.values())
