"""Within the commit of a change: a row for it, and none any more for those whose place it takes.

Runs in the writer thread: what is decided here is decided against the rows that the commit meets.
"""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple, Protocol

from msgspec.structs import replace

from s3d.agent.storage.records import Stored
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.write_queue import journal_rows
from s3d.agent.stores.write_queue.pending import Kind, PendingState, PendingWrite


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


class Deed(NamedTuple):
    """A Change that the journal makes itself."""

    bucket: str
    key: str
    stored: Stored | None = None
    tagged: bool = False


def enter(
    tx: Transaction,
    write: PendingWrite,
    stored: Stored | None,
    *,
    pushing: Container[int],
    one_version: bool,
) -> list[int]:
    """Give the write its row and its seq; the seqs of the writes that it replaces.

    pushing: seqs that are not replaced. one_version: the bucket keeps no versions, for certain;
    elsewhere each write makes one, and they all go to the remote, but those that the filter holds.
    """
    known = journal_rows.of_key(tx, write.bucket, write.key)
    idle = [each for each in known if each.seq not in pushing]
    # What the filter holds was never to reach the remote, so no version is lost there.
    replaced = idle if one_version else [each for each in idle if each.is_filtered]
    retagged = None
    if write.kind is Kind.TAGS and idle:
        # What waits goes out with the new tags at once. (Only the oldest can be on its way.)
        replaced = replaced or idle[-1:]
        retagged = next((each for each in reversed(replaced) if each.kind is Kind.PUT), idle[-1])
        write.kind = retagged.kind
        if retagged.state is PendingState.HELD and not retagged.is_filtered:
            write.state = PendingState.HELD
    for each in replaced:
        write.accepted = min(write.accepted, each.accepted)
        write.priority = max(write.priority, each.priority)
    write.seq = journal_rows.insert(tx, write, stored)
    if retagged is not None:
        journal_rows.move_upload(tx, retagged.seq, write.seq)
    for each in replaced:
        journal_rows.drop(tx, each.seq, pushed=False)
    return [each.seq for each in replaced]


def stage_as(tx: Transaction, write: PendingWrite, key: str) -> Deed | None:
    """Stage the object of a write under another key as well; None when there is none."""
    row = journal_rows.find(tx, write.seq)
    if row is None or row.stored is None:
        return None
    record, layout = row.stored
    stored = Stored(replace(record, key=key), layout)
    tx.hold(layout.extents)
    current = tx.current(write.bucket, key.encode())
    if current is not None:
        tx.release(current.layout)
    tx.put_current(write.bucket, stored, current.record if current is not None else None)
    return Deed(write.bucket, key, stored)
