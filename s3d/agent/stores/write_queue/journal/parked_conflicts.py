"""Writes that the remote has overtaken: moved out of the queue with their bytes, pushed on demand.

Holds the table of parked conflicts. A conflict keeps the seq that its write had in the queue;
requests do not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import msgspec
from msgspec.structs import replace

from s3d.agent.core.events import Events
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import Stored, decode_layout, decode_object, encode
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.write_queue.journal import journal_rows
from s3d.agent.stores.write_queue.journal.journal_entry import JournalChange, WriteRecorder, stage
from s3d.agent.stores.write_queue.journal.pending_write import (
    NO_OBJECT,
    Conflict,
    Kind,
    PendingState,
    PendingWrite,
    PushError,
    Usage,
    new_write,
)
from s3d.agent.stores.write_queue.journal.pending_writes import PendingWrites

_decode_etags = msgspec.msgpack.Decoder(tuple[str, str, str | None]).decode

CODE = "Conflict"
"""Error code that the status shows for a conflict."""


class ParkedConflicts:
    """Belongs to the loop."""

    def __init__(
        self,
        index: Index,
        writes: PendingWrites,
        events: Events,
        clock: Callable[[], float],
        *,
        recorder: WriteRecorder,
    ) -> None:
        self._index = index
        self._writes = writes
        self._events = events
        self._clock = clock
        self._recorder = recorder
        self._by_seq: dict[int, Conflict] = {}
        self.usage = Usage()
        """How many conflicts, and their bytes."""

    async def load(self) -> None:
        """Read the conflicts of an earlier run."""
        for conflict in await self._index.read_in_thread(load_conflicts):
            self._add(conflict)

    def __iter__(self) -> Iterator[Conflict]:
        """Oldest first."""
        return iter(tuple(self._by_seq.values()))

    def get(self, seq: int) -> Conflict | None:
        return self._by_seq.get(seq)

    def find(self, seq: int) -> Stored | None:
        """The object of a conflict; None for a delete."""
        return self._index.read_inline(lambda reader: find_object(reader, seq))

    async def park(self, write: PendingWrite, remote_etag: str) -> None:
        """Move a pending write here. remote_etag: of the remote; NO_OBJECT: it has no object."""
        parked = await self._index.write(partial(self._park, write, remote_etag))
        if parked is None:
            self._writes.drop(write)
            return
        self._events.emit(
            "queue.conflict",
            write.subject,
            seq=write.seq,
            operation=write.kind,
            etag=parked.etag,
            remote_etag=remote_etag,
        )

    async def keep_both(self, write: PendingWrite, key: str) -> None:
        """Push a pending write to another key instead: that of a conflict copy."""
        await self._index.write(partial(self._keep_both, write, key))
        self._events.emit("queue.conflict_copy", write.subject, seq=write.seq, key=key)

    async def drop(self, write: PendingWrite, remote_etag: str) -> None:
        """Remove a pending write: the conflict policy prefers the remote's version."""

        def remove(tx: Transaction) -> None:
            followers = _followers(tx, write)
            for seq in (write.seq, *followers):
                journal_rows.drop(tx, seq, pushed=False)
            journal_rows.restage(tx, write.bucket, write.key)
            tx.on_commit(partial(self._overtaken, write, followers))

        await self._index.write(remove)
        self._events.emit("queue.yielded", write.subject, seq=write.seq, remote_etag=remote_etag)

    async def discard(self, seq: int) -> bool:
        """Remove a conflict and its bytes."""
        conflict = self._by_seq.get(seq)

        def remove(tx: Transaction) -> None:
            drop_conflict(tx, seq)
            tx.on_commit(partial(self._forget, seq))

        await self._index.write(remove)
        if conflict is not None:
            self._events.emit("queue.discarded", conflict.write.subject, seq=seq)
        return True

    async def force(self, seq: int, as_key: str | None = None) -> None:
        """Push a conflict over the version for which it was parked.

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
            stored = find_object(tx, seq)
            if stored is None:
                journal_rows.unstage(tx, write.bucket, key)
                self._recorder.enter(tx, Kind.DELETE, JournalChange(write.bucket, key), base)
            else:
                staged = stage(tx, write.bucket, key, stored)
                self._recorder.enter(tx, Kind.PUT, staged, base)
            drop_conflict(tx, seq)
            tx.on_commit(partial(self._forget, seq))

        await self._index.write(move)

    def _park(self, write: PendingWrite, remote_etag: str, tx: Transaction) -> Conflict | None:
        """Runs in the writer thread. None: the row no longer exists."""
        row = journal_rows.find(tx, write.seq)
        if row is None:
            return None
        followers = _followers(tx, write)
        last = journal_rows.find(tx, followers[-1]) if followers else row
        stored = row.stored if last is None else last.stored
        etag = NO_OBJECT if stored is None else stored.record.etag
        message = explain(etag, remote_etag, row.base.etag)
        parked = new_write(
            seq=write.seq,
            kind=Kind.DELETE if stored is None else Kind.PUT,
            bucket=write.bucket,
            key=write.key,
            size=write.size,
            first_accepted=write.first_accepted,
            state=PendingState.CONFLICT,
            error=PushError(CODE, message, at=self._clock()),
        )
        conflict = Conflict(parked, etag, remote_etag, row.base.etag)
        insert_conflict(tx, conflict, stored)
        for seq in (write.seq, *followers):
            journal_rows.drop(tx, seq, pushed=False)
        journal_rows.restage(tx, write.bucket, write.key)
        tx.on_commit(partial(self._parked, write, conflict, followers))
        return conflict

    def _keep_both(self, write: PendingWrite, key: str, tx: Transaction) -> None:
        """Runs in the writer thread. Later writes of the key meet the same conflict."""
        row = journal_rows.find(tx, write.seq)
        if row is None or row.stored is None:
            return
        followers = _followers(tx, write)
        last = journal_rows.find(tx, followers[-1]) if followers else row
        staged = stage(tx, write.bucket, key, (last and last.stored) or row.stored)
        kind = Kind.PUT if row.source is None else Kind.COPY
        self._recorder.enter(tx, kind, staged, None, row.source)
        for seq in (write.seq, *followers):
            journal_rows.drop(tx, seq, pushed=False)
        following = journal_rows.oldest(tx, write.bucket, write.key)
        if following is not None:
            seq, base = following
            journal_rows.set_base(tx, seq, replace(base, etag=row.base.etag))
        journal_rows.restage(tx, write.bucket, write.key)
        tx.on_commit(partial(self._overtaken, write, followers))

    def _parked(self, write: PendingWrite, conflict: Conflict, followers: list[int]) -> None:
        self._add(conflict)
        self._overtaken(write, followers)

    def _overtaken(self, write: PendingWrite, followers: list[int]) -> None:
        for seq in followers:
            follower = self._writes.index.get(seq)
            if follower is not None:
                self._writes.pushed(follower)
        self._writes.pushed(write)

    def _add(self, conflict: Conflict) -> None:
        self._by_seq[conflict.write.seq] = conflict
        self.usage = Usage(self.usage.files + 1, self.usage.size + conflict.write.size)

    def _forget(self, seq: int) -> None:
        conflict = self._by_seq.pop(seq, None)
        if conflict is not None:
            self.usage = Usage(self.usage.files - 1, self.usage.size - conflict.write.size)
        self._writes.notify()


def explain(etag: str, remote_etag: str, base_etag: str | None) -> str:
    """The message of a conflict."""
    ours = f"this write has {etag}" if etag else "this write deletes it"
    theirs = f"has {remote_etag}" if remote_etag else "no longer has the object"
    if base_etag is None:
        base = "which is not older than this write"
    elif base_etag:
        base = f"and had {base_etag} before this write"
    else:
        base = "and had no object before this write"
    return f"the remote {theirs}, {base}; {ours}"


def _followers(tx: Transaction, write: PendingWrite) -> list[int]:
    """Seqs of later writes that only change tags of the object of this one."""
    found = []
    for each in journal_rows.of_key(tx, write.bucket, write.key):
        if each.seq <= write.seq:
            continue
        if each.kind is not Kind.TAGS:
            break
        found.append(each.seq)
    return found


def load_conflicts(reader: Reader) -> list[Conflict]:
    """All conflicts, in the order of their acceptance."""
    query = f"""SELECT seq, kind, bucket, key, size, accepted, '{PendingState.CONFLICT}', 0, error,
        NULL, etags FROM conflicts ORDER BY seq"""
    return [
        Conflict(journal_rows.pending_write(*row), *_decode_etags(etags))
        for *row, etags in reader.select(query, ())
    ]


def find_object(reader: Reader, seq: int) -> Stored | None:
    """The object of a conflict; None for a delete, and for a conflict that no longer exists."""
    query = "SELECT record, layout FROM conflicts WHERE seq = ?"
    row = reader.select(query, (seq,)).fetchone()
    if row is None or row[0] is None:
        return None
    return Stored(decode_object(row[0]), decode_layout(row[1]))


def insert_conflict(tx: Transaction, conflict: Conflict, stored: Stored | None) -> None:
    """Insert a conflict, which holds the bytes of stored from now on."""
    write = conflict.write
    record = layout = None
    if stored is not None:
        tx.incref(stored.layout.extents)
        record, layout = encode(stored.record), encode(stored.layout)
    etags = msgspec.msgpack.encode((conflict.etag, conflict.remote_etag, conflict.base_etag))
    place = (
        write.seq,
        write.bucket,
        write.key.encode(),
        write.kind,
        write.size,
        write.first_accepted,
    )
    tx.run(
        "INSERT INTO conflicts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*place, encode(write.error or PushError("")), etags, record, layout),
    )


def drop_conflict(tx: Transaction, seq: int) -> bool:
    """Remove a conflict and release its bytes; False when it no longer exists."""
    row = tx.select("SELECT layout FROM conflicts WHERE seq = ?", (seq,)).fetchone()
    if row is None:
        return False
    tx.run("DELETE FROM conflicts WHERE seq = ?", (seq,))
    if row[0] is not None:
        tx.decref(decode_layout(row[0]))
    return True
