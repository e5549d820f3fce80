"""Within the commit of a change: a row for it, and none any more for those whose place it takes.

Runs in the writer thread: what is decided here is decided against the rows that the commit meets.
"""

from __future__ import annotations

from collections.abc import Container

from s3d.agent.store.queue import rows
from s3d.agent.store.queue.pending import Kind, PendingState, PendingWrite
from s3d.agent.store.records import Stored
from s3d.agent.store.transaction import Transaction


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
    elsewhere each write makes one, and they all go to the remote.
    """
    known = rows.of_key(tx, write.bucket, write.key)
    idle = [each for each in known if each.seq not in pushing]
    replaced = idle if one_version else []
    retagged = write.kind is Kind.TAGS and bool(idle)
    if retagged:
        # What waits goes out with the new tags at once. (Only the oldest can be on its way.)
        replaced = replaced or idle[-1:]
        write.kind = idle[-1].kind
        if idle[-1].state is PendingState.HELD:
            write.state = PendingState.HELD
    for each in replaced:
        write.accepted = min(write.accepted, each.accepted)
        write.priority = max(write.priority, each.priority)
    write.seq = rows.insert(tx, write, stored)
    if retagged:
        rows.move_upload(tx, idle[-1].seq, write.seq)
    for each in replaced:
        rows.drop(tx, each.seq, pushed=False)
    return [each.seq for each in replaced]
