"""What waits to reach the remote, as values; no input or output here."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import msgspec

from s3d.agent.storage.records import Stored


class PendingState(StrEnum):
    """Where a write stands."""

    WAITING = "waiting"
    PUSHING = "pushing"
    HELD = "held"
    """Not to be pushed: the filter says so, or a person."""
    FAILED = "failed"
    """Parked: the remote refuses it, and it blocks later writes of its key."""
    VERIFYING = "verifying"
    """The remote has it, but an earlier request of ours may still arrive there and replace it: the
    remote is asked once more when no such request can be alive."""
    CONFLICT = "conflict"
    """The remote has a newer version, which reads show; the write waits for a decision, and does
    not block later writes of its key."""


FILTERED = "Filtered"
"""Code of the error of a write that the filter holds: it is decided anew when its tags change."""

STUCK = frozenset((PendingState.HELD, PendingState.FAILED))
"""What does not move by itself, nor lets the later writes of its key."""


class Kind(StrEnum):
    """What a write does to its key."""

    PUT = "put"
    DELETE = "delete"
    TAGS = "tags"
    """The object stays, its tags change."""


class PushError(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the last push failed with."""

    code: str
    """An S3 error code, or a word of ours ("integrity")."""
    message: str = ""
    request_id: str = ""
    """The remote's."""
    status: int = 0
    """Of HTTP; 0 when no answer came."""
    at: float = 0.0
    """Unix seconds."""


ABSENT = ""
"""Stands for the ETag of a key without an object."""


class Base(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a write replaces at the remote."""

    written: float = 0.0
    """Unix seconds; when this very write was accepted."""
    etag: str | None = None
    """The remote's ETag, or ABSENT; None: not known. Never a hash of our own making: a remote that
    encrypts gives other ETags."""
    landed: str | None = None
    """The remote's ETag, or ABSENT, after the push of this write; None: it was not pushed yet."""


class RemoteUpload(msgspec.Struct, frozen=True, array_like=True):
    """How far the push of a multipart object has come; it goes on from here after a restart."""

    upload_id: str
    """The remote's; empty until it is known."""
    parts: dict[int, str] = {}
    """Number -> ETag of the parts that the remote has."""
    begun: float = 0.0
    """Unix seconds. Without an id: one was asked for, and its answer was never heard."""
    made_as: str = ""
    """Stands for the description that it was begun with; with another it begins anew."""


class Orphan(NamedTuple):
    """A multipart upload at the remote that nobody will complete: its write has gone."""

    bucket: str
    key: str
    upload_id: str
    """Empty when its answer was never heard."""
    begun: float = 0.0
    """Unix seconds."""


class PendingWrite(msgspec.Struct, gc=False):
    """An accepted write that the remote does not have yet. Slim: there may be 100,000 of them.

    Belongs to the Journal: read it, and change it by the journal's methods only.
    """

    seq: int
    """Order of acceptance; the pushes of one key keep it."""
    kind: Kind
    bucket: str
    key: str
    size: int
    """Bytes of the object as it is after this write; 0 for a delete."""
    accepted: float
    """Unix seconds; when it took the place of earlier writes, of the first of them."""
    state: PendingState = PendingState.WAITING
    attempts: int = 0
    """Pushes that failed since the agent started."""
    retry_at: float = 0.0
    """Unix seconds; not before."""
    error: PushError | None = None
    priority: int = 0
    """Greater goes first; 0 unless somebody said so."""

    @property
    def is_filtered(self) -> bool:
        """Held by the filter, and not by a person."""
        held = self.state is PendingState.HELD
        return held and self.error is not None and self.error.code == FILTERED

    @property
    def subject(self) -> str:
        """For events and messages."""
        return f"{self.bucket}/{self.key}"


class StagedWrite(NamedTuple):
    """All that a push needs to know of a write, and that is not kept in memory."""

    stored: Stored | None
    """The object as it is after this write; None for a delete."""
    upload: RemoteUpload | None
    base: Base = Base()


class Conflict(NamedTuple):
    """A write that was not pushed because the remote has a newer version."""

    write: PendingWrite
    etag: str
    """Of the write, as its client knows it; ABSENT for a delete."""
    remote_etag: str
    """What the remote had; ABSENT for a key that was deleted there."""
    base_etag: str | None
    """What the write was to replace; None: it was not known."""


class Share(NamedTuple):
    """Writes and bytes of one state."""

    files: int = 0
    size: int = 0


class NewerWritePending(Exception):
    """A write that somebody wants to push to a key would replace a newer pending one of it."""

    def __init__(self, bucket: str, key: str) -> None:
        super().__init__(f"a newer write of {bucket}/{key} is pending")


class QueueStatus(NamedTuple):
    """What is pending now."""

    shares: dict[PendingState, Share]
    oldest: float | None
    """When the oldest write that waits or is pushed was accepted, Unix seconds."""
    paused: bool
    blocked: Share = Share()
    """Of those that wait: behind one of their key that is held or failed."""
    conflicts: Share = Share()
    """Writes that are pending no more: the remote has newer versions."""

    @property
    def files(self) -> int:
        return sum(share.files for share in self.shares.values())

    @property
    def size(self) -> int:
        return sum(share.size for share in self.shares.values())
