"""The journal: owner of what was accepted and has not reached the remote. It survives a crash.

Rows are on disk (rows.py), slim writes in memory (backlog.py). A write is accepted when the commit
that holds its row is durable; memory learns of it on the loop, before the client does. Of a key the
writes go out one after the other, in the order of their seq.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from s3d.agent.core import failpoint
from s3d.agent.core.events import Events
from s3d.agent.s3.messages import Members
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.write_queue import aliases, completions, journal_rows, journal_write
from s3d.agent.stores.write_queue.admission import Used
from s3d.agent.stores.write_queue.pending import (
    FILTERED,
    STUCK,
    Kind,
    Orphan,
    PendingState,
    PendingWrite,
    PushError,
    QueueStatus,
    RemoteUpload,
    StagedWrite,
)
from s3d.agent.stores.write_queue.pending_state import Memory

T = TypeVar("T")

_RETRIED = (PendingState.WAITING, PendingState.FAILED)
_UPLOADS_KNOWN = 10_000
"""Uploads of a bucket that are remembered after they have ended."""
_PAUSED = ("", "queue.paused")
"""Bucket and name of the setting that says so."""


class Journal:
    """Make it with open(). Give record to the staging store as its on_change."""

    def __init__(self, index: Index, events: Events, clock: Callable[[], float]) -> None:
        self.unversioned: set[str] = set()
        """Buckets known to keep one version a key: there a write takes the place of earlier ones.
        Changed on the loop, and asked by the writer thread."""
        self._index = index
        self._events = events
        self._clock = clock
        self._memory = Memory(clock)
        self._uploads: dict[str, dict[tuple[str, str], None]] = {}
        """By bucket, (key, id) of the uploads that pushes have begun since the start."""
        self._backlog = self._memory.backlog

    @classmethod
    async def open(
        cls, index: Index, events: Events, clock: Callable[[], float] = time.time
    ) -> Journal:
        """index: opened with journal_rows.TABLES. clock: Unix seconds."""
        journal = cls(index, events, clock)
        memory = journal._memory
        if index.look(completions.must_enter_pending):
            await index.write(lambda tx: completions.enter_pending(tx, clock()))
        memory.paused = index.look(lambda reader: reader.setting(*_PAUSED)) is not None
        for write in await index.read(journal_rows.load):
            memory.add(write, [])
        memory.backlog.put_in_order()
        return journal

    @property
    def paused(self) -> bool:
        """Whether nothing is given to the pusher."""
        return self._memory.paused

    @property
    def on_change(self) -> list[Callable[[], None]]:
        """Told on the loop whenever what is pending has changed."""
        return self._memory.on_change

    # What is pending

    def pending(self, bucket: str, key: str) -> PendingWrite | None:
        """The newest write of a key."""
        writes = self._backlog.of_key(bucket, key)
        return writes[-1] if writes else None

    def writes(self, bucket: str, key: str = "") -> list[PendingWrite]:
        """Of a key, or of a whole bucket; oldest first."""
        return self._backlog.writes(bucket, key)

    def under(self, bucket: str, prefix: bytes = b"", after: bytes = b"") -> Iterator[PendingWrite]:
        """The newest of each key, in key order; to be used up before anything is awaited."""
        return self._backlog.under(bucket, prefix, after)

    def deleted(self, bucket: str, prefix: bytes, after: bytes, limit: int) -> list[str]:
        """At most so many keys behind after whose newest write is a delete, in order."""
        return self._backlog.deleted(bucket, prefix, after, limit)

    def buckets(self) -> list[str]:
        """Those that have pending writes."""
        return self._backlog.buckets()

    def all(self, state: PendingState | None = None) -> Iterator[PendingWrite]:
        """Oldest first."""
        return (write for write in self._backlog if state in (None, write.state))

    def get(self, seq: int) -> PendingWrite | None:
        return self._backlog.get(seq)

    def status(self) -> QueueStatus:
        shares = {state: self._backlog.share(state) for state in PendingState}
        return QueueStatus(shares, self._backlog.oldest(), self.paused, self._backlog.blocked)

    @property
    def is_moving(self) -> bool:
        """Whether anything waits that nothing blocks, or is being pushed."""
        waiting, pushing = map(self._backlog.share, (PendingState.WAITING, PendingState.PUSHING))
        return waiting.files + pushing.files > self._backlog.blocked.files

    def used(self) -> Used:
        """What counts against the limits: all writes, and the parts of unfinished uploads."""
        totals = self._index.look(lambda reader: reader.totals())
        parts = max(0, totals.size - self._backlog.staged)
        return Used(len(self._backlog), self._backlog.size + parts)

    def oldest(self) -> float | None:
        """When the first write that waits or is pushed was accepted, Unix seconds."""
        return self._backlog.oldest()

    def newest(self, bucket: str, key: str) -> Kind | None:
        """What the newest write of a key does, as the disk has it: memory hears of it later."""
        return self._index.look(lambda reader: journal_rows.newest(reader, bucket, key))

    def has_upload(self, bucket: str, key: str, upload_id: str) -> bool:
        """Whether a multipart upload is staged here, or was and has made the staged object."""
        name = key.encode()

        def look(reader: Reader) -> bool:
            if reader.upload(bucket, name, upload_id) is not None:
                return True
            current = reader.object(bucket, name)
            return current is not None and current.upload_id == upload_id

        return self._index.look(look)

    def completion(self, bucket: str, key: str, upload_id: str) -> Members | None:
        """What CompleteMultipartUpload was answered with, if it was completed here lately."""
        return self._index.look(lambda reader: completions.find(reader, bucket, key, upload_id))

    async def read(self, query: Callable[[Reader], T]) -> T:
        """Ask the staging index in a thread; the query sees one state of it."""
        return await self._index.read(query)

    async def settled(self, bucket: str, key: str = "") -> None:
        """Wait until what is pending now has reached the remote; it goes first from now on.

        Of a key: raises S3Error when the remote refuses or cannot take it. Of a bucket (key ""):
        what is held or parked, or is being parked, is passed over.
        """
        await self._memory.settled(bucket, key)

    # Accepting

    def record(self, tx: Transaction, change: journal_write.Change) -> None:
        """The staging store's observer: enter a write in the commit of the object."""
        kind = Kind.DELETE if change.stored is None else Kind.PUT
        self._enter(tx, Kind.TAGS if change.tagged else kind, change)
        if change.stored is not None and change.stored.record.upload_id and not change.tagged:
            completions.put(tx, change.bucket, change.stored.record, self._clock())

    async def delete(self, bucket: str, keys: Iterable[str]) -> None:
        """Accept the deletion of keys, all in one commit."""
        doomed = tuple(keys)

        def delete(tx: Transaction) -> None:
            for key in doomed:
                journal_rows.unstage(tx, bucket, key)
                self._enter(tx, Kind.DELETE, journal_write.Deed(bucket, key))

        await self._index.write(delete, frees=True)
        failpoint.hit("queue.accepted")

    def _enter(self, tx: Transaction, kind: Kind, change: journal_write.Change) -> None:
        """In the writer thread."""
        failpoint.hit("queue.record")
        stored = change.stored
        size = 0 if stored is None else stored.record.size
        write = PendingWrite(0, kind, change.bucket, change.key, size, self._clock())
        replaced = journal_write.enter(
            tx,
            write,
            stored,
            pushing=self._memory.pushing,
            one_version=change.bucket in self.unversioned,
        )
        failpoint.hit("queue.recorded")
        tx.then(partial(self._accepted, write, replaced))

    def _accepted(self, write: PendingWrite, replaced: list[int]) -> None:
        """On the loop, after the commit, before the client hears of it."""
        self._memory.add(write, replaced)
        self._events.emit(
            "queue.accepted", write.subject, seq=write.seq, operation=write.kind, size=write.size
        )
        if write.state is PendingState.HELD:
            self._events.emit("queue.held", write.subject, seq=write.seq)

    # Pushing

    async def take(self) -> PendingWrite:
        """Wait for the next due write of an idle key; it is PUSHING then, which only memory knows.

        Follow it by done, give_back or park.
        """
        return await self._memory.take()

    async def load(self, write: PendingWrite) -> StagedWrite | None:
        """The full row. None: another write has taken its place, and it is not pending any more."""
        found = self._index.look(lambda reader: journal_rows.find(reader, write.seq))
        if found is None:
            self._memory.drop(write)
        return found

    async def progress(self, seq: int, upload: RemoteUpload | None) -> None:
        """Remember how far a multipart push has come. None: it begins anew; the upload is gone."""
        failpoint.hit("queue.progress")
        write = self._backlog.get(seq)
        if write is not None:
            if upload is not None and upload.upload_id:
                self._note_upload(write, upload.upload_id)
            await self._index.write(partial(journal_rows.remember, write, upload), frees=True)
        failpoint.hit("queue.progressed")

    def _note_upload(self, write: PendingWrite, upload_id: str) -> None:
        known = self._uploads.setdefault(write.bucket, {})
        known[(write.key, upload_id)] = None
        if len(known) > _UPLOADS_KNOWN:
            del known[next(iter(known))]

    async def uploads_begun(self, bucket: str) -> set[tuple[str, str]]:
        """(key, id) of the uploads that pushes have begun at the remote; id "": not known yet.

        Those that have ended since the start are among them: a listing that the remote made before
        the end may still be on its way.
        """
        begun = await self._index.read(lambda reader: journal_rows.begun(reader, bucket))
        return begun.union(self._uploads.get(bucket, ()))

    async def done(self, seq: int, etag: str = "", told: str = "") -> None:
        """The remote has it. etag: what the remote calls it now; told: what we called it, if that
        is something else."""
        write = self._backlog.get(seq)
        if write is None:
            return

        def drop(tx: Transaction) -> None:
            journal_rows.drop(tx, seq, pushed=True)
            if journal_rows.newest(tx, write.bucket, write.key) is None:
                journal_rows.unstage(tx, write.bucket, write.key)
            if told:
                aliases.put(tx, (write.bucket, write.key), told, etag, self._clock())
            tx.then(partial(self._done, write, etag))

        failpoint.hit("queue.done")
        await self._index.write(drop, frees=True)
        failpoint.hit("queue.dropped")

    def _done(self, write: PendingWrite, etag: str) -> None:
        self._memory.pushed(write)
        self._events.emit(
            "queue.pushed",
            write.subject,
            seq=write.seq,
            operation=write.kind,
            size=write.size,
            etag=etag,
            seconds=round(self._clock() - write.accepted, 3),
        )

    async def give_back(self, seq: int, retry_at: float, error: PushError | None = None) -> None:
        """It could not be pushed now, and will be tried again at retry_at (Unix seconds).

        error: what the push failed with; None when it was not to blame (the agent stops).
        """
        write = self._backlog.get(seq)
        if write is None:
            return
        self._memory.give_back(write, retry_at, error)

    async def park(self, seq: int, error: PushError, retry_at: float = 0.0) -> None:
        """The remote refuses it: it stays, readable, and blocks the later writes of its key.

        retry_at: when it is to be tried once more all the same, Unix seconds; 0: never.
        """
        write = self._backlog.get(seq)
        if write is None:
            return
        failpoint.hit("queue.park")
        kept = await self._index.write(
            lambda tx: journal_rows.set_state(tx, seq, PendingState.FAILED, error), frees=True
        )
        if not kept:
            self._memory.drop(write)
            return
        self._memory.park(write, error, retry_at)
        self._events.emit(
            "queue.failed", write.subject, seq=seq, code=error.code, message=error.message
        )

    async def exclude(self, seq: int, why: str) -> None:
        """The filter holds it: it stays, readable, until the filter is asked again."""
        write = self._backlog.get(seq)
        if write is None:
            return
        error = PushError(FILTERED, why, at=self._clock())
        kept = await self._index.write(
            lambda tx: journal_rows.set_state(tx, seq, PendingState.HELD, error), frees=True
        )
        if not kept:
            self._memory.drop(write)
            return
        self._memory.exclude(write, error)
        self._events.emit("queue.held", write.subject, seq=seq, message=why)

    def try_again(self, write: PendingWrite, at: float) -> None:
        """A parked write is to be tried once more all the same, at this time (Unix seconds)."""
        write.retry_at = at
        self._memory.changed(write)

    def alias(self, bucket: str, key: str) -> tuple[str, str] | None:
        """(the ETag that was told, the remote's) of an object, when they are not the same."""
        return self._index.look(lambda reader: aliases.find(reader, bucket, key))

    async def orphans(self) -> list[Orphan]:
        """Multipart uploads at the remote that are to be aborted: their writes have gone."""
        return await self._index.read(journal_rows.orphans)

    async def forget_orphan(self, orphan: Orphan) -> None:
        """It is aborted."""
        await self._index.write(lambda tx: journal_rows.drop_orphan(tx, orphan), frees=True)

    # What people and policies decide

    async def retry(
        self, *, seq: int | None = None, bucket: str | None = None, as_key: str | None = None
    ) -> int:
        """Try parked and delayed writes again at once: one, those of a bucket, or all; how many.

        as_key: only with seq: the write goes to this key instead, behind what is pending there.
        """
        if seq is not None:
            one = self._backlog.get(seq)
            found = [] if one is None or bucket not in (None, one.bucket) else [one]
        else:
            found = list(self._backlog) if bucket is None else self._backlog.writes(bucket)
        chosen = [write for write in found if write.state in _RETRIED]
        if as_key is None:
            await self.retry_these(chosen)
            return len(chosen)
        for write in chosen:
            with self._aside(write):
                await self._index.write(partial(self._move, write, as_key))
        return len(chosen)

    async def decide_anew(self, bucket: str | None = None) -> None:
        """Let the filter be asked again about what it holds: in one bucket, or everywhere."""
        found = self.all(PendingState.HELD) if bucket is None else self._backlog.writes(bucket)
        await self.retry_these([write for write in found if write.is_filtered])

    async def retry_these(self, chosen: Sequence[PendingWrite]) -> None:
        """The same for writes that are delayed or stuck: in one commit, if any is stuck."""
        stuck = [write.seq for write in chosen if write.state in STUCK]
        if stuck:
            await self._index.write(
                partial(journal_rows.set_states, stuck, PendingState.WAITING), frees=True
            )
        left = [write for write in chosen if self._backlog.get(write.seq) is write]
        for write in left:
            if write.state in STUCK:
                self._backlog.set_state(write, PendingState.WAITING)
        self._memory.hurry(left)

    def hurry(self, *, unanswered: bool = False) -> None:
        """What is delayed after a failure may go at once; unanswered: only what got no answer."""
        delayed = [write for write in self.all(PendingState.WAITING) if write.retry_at]
        if unanswered:
            delayed = [write for write in delayed if write.error and not write.error.status]
        self._memory.hurry(delayed)

    async def discard(self, seq: int) -> bool:
        """Forget a write: the key is again what it was before it. False: it is being pushed."""
        write = self._backlog.get(seq)
        if write is None:
            return True
        if write.state is PendingState.PUSHING:
            return False

        def drop(tx: Transaction) -> None:
            row = journal_rows.find(tx, seq)
            completions.drop(tx, write.bucket, None if row is None else row.stored)
            journal_rows.drop(tx, seq, pushed=False)
            journal_rows.restage(tx, write.bucket, write.key)
            tx.then(partial(self._memory.drop, write))

        with self._aside(write):
            await self._index.write(drop, frees=True)
        return True

    async def set_priority(self, seq: int, priority: int) -> None:
        """Greater goes first; 0 is the usual."""
        await self._index.write(lambda tx: journal_rows.set_priority(tx, seq, priority))
        write = self._backlog.get(seq)
        if write is not None:
            write.priority = priority
            self._memory.changed(write)

    async def hold(self, seq: int) -> None:
        """A person says that it is not to be pushed."""
        await self._hold(seq, PendingState.WAITING, PendingState.HELD)

    async def release(self, seq: int) -> None:
        """It may be pushed again, unless the filter holds it."""
        await self._hold(seq, PendingState.HELD, PendingState.WAITING)

    async def pause(self) -> None:
        """Give no more writes to the pusher, also after a restart, until resume()."""
        await self._index.write(lambda tx: tx.put_setting(*_PAUSED, b"1"))
        self._memory.paused = True

    async def resume(self) -> None:
        await self._index.write(lambda tx: tx.put_setting(*_PAUSED, None))
        self._memory.paused = False
        self._memory.wake()

    async def _hold(self, seq: int, old: PendingState, new: PendingState) -> None:
        write = self._backlog.get(seq)
        if write is None or write.state is not old:
            return
        with self._aside(write):
            await self._index.write(partial(journal_rows.set_states, [seq], new))
        if self._backlog.get(seq) is not write:
            return
        if new is PendingState.HELD:
            self._memory.stuck(write, new)
            self._events.emit("queue.held", write.subject, seq=seq)
        else:
            self._backlog.set_state(write, new)
            self._memory.changed(write)

    @contextmanager
    def _aside(self, write: PendingWrite) -> Iterator[None]:
        """Let nobody push it meanwhile."""
        before = write.state
        self._backlog.set_state(write, PendingState.HELD)
        try:
            yield
        finally:
            if self._backlog.get(write.seq) is write:
                self._backlog.set_state(write, before)
                self._memory.changed(write)

    def _move(self, write: PendingWrite, key: str, tx: Transaction) -> None:
        """In the writer thread: let the object go to another key."""
        moved = journal_write.stage_as(tx, write, key)
        if moved is not None:
            self._enter(tx, Kind.PUT, moved)
            journal_rows.drop(tx, write.seq, pushed=False)
            journal_rows.restage(tx, write.bucket, write.key)
            tx.then(partial(self._memory.drop, write))
