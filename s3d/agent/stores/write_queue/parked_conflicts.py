"""Writes that the remote has overtaken: moved out of the queue, kept with their bytes, and pushed
only when somebody says so. Part of the journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from s3d.agent.core.events import Events
from s3d.agent.storage.index import Index
from s3d.agent.storage.records import Stored
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.write_queue import conflict_rows, journal_rows
from s3d.agent.stores.write_queue.journal_write import Change, JournalChange, stage
from s3d.agent.stores.write_queue.pending import (
    ABSENT,
    Conflict,
    Kind,
    PendingState,
    PendingWrite,
    PushError,
    Share,
)
from s3d.agent.stores.write_queue.pending_state import PendingWrites

CODE = "Conflict"
"""Stands for the code of an error in what is shown of a conflict."""

Enter = Callable[[Transaction, Kind, Change, str | None], None]
"""Enters a write into the queue, in the writer thread; the state is its base."""


class ParkedConflicts:
    """Belongs to the loop."""

    def __init__(
        self, index: Index, memory: PendingWrites, events: Events, clock: Callable[[], float]
    ) -> None:
        self._index = index
        self._memory = memory
        self._events = events
        self._clock = clock
        self._by_seq: dict[int, Conflict] = {}

    async def load(self) -> None:
        """What an earlier run has left."""
        for conflict in await self._index.read(conflict_rows.load):
            self._by_seq[conflict.write.seq] = conflict

    def __iter__(self) -> Iterator[Conflict]:
        """Oldest first."""
        return iter(tuple(self._by_seq.values()))

    def get(self, seq: int) -> Conflict | None:
        return self._by_seq.get(seq)

    @property
    def share(self) -> Share:
        """How many, and their bytes."""
        return Share(len(self._by_seq), sum(each.write.size for each in self._by_seq.values()))

    def find(self, seq: int) -> Stored | None:
        """The object of a conflict; None for a delete."""
        return self._index.look(lambda reader: conflict_rows.find(reader, seq))

    async def park(self, write: PendingWrite, remote_etag: str) -> None:
        """Move a pending write here. remote_etag: what the remote has; ABSENT: no object."""
        parked = await self._index.write(partial(self._park, write, remote_etag))
        if parked is None:
            self._memory.drop(write)
            return
        self._events.emit(
            "queue.conflict",
            write.subject,
            seq=write.seq,
            operation=write.kind,
            etag=parked.etag,
            remote_etag=remote_etag,
        )

    async def give_way(self, write: PendingWrite, remote_etag: str) -> None:
        """Drop a pending write: the policy lets the remote's version win."""

        def drop(tx: Transaction) -> None:
            followers = _followers(tx, write)
            for seq in (write.seq, *followers):
                journal_rows.drop(tx, seq, pushed=False)
            journal_rows.restage(tx, write.bucket, write.key)
            tx.then(partial(self._overtaken, write, followers))

        await self._index.write(drop)
        self._events.emit("queue.yielded", write.subject, seq=write.seq, remote_etag=remote_etag)

    async def discard(self, seq: int) -> bool:
        """Forget a conflict and its bytes."""

        def drop(tx: Transaction) -> None:
            conflict_rows.drop(tx, seq)
            tx.then(partial(self._forget, seq))

        await self._index.write(drop)
        return True

    async def force(self, seq: int, enter: Enter, as_key: str | None = None) -> None:
        """Let it be pushed over the version that it was parked for.

        as_key: to this key instead, whatever the remote has there. Raises NewerWritePending when a
        write of the key is pending.
        """
        conflict = self._by_seq.get(seq)
        if conflict is None:
            return
        write = conflict.write
        key = as_key or write.key
        base = conflict.remote_etag if as_key is None else None

        def move(tx: Transaction) -> None:
            journal_rows.check_none_pending(tx, write.bucket, key)
            stored = conflict_rows.find(tx, seq)
            if stored is None:
                journal_rows.unstage(tx, write.bucket, key)
                enter(tx, Kind.DELETE, JournalChange(write.bucket, key), base)
            else:
                enter(tx, Kind.PUT, stage(tx, write.bucket, key, stored), base)
            conflict_rows.drop(tx, seq)
            tx.then(partial(self._forget, seq))

        await self._index.write(move)

    def _park(self, write: PendingWrite, remote_etag: str, tx: Transaction) -> Conflict | None:
        """In the writer thread. None: the row is gone."""
        row = journal_rows.find(tx, write.seq)
        if row is None:
            return None
        followers = _followers(tx, write)
        last = journal_rows.find(tx, followers[-1]) if followers else row
        stored = row.stored if last is None else last.stored
        etag = ABSENT if stored is None else stored.record.etag
        message = explained(etag, remote_etag, row.base.etag)
        parked = PendingWrite(
            seq=write.seq,
            kind=Kind.DELETE if stored is None else Kind.PUT,
            bucket=write.bucket,
            key=write.key,
            size=write.size,
            accepted=write.accepted,
            state=PendingState.CONFLICT,
            error=PushError(CODE, message, at=self._clock()),
        )
        conflict = Conflict(parked, etag, remote_etag, row.base.etag)
        conflict_rows.insert(tx, conflict, stored)
        for seq in (write.seq, *followers):
            journal_rows.drop(tx, seq, pushed=False)
        journal_rows.restage(tx, write.bucket, write.key)
        tx.then(partial(self._parked, write, conflict, followers))
        return conflict

    def _parked(self, write: PendingWrite, conflict: Conflict, followers: list[int]) -> None:
        self._by_seq[write.seq] = conflict
        self._overtaken(write, followers)

    def _overtaken(self, write: PendingWrite, followers: list[int]) -> None:
        for seq in followers:
            follower = self._memory.backlog.get(seq)
            if follower is not None:
                self._memory.overtaken(follower)
        self._memory.overtaken(write)

    def _forget(self, seq: int) -> None:
        self._by_seq.pop(seq, None)
        self._memory.tell()


def explained(etag: str, remote_etag: str, base_etag: str | None) -> str:
    """For people: what stands against what."""
    ours = f"this write has {etag}" if etag else "this write deletes it"
    theirs = f"has {remote_etag}" if remote_etag else "has no object any more"
    if base_etag is None:
        base = "which is not older than this write"
    elif base_etag:
        base = f"and had {base_etag} before this write"
    else:
        base = "and had no object before this write"
    return f"the remote {theirs}, {base}; {ours}"


def _followers(tx: Transaction, write: PendingWrite) -> list[int]:
    """Writes that only set other tags of the object of this one."""
    found = []
    for each in journal_rows.of_key(tx, write.bucket, write.key):
        if each.seq <= write.seq:
            continue
        if each.kind is not Kind.TAGS:
            break
        found.append(each.seq)
    return found
