"""The journal: owner of what was accepted and has not reached the remote. It survives a crash.

Rows are on disk (rows.py), slim writes in memory (backlog.py). A write is accepted when the commit
that holds its row is durable; memory learns of it on the loop, before the client does. Of a key the
writes go out one after the other, in the order of their seq.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import msgspec

from s3d.agent.core import failpoint
from s3d.agent.core.events import Events
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.write_queue import (
    aliases,
    completions,
    doubts,
    journal_rows,
    journal_write,
    landings,
)
from s3d.agent.stores.write_queue.admission import Used
from s3d.agent.stores.write_queue.doubts import Place, UnresolvedPush
from s3d.agent.stores.write_queue.journal_write import Moving
from s3d.agent.stores.write_queue.parked_conflicts import ParkedConflicts
from s3d.agent.stores.write_queue.pending import (
    ABSENT,
    FILTERED,
    STUCK,
    Base,
    Kind,
    Orphan,
    PendingState,
    PendingWrite,
    PushError,
    QueueStatus,
    RemoteUpload,
    StagedWrite,
)
from s3d.agent.stores.write_queue.pending_state import PendingWrites
from s3d.agent.stores.write_queue.remote_states import SHOWN, RemoteStates

T = TypeVar("T")

_RETRIED = (PendingState.WAITING, PendingState.FAILED)
_UPLOADS_KNOWN = 10_000
"""Uploads of a bucket that are remembered after they have ended."""
_PAUSED = ("", "queue.paused")
"""Bucket and name of the setting that says so."""
_RUNNING = ("", "queue.running")
"""The same of a run that was not closed."""
_UNVERIFIED = "Unverified"


class Journal:
    """Make it with open(). Give record to the staging store as its on_change."""

    def __init__(
        self,
        index: Index,
        events: Events,
        clock: Callable[[], float],
        states: RemoteStates | None = None,
    ) -> None:
        self.states = states or RemoteStates(clock)
        """What the remote showed last."""
        self.unversioned: set[str] = set()
        """Buckets known to keep one version a key: there a write takes the place of earlier ones.
        Changed on the loop, and asked by the writer thread."""
        self._index = index
        self._events = events
        self._clock = clock
        self._memory = PendingWrites(clock)
        self._uploads: dict[str, dict[tuple[str, str], None]] = {}
        """By bucket, (key, id) of the uploads that pushes have begun since the start."""
        self._backlog = self._memory.backlog
        self.conflicts = ParkedConflicts(index, self._memory, events, clock)
        self._moving: dict[Place, Moving] = {}
        """Writes of another queue that are being entered here; asked by the writer thread."""
        self._landed = 0
        """Pushes since the old landings were removed."""

    @classmethod
    async def open(
        cls,
        index: Index,
        events: Events,
        clock: Callable[[], float] = time.time,
        states: RemoteStates | None = None,
    ) -> Journal:
        """index: opened with journal_rows.TABLES. clock: Unix seconds.

        After a run that was not closed, everything that is pending may be on its way already.
        """
        journal = cls(index, events, clock, states)
        memory, now = journal._memory, clock()
        if index.look(completions.must_enter_pending):
            await index.write(lambda tx: completions.enter_pending(tx, now))
        memory.paused = index.look(lambda reader: reader.setting(*_PAUSED)) is not None
        unclean = index.look(lambda reader: reader.setting(*_RUNNING)) is not None
        doubt = UnresolvedPush(now + doubts.REQUEST_LIFE)
        for write in await index.read(journal_rows.load):
            memory.add(write, [])
            if unclean:
                memory.doubtful[write.seq] = doubt
        memory.backlog.put_in_order()
        memory.doubts = await index.read(
            lambda reader: doubts.load(reader, now, memory.backlog.has)
        )
        for bucket, key, etag, at in await index.read(
            lambda reader: landings.load(reader, now - SHOWN)
        ):
            journal.states.note(bucket, key, etag, min(at, now))
        await journal.conflicts.load()
        await index.write(lambda tx: tx.put_setting(*_RUNNING, b"1"))
        return journal

    async def close(self) -> None:
        """Note that nothing is on its way, if so: the next run need not look for it."""
        if not self._memory.pushing and not self._memory.doubtful:
            await self._index.write(lambda tx: tx.put_setting(*_RUNNING, None))

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
        return QueueStatus(
            shares,
            self._backlog.oldest(),
            self.paused,
            self._backlog.blocked,
            self.conflicts.share,
        )

    @property
    def is_moving(self) -> bool:
        """Whether anything waits that nothing blocks, or is being pushed."""
        waiting, pushing = map(self._backlog.share, (PendingState.WAITING, PendingState.PUSHING))
        return waiting.files + pushing.files > self._backlog.blocked.files

    def used(self) -> Used:
        """What counts against the limits: all writes, and the parts of unfinished uploads."""
        totals = self._index.look(lambda reader: reader.totals())
        parts = max(0, totals.size - self._backlog.staged)
        parked = self.conflicts.share
        return Used(len(self._backlog) + parked.files, self._backlog.size + parts + parked.size)

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
        await self._end_verifications(bucket, key)
        await self._memory.settled(bucket, key)
        await self._end_verifications(bucket, key)  # of what was waited for

    async def _end_verifications(self, bucket: str, key: str) -> None:
        """What follows is newer than all that may still arrive. key "": nothing follows."""
        for write in self._backlog.writes(bucket, key) if key else ():
            if write.state is PendingState.VERIFYING:
                row = await self.load(write)
                if row is not None:
                    await self.done(write.seq, state=row.base.landed)

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
                self._enter(tx, Kind.DELETE, journal_write.JournalChange(bucket, key))

        await self._index.write(delete, frees=True)
        failpoint.hit("queue.accepted")

    @contextmanager
    def moving_in(self, place: Place, moving: Moving) -> Iterator[None]:
        """What is accepted for this key meanwhile, if it is this write, was accepted elsewhere.

        It keeps its time, and its base is not known. Raises S3Error, here or where the write is
        entered, when a newer write of the key is pending.
        """
        if self._memory.doubts.etags(place):
            raise S3Error("OperationAborted", "An earlier push of the key may still arrive.")
        self._index.look(lambda reader: moving.check(reader, *place))
        self._moving[place] = moving
        try:
            yield
        finally:
            del self._moving[place]

    def _enter(
        self,
        tx: Transaction,
        kind: Kind,
        change: journal_write.Change,
        shown: str | None = None,
    ) -> None:
        """In the writer thread. shown: the state of the remote that the write replaces."""
        failpoint.hit("queue.record")
        stored = change.stored
        size = 0 if stored is None else stored.record.size
        now = self._clock()
        moving = self._moving.get((change.bucket, change.key))
        if moving is not None and moving.etag == (ABSENT if stored is None else stored.record.etag):
            moving.check(tx, change.bucket, change.key)
            now, shown = moving.accepted, None  # what the remote shows now may be newer
        elif shown is None:
            shown = self.states.shown(change.bucket, change.key, now)
        write = PendingWrite(0, kind, change.bucket, change.key, size, now)
        before = journal_write.Before(
            self._memory.pushing,
            change.bucket in self.unversioned,
            shown,
            self._memory.doubtful,
        )
        entered = journal_write.enter(tx, write, stored, before)
        failpoint.hit("queue.recorded")
        tx.then(partial(self._accepted, write, entered))

    def _accepted(self, write: PendingWrite, entered: journal_write.Entered) -> None:
        """On the loop, after the commit, before the client hears of it."""
        for etag, doubt in entered.doubts:
            self._memory.doubts.add((write.bucket, write.key), etag, doubt)
        self._memory.add(write, entered.replaced)
        self._replace_held(write)
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

    async def done(
        self,
        seq: int,
        etag: str = "",
        told: str = "",
        *,
        state: str | None = None,
        was_there: bool = False,
    ) -> None:
        """The remote has it. etag: what the remote calls it now; told: what we called it, if that
        is something else. state: what the key is there now, the base of the next write: an ETag or
        ABSENT; None: it is not known. was_there: an earlier push had landed, so that an upload
        that was begun since is to be aborted."""
        write = self._backlog.get(seq)
        if write is None:
            return
        place, doubt = (write.bucket, write.key), self._memory.doubtful.get(seq)

        def drop(tx: Transaction) -> None:
            own = self._own_etag(tx, seq) if doubt is not None else ABSENT
            journal_rows.drop(tx, seq, pushed=not was_there)
            now = self._clock()
            following = journal_rows.first(tx, *place)
            if following is None:
                journal_rows.unstage(tx, *place)
            elif state is not None:
                base = msgspec.structs.replace(following[1], etag=state)
                journal_rows.set_base(tx, following[0], base)
            if state is not None:
                self._note_landing(tx, place, state, now)
            if told:
                aliases.put(tx, place, told, etag, now)
            if doubt is not None:
                doubts.put(tx, place, own, doubt)
                tx.then(partial(self._memory.doubts.add, place, own, doubt))
            tx.then(partial(self._done, write, etag))

        failpoint.hit("queue.done")
        await self._index.write(drop, frees=True)
        failpoint.hit("queue.dropped")
        if self._memory.doubts.etags(place) and not self._backlog.has(place):
            await self._expire_doubts(place)

    def _own_etag(self, reader: Reader, seq: int) -> str:
        row = journal_rows.find(reader, seq)
        return ABSENT if row is None or row.stored is None else row.stored.record.etag

    def _note_landing(self, tx: Transaction, place: Place, state: str, now: float) -> None:
        """In the writer thread."""
        landings.put(tx, place, state, now)
        self._landed += 1
        if self._landed >= landings.EACH:
            self._landed = 0
            landings.prune(tx, now)

    async def _expire_doubts(self, place: Place) -> None:
        if self._memory.doubts.expire(place, self._clock()):
            await self._index.write(lambda tx: doubts.drop(tx, place))

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

    def is_unresolved(self, write: PendingWrite) -> bool:
        """Whether an earlier push of this key may have succeeded unheard."""
        memory = self._memory
        return write.seq in memory.doubtful or bool(memory.doubts.etags((write.bucket, write.key)))

    def suspect(self, write: PendingWrite, expected: str | None, etag: str = ABSENT) -> None:
        """A push of it may have succeeded unheard, or may yet. expected: its condition, an ETag or
        ABSENT; None: it had none. etag: what it leaves."""
        until = self._clock() + doubts.REQUEST_LIFE
        states = None if expected is None else frozenset((expected.strip('"'),))
        known = self._memory.doubtful.get(write.seq)
        if known is not None and states is not None:
            states = None if known.states is None else states | known.states
        doubt = UnresolvedPush(until, states)
        self._memory.doubtful[write.seq] = doubt
        if self._index.look(lambda reader: journal_rows.find(reader, write.seq)) is None:
            # Another write has taken its place while it was on its way.
            place = write.bucket, write.key
            self._memory.doubts.add(place, etag, doubt)
            note = partial(_note_doubt, place, etag, doubt)
            self._index.post(note).add_done_callback(_ignore_failure)

    def saw(self, write: PendingWrite, state: str) -> None:
        """The remote shows this state of the key, and not the write: what is on its way may have it
        as its condition."""
        memory = self._memory
        known = memory.doubtful.get(write.seq)
        if known is not None:
            memory.doubtful[write.seq] = known.with_state(state)
        memory.doubts.saw((write.bucket, write.key), state)

    def rebase(self, write: PendingWrite, state: str) -> None:
        """The remote was looked at: the write replaces this state of the key."""
        self._memory.bases[write.seq] = state

    def base_of(self, write: PendingWrite, row: StagedWrite) -> Base:
        """What a write replaces, as far as it is known."""
        state = self._memory.bases.get(write.seq)
        return row.base if state is None else msgspec.structs.replace(row.base, etag=state)

    def own_states(self, write: PendingWrite) -> Collection[str]:
        """States of the key that earlier pushes of ours, now replaced, may have left unheard."""
        return self._memory.doubts.etags((write.bucket, write.key))

    def late_until(self, write: PendingWrite, own: str, state: str, *, is_judged: bool) -> float:
        """Until when an older push of ours may replace what this write has left, Unix seconds.

        own: its ETag, ABSENT for a delete. state: what the key is at the remote now. 0: none may,
        or a later write of the key is pending, which will see to it.
        """
        if self.has_successor(write):
            return 0.0
        place = write.bucket, write.key
        return self._memory.doubts.until(place, own, state, is_judged=is_judged)

    def has_successor(self, write: PendingWrite) -> bool:
        """Whether a later write of its key is pending."""
        return len(self._backlog.of_key(write.bucket, write.key)) > 1

    async def verify_later(self, seq: int, state: str, until: float) -> None:
        """It has landed, and an older push of ours may still replace it: the remote is asked again
        at this time (Unix seconds). It stays pending until then."""
        write = self._backlog.get(seq)
        if write is None:
            return
        message = "the remote has it; it is checked again when no earlier request can arrive"
        why = PushError(_UNVERIFIED, message, at=self._clock())

        def note(tx: Transaction) -> bool:
            row = journal_rows.find(tx, seq)
            if row is None:
                return False
            base = msgspec.structs.replace(row.base, landed=state)
            journal_rows.set_base(tx, seq, base)
            self._note_landing(tx, (write.bucket, write.key), state, self._clock())
            return journal_rows.set_state(tx, seq, PendingState.VERIFYING, why)

        if not await self._index.write(note):
            self._memory.drop(write)
            return
        self._memory.verify(write, until, why)

    async def forget_landing(self, seq: int) -> None:
        """What had landed was replaced by an older push of ours: it is pushed once more."""

        def note(tx: Transaction) -> None:
            row = journal_rows.find(tx, seq)
            if row is not None:
                base = msgspec.structs.replace(row.base, landed=None)
                journal_rows.set_base(tx, seq, base)

        await self._index.write(note)

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
        self._replace_held(write)

    def _replace_held(self, write: PendingWrite) -> None:
        """A write that came while the filter was being asked about an earlier one takes its place.

        The action was about the earlier one: it would hold back the tags that change it.
        """
        writes = self._backlog.of_key(write.bucket, write.key)
        if len(writes) < 2 or not writes[0].is_filtered:
            return

        def take_over(tx: Transaction) -> None:
            replaced = journal_write.replace_held(tx, write.bucket, write.key)
            if replaced is not None:
                tx.then(partial(self._replaced, *replaced))

        # Nobody waits for it; where the disk is full, the later write stays behind the held one.
        self._index.post(take_over).add_done_callback(_ignore_failure)

    def _replaced(self, held: int, following: int, kind: Kind) -> None:
        first, second = self._backlog.get(held), self._backlog.get(following)
        if second is not None:
            second.kind = kind
        if first is not None:
            self._memory.drop(first)
        if second is not None:
            self._memory.changed(second)
            self._replace_held(second)

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

        as_key: only with seq: the write goes to this key instead. Raises NewerWritePending when
        another write of that key is pending.
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
            with self._excluded_from_push(write):
                await self._index.write(partial(self._move, write, as_key))
        return len(chosen)

    async def force(self, seq: int, as_key: str | None = None) -> None:
        """Push a conflict over the version that it was parked for.

        as_key: to this key instead. Raises NewerWritePending when a write of the key is pending.
        """
        await self.conflicts.force(seq, self._enter, as_key)

    async def reevaluate_filters(self, bucket: str | None = None) -> None:
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

        with self._excluded_from_push(write):
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
        with self._excluded_from_push(write):
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
    def _excluded_from_push(self, write: PendingWrite) -> Iterator[None]:
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
        journal_rows.check_none_pending(tx, write.bucket, key, but=write.seq)
        moved = journal_write.stage_as(tx, write, key)
        if moved is not None:
            self._enter(tx, Kind.PUT, moved)
            journal_rows.drop(tx, write.seq, pushed=False)
            journal_rows.restage(tx, write.bucket, write.key)
            tx.then(partial(self._memory.drop, write))


def _note_doubt(place: Place, etag: str, doubt: UnresolvedPush, tx: Transaction) -> None:
    doubts.put(tx, place, etag, doubt)


def _ignore_failure(done: asyncio.Future[None]) -> None:
    """Fetch the error, so that asyncio does not report it as lost."""
    if not done.cancelled():
        done.exception()
