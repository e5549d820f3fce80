"""Within the commit of a change: a row for it, and none any more for those whose place it takes.

Runs in the writer thread: what is decided here is decided against the rows that the commit meets.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec
from msgspec.structs import replace

from s3d.agent.s3.errors import S3Error
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import Stored
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.write_queue import journal_rows
from s3d.agent.stores.write_queue.doubts import UnresolvedPush
from s3d.agent.stores.write_queue.doubts import put as put_doubt
from s3d.agent.stores.write_queue.pending import ABSENT, Base, Kind, PendingState, PendingWrite


class Change(Protocol):
    """What the staging store tells of: a key has another object; stored None: it has none."""

    @property
    def bucket(self) -> str: ...

    @property
    def key(self) -> str: ...

    @property
    def stored(self) -> Stored | None: ...

    @property
    def tagged(self) -> bool:
        """The object is the same, its tags are other ones."""


class JournalChange(NamedTuple):
    """A Change that the journal makes itself."""

    bucket: str
    key: str
    stored: Stored | None = None
    tagged: bool = False


class Before(NamedTuple):
    """What is known of the key and of its pending writes."""

    pushing: Container[int]
    """Seqs that are not replaced."""
    one_version: bool
    """The bucket keeps no versions, for certain; elsewhere each write makes one, and they all go to
    the remote, but those that the filter holds."""
    shown: str | None = None
    """What the remote shows of the key: an ETag or ABSENT; None: it is not known."""
    doubtful: Mapping[int, UnresolvedPush] = {}
    """By seq: pushes that may have landed, or may yet."""


class Moving(NamedTuple):
    """A write that another queue has accepted and that is moved into this one."""

    etag: str
    """Of its object; ABSENT for a delete. A client's write of the same key has another."""
    accepted: float
    """Unix seconds; by the other queue."""

    def check(self, reader: Reader, bucket: str, key: str) -> None:
        """Raises S3Error when a write of the key that was accepted later is pending."""
        for each in journal_rows.of_key(reader, bucket, key):
            row = journal_rows.find(reader, each.seq)
            if row is not None and row.base.written > self.accepted:
                raise S3Error("OperationAborted", "A newer write of the key waits there.")


class Entered(NamedTuple):
    """What follows from an entry."""

    replaced: list[int]
    """Seqs of the writes whose place it takes."""
    doubts: list[tuple[str, UnresolvedPush]]
    """Of those: the ETag that a push of theirs leaves."""


def enter(tx: Transaction, write: PendingWrite, stored: Stored | None, before: Before) -> Entered:
    """Give the write its row and its seq."""
    known = journal_rows.of_key(tx, write.bucket, write.key)
    idle = [each for each in known if each.seq not in before.pushing]
    # What the filter holds was never to reach the remote, so no version is lost there.
    replaced = idle if before.one_version else [each for each in idle if each.is_filtered]
    retagged = None
    if write.kind is Kind.TAGS and idle:
        # What waits goes out with the new tags at once. (Only the oldest can be on its way.)
        replaced = replaced or idle[-1:]
        retagged = next((each for each in reversed(replaced) if each.kind is Kind.PUT), idle[-1])
        write.kind = retagged.kind
        if retagged.state is PendingState.HELD and not retagged.is_filtered:
            write.state = PendingState.HELD
    base = Base(write.accepted, None if known else before.shown)
    doubts: list[tuple[str, UnresolvedPush]] = []
    if replaced:
        base, doubts = _inherited(tx, write, known[0], replaced, before.doubtful)
    for each in replaced:
        write.accepted = min(write.accepted, each.accepted)
        write.priority = max(write.priority, each.priority)
    write.seq = journal_rows.insert(tx, write, stored, base)
    if retagged is not None:
        journal_rows.move_upload(tx, retagged.seq, write.seq)
    for each in replaced:
        journal_rows.drop(tx, each.seq, pushed=False)
    return Entered([each.seq for each in replaced], doubts)


def _inherited(
    tx: Transaction,
    write: PendingWrite,
    head: PendingWrite,
    replaced: Sequence[PendingWrite],
    doubtful: Mapping[int, UnresolvedPush],
) -> tuple[Base, list[tuple[str, UnresolvedPush]]]:
    """The base of a write that takes the place of others, and what of those may still arrive."""
    state, doubts = None, []
    for each in replaced:
        doubt = doubtful.get(each.seq)
        if each is not head and doubt is None:
            continue
        row = journal_rows.find(tx, each.seq)
        if row is None:
            continue
        if each is head:
            state = row.base.etag if row.base.landed is None else row.base.landed
        if doubt is not None:
            etag = ABSENT if row.stored is None else row.stored.record.etag
            if row.base.etag is not None:
                doubt = doubt.with_state(row.base.etag)
            doubts.append((etag, doubt))
            put_doubt(tx, (write.bucket, write.key), etag, doubt)
    return Base(write.accepted, state), doubts


def replace_held(tx: Transaction, bucket: str, key: str) -> tuple[int, int, Kind] | None:
    """Let the second write of a key take the place of the first, if the filter holds that: as if
    the second had come when the first was held already.

    (seq of the first, seq of the second, what the second does now); None: nothing to be done.
    """
    rows = journal_rows.of_key(tx, bucket, key)
    if len(rows) < 2 or not rows[0].is_filtered:
        return None
    held, following = rows[:2]
    first, second = journal_rows.find(tx, held.seq), journal_rows.find(tx, following.seq)
    if first is None or second is None:
        return None
    kind = following.kind
    if kind is Kind.TAGS:
        kind = held.kind
        journal_rows.set_kind(tx, following.seq, kind)
        journal_rows.move_upload(tx, held.seq, following.seq)
    base = msgspec.structs.replace(second.base, etag=first.base.etag)
    journal_rows.set_base(tx, following.seq, base)
    journal_rows.drop(tx, held.seq, pushed=False)
    return held.seq, following.seq, kind


def stage_as(tx: Transaction, write: PendingWrite, key: str) -> JournalChange | None:
    """Stage the object of a write under another key as well; None when there is none."""
    row = journal_rows.find(tx, write.seq)
    if row is None or row.stored is None:
        return None
    return stage(tx, write.bucket, key, row.stored)


def stage(tx: Transaction, bucket: str, key: str, object: Stored) -> JournalChange:
    """Stage an object whose bytes are here under this key."""
    record, layout = object
    stored = Stored(replace(record, key=key), layout)
    tx.hold(layout.extents)
    current = tx.current(bucket, key.encode())
    if current is not None:
        tx.release(current.layout)
    tx.put_current(bucket, stored, current.record if current is not None else None)
    return JournalChange(bucket, key, stored)
