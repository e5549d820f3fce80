"""Pending writes and their states, as values. No input or output."""

from __future__ import annotations

from enum import StrEnum
from struct import Struct
from typing import NamedTuple, Self

import msgspec

from s3d.agent.s3.messages import RequestContext
from s3d.agent.s3.trace_context import TraceContext, parse
from s3d.agent.storage.records import Stored
from s3d.shared.diagnostics import RequestFields

ObjectName = tuple[str, str]
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
    direct_write_at: float = 0.0
    """When a forwarded write with an unknown result was answered before this one was accepted, or
    was not answered yet; Unix seconds; 0: there was none."""


class CopySource(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where the remote copies the object of a COPY from, within its bucket."""

    key: str
    etag: str
    """The remote's."""
    replaces_metadata: bool = False
    """The copy gets the headers and metadata of the write, instead of those of the source."""
    replaces_tags: bool = False
    is_listed: bool = False
    """The remote was away when the copy was accepted: of the source, only what a listing says is
    known. The push asks for the rest."""

    @property
    def is_unchanged(self) -> bool:
        """Whether the copy is to have everything as its source has it."""
        return not (self.replaces_metadata or self.replaces_tags)


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


class _Trouble(msgspec.Struct, gc=False):
    """What few of the pending writes have."""

    attempts: int = 0
    retry_at: float = 0.0
    error: PushError | None = None
    source: str = ""


_NO_TROUBLE = _Trouble()
_BITS = 48
_MASK = (1 << _BITS) - 1
_PRIORITY_BITS, _NO_PRIORITY = 12, 1 << 11
_DOUBLE, _LONG = Struct("<d"), Struct("<q")


class PendingWrite(msgspec.Struct, gc=False):
    """An accepted write that the remote does not have yet. new_write() makes it.

    Owned by the journal: everybody may read it, only methods of the journal change it. There may be
    100,000 of them, so its numbers share one integer, which takes half of what they do.
    """

    kind: Kind
    bucket: str
    key: str
    state: PendingState
    _numbers: int
    """From the top: first_accepted as the bits of a double, priority, size and seq."""
    _trouble: _Trouble

    @property
    def seq(self) -> int:
        """Order of acceptance. The writes of one key are pushed in this order."""
        return self._numbers & _MASK

    @seq.setter
    def seq(self, seq: int) -> None:
        self._numbers += seq - self.seq

    @property
    def size(self) -> int:
        """Bytes of the object after this write; 0 for a delete and for a copy, which takes no
        room."""
        return self._numbers >> _BITS & _MASK

    @size.setter
    def size(self, size: int) -> None:
        self._numbers += (size - self.size) << _BITS

    @property
    def priority(self) -> int:
        """Greater goes first; 0 by default."""
        return (self._numbers >> 2 * _BITS & (1 << _PRIORITY_BITS) - 1) - _NO_PRIORITY

    @priority.setter
    def priority(self, priority: int) -> None:
        self._numbers += (priority - self.priority) << 2 * _BITS

    @property
    def first_accepted(self) -> float:
        """Unix seconds. When it replaced earlier writes: the time of the first of them."""
        found: float = _DOUBLE.unpack(_LONG.pack(self._numbers >> 2 * _BITS + _PRIORITY_BITS))[0]
        return found

    @first_accepted.setter
    def first_accepted(self, at: float) -> None:
        self._numbers = _packed(self.seq, self.size, at, self.priority)

    @property
    def attempts(self) -> int:
        """Failed pushes since the agent started."""
        return self._trouble.attempts

    @attempts.setter
    def attempts(self, attempts: int) -> None:
        self._own_trouble().attempts = attempts

    @property
    def retry_at(self) -> float:
        """Unix seconds; it is not pushed before."""
        return self._trouble.retry_at

    @retry_at.setter
    def retry_at(self, at: float) -> None:
        if at != self._trouble.retry_at:
            self._own_trouble().retry_at = at

    @property
    def error(self) -> PushError | None:
        """Of the last push."""
        return self._trouble.error

    @error.setter
    def error(self, error: PushError | None) -> None:
        if error is not self._trouble.error:
            self._own_trouble().error = error

    @property
    def source(self) -> str:
        """The other key from which the remote copies the object; its writes wait for that."""
        return self._trouble.source

    @source.setter
    def source(self, key: str) -> None:
        if key != self._trouble.source:
            self._own_trouble().source = key

    def _own_trouble(self) -> _Trouble:
        if self._trouble is _NO_TROUBLE:
            self._trouble = _Trouble()
        return self._trouble

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


def _packed(seq: int, size: int, accepted: float, priority: int) -> int:
    bits: int = _LONG.unpack(_DOUBLE.pack(accepted))[0]
    high = (bits << _PRIORITY_BITS) + priority + _NO_PRIORITY
    return (((high << _BITS) + size) << _BITS) + seq


def new_write(
    seq: int, kind: Kind, bucket: str, key: str, size: int, first_accepted: float,
    state: PendingState = PendingState.WAITING, *, attempts: int = 0, retry_at: float = 0.0,
    error: PushError | None = None, priority: int = 0, source: str = "",
) -> PendingWrite:  # fmt: skip
    """A pending write of these attributes. seq, size: below 2**48; priority: within +-2047."""
    trouble = _NO_TROUBLE
    if attempts or retry_at or error is not None or source:
        trouble = _Trouble(attempts, retry_at, error, source)
    numbers = _packed(seq, size, first_accepted, priority)
    return PendingWrite(kind, bucket, key, state, numbers, trouble)


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
