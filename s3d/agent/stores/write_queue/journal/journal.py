"""The journal: the accepted writes that have not reached the remote. It survives a crash.

Rows are on disk (journal_rows.py), small PendingWrite values in memory (pending_index.py). A write
is accepted when the commit with its row is durable; memory follows on the loop, before the client
is answered. The writes of a key are pushed one after another, in the order of their seq.

Journal opens the parts and answers questions about what is pending. The parts change it:
recorder accepts writes, outcomes and uploads record what pushes did, control carries out what
people decide, conflicts keeps the writes that the remote has overtaken.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from msgspec.structs import replace

from s3d.agent.core.events import Events
from s3d.agent.core.telemetry import Registry
from s3d.agent.s3.messages import Members
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.write_queue.journal import journal_history, journal_rows
from s3d.agent.stores.write_queue.journal.journal_entry import WriteRecorder
from s3d.agent.stores.write_queue.journal.journal_history import (
    REQUEST_LIFE,
    EtagAlias,
    UnresolvedPush,
)
from s3d.agent.stores.write_queue.journal.parked_conflicts import ParkedConflicts
from s3d.agent.stores.write_queue.journal.pending_write import (
    Kind,
    ObjectName,
    PendingState,
    PendingWrite,
    QueueTotals,
    StagedWrite,
    Usage,
)
from s3d.agent.stores.write_queue.journal.pending_writes import PendingWrites
from s3d.agent.stores.write_queue.journal.push_order import Turn, WriteOrder
from s3d.agent.stores.write_queue.journal.push_outcomes import PushOutcomes, RemoteUploads
from s3d.agent.stores.write_queue.journal.queue_control import PAUSED, QueueControl
from s3d.agent.stores.write_queue.journal.queue_metrics import QueueMetrics
from s3d.agent.stores.write_queue.journal.remote_states import STATE_MAX_AGE, RemoteStates

T = TypeVar("T")

_RUNNING = ("", "queue.running")
"""Bucket and name of the setting that is present after a run that was not closed."""


class Journal:
    """Made by open(). Its recorder.record must be the on_change of the staging store."""

    def __init__(
        self,
        index: Index,
        events: Events,
        clock: Callable[[], float],
        remote_states: RemoteStates | None = None,
        registry: Registry | None = None,
    ) -> None:
        self.metrics = QueueMetrics(registry or Registry(), clock)
        self.remote_states = remote_states or RemoteStates(clock)
        """What the remote showed last."""
        self.unversioned: set[str] = set()
        """Buckets known to keep one version a key: there a write replaces earlier ones. Changed on
        the loop, read by the writer thread."""
        self._index = index
        self._writes = writes = PendingWrites(clock)
        self.pending = writes.index
        """The pending writes in memory; only the journal changes it."""
        self.recorder = WriteRecorder(
            index,
            writes,
            events,
            clock,
            remote_states=self.remote_states,
            unversioned=self.unversioned,
            metrics=self.metrics,
        )
        held = self.recorder.replace_held
        self.outcomes = PushOutcomes(
            index, writes, events, clock, on_held=held, metrics=self.metrics
        )
        self.uploads = RemoteUploads(index, writes, clock)
        self.control = QueueControl(index, writes, self.recorder, events)
        self.conflicts = ParkedConflicts(index, writes, events, clock, recorder=self.recorder)

    @classmethod
    async def open(
        cls,
        index: Index,
        events: Events,
        clock: Callable[[], float] = time.time,
        remote_states: RemoteStates | None = None,
        registry: Registry | None = None,
    ) -> Journal:
        """Load the journal. index: opened with journal_rows.TABLES. clock: Unix seconds. registry:
        counts what happens.

        After a run that was not closed, every pending write counts as an unresolved push.
        """
        journal = cls(index, events, clock, remote_states, registry)
        writes, now = journal._writes, clock()
        if index.read_inline(journal_history.must_enter_pending_completions):
            await index.write(lambda tx: journal_history.enter_pending_completions(tx, now))
        writes.paused = index.read_inline(lambda reader: reader.setting(*PAUSED)) is not None
        is_unclean = index.read_inline(lambda reader: reader.setting(*_RUNNING)) is not None
        unresolved = UnresolvedPush(now + REQUEST_LIFE, is_assumed=True)
        for write in await index.read_in_thread(journal_rows.load):
            writes.add(write, [])
            if is_unclean:
                writes.unresolved.of_write.assume(write.seq, unresolved)
        writes.index.put_in_order()

        def is_pending(place: ObjectName) -> bool:
            return bool(writes.index.of_key(*place))

        for place, etag, push in await index.read_in_thread(
            lambda reader: journal_history.load_unresolved(reader, now, is_pending)
        ):
            writes.unresolved.add(place, etag, push)
        for bucket, key, etag, _ in await index.read_in_thread(
            lambda reader: journal_history.load_recent_pushes(reader, now - STATE_MAX_AGE)
        ):
            # A forwarded write may have changed the key since: what is ours is no base.
            journal.remote_states.note(bucket, key, etag, 0.0, is_ours=True)
        await journal.conflicts.load()
        await index.write(lambda tx: tx.put_setting(*_RUNNING, b"1"))
        return journal

    async def close(self) -> None:
        """If no push is in flight or unresolved, record that: the next run need not check."""
        oldest = next((write.seq for write in self._writes.index), None)
        if not self._writes.claims.pushing and not self._writes.unresolved.of_write.has_any(oldest):
            await self._index.write(lambda tx: tx.put_setting(*_RUNNING, None))

    @property
    def paused(self) -> bool:
        """Whether nothing is given to the pusher."""
        return self._writes.paused

    @property
    def order(self) -> WriteOrder:
        """Of the forwarded writes among the pending ones."""
        return self._writes.order

    @property
    def on_change(self) -> list[Callable[[], None]]:
        """Called on the loop whenever what is pending has changed."""
        return self._writes.on_change

    def totals(self) -> QueueTotals:
        by_state = {state: self.pending.usage(state) for state in PendingState}
        return QueueTotals(
            by_state,
            self.pending.oldest(),
            self.paused,
            self.pending.blocked,
            self.conflicts.usage,
        )

    @property
    def is_moving(self) -> bool:
        """Whether a write is being pushed, or waits and is not blocked."""
        states = PendingState.WAITING, PendingState.PUSHING
        waiting, pushing = map(self.pending.usage, states)
        return waiting.files + pushing.files > self.pending.blocked.files

    def used(self) -> Usage:
        """What counts against the limits: all writes, and the parts of unfinished uploads."""
        totals = self._index.read_inline(lambda reader: reader.totals())
        parts = max(0, totals.size - self.pending.staged)
        parked = self.conflicts.usage
        return Usage(len(self.pending) + parked.files, self.pending.size + parts + parked.size)

    def kind_on_disk(self, bucket: str, key: str) -> Kind | None:
        """The kind of the newest write of a key, by its rows: memory follows a commit later."""
        return self._index.read_inline(lambda reader: journal_rows.newest_kind(reader, bucket, key))

    def has_upload(self, bucket: str, key: str, upload_id: str) -> bool:
        """Whether a multipart upload is staged here, or has created the staged object."""
        name = key.encode()

        def look(reader: Reader) -> bool:
            if reader.upload(bucket, name, upload_id) is not None:
                return True
            current = reader.object(bucket, name)
            return current is not None and current.upload_id == upload_id

        return self._index.read_inline(look)

    def completion(self, bucket: str, key: str, upload_id: str) -> Members | None:
        """The answer of CompleteMultipartUpload, if the upload was completed here recently."""
        return self._index.read_inline(
            lambda reader: journal_history.find_completion(reader, bucket, key, upload_id)
        )

    def alias(self, bucket: str, key: str) -> EtagAlias | None:
        """The ETags of an object whose client was given another one than the remote's."""
        return self._index.read_inline(
            lambda reader: journal_history.find_alias(reader, bucket, key)
        )

    async def read(self, query: Callable[[Reader], T]) -> T:
        """Run a query of the staging index in a thread, in one read transaction."""
        return await self._index.read_in_thread(query)

    async def change(self, change: Callable[[Transaction], T]) -> T:
        """Make a change of the staging index, in one commit; it enters the writes it makes."""
        return await self._index.write(change)

    async def take(self) -> PendingWrite:
        """Wait for the next due write of a key that is not being pushed; it is PUSHING then.

        Follow it by one of the outcomes or by conflicts.park().
        """
        return await self._writes.take()

    async def load(self, write: PendingWrite) -> StagedWrite | None:
        """The full row. None: another write has replaced it, and it is not pending any more."""
        if self._writes.claims.is_replaced(write.seq):
            await self._index.write(lambda tx: None, frees=True)  # after the commit that does so
            self._writes.claims.end_replacing(write.seq)
        row = self._index.read_inline(lambda reader: journal_rows.find(reader, write.seq))
        if row is None:
            self._writes.drop(write)
        return row

    async def settled(self, bucket: str, key: str = "", *, turn: Turn | None = None) -> None:
        """Push what is pending now before everything else, and wait until the remote has it.

        turn: of the caller, who waits only for what comes before it. For a key: raises S3Error when
        the remote refuses or cannot take it. For a bucket (key ""): held and parked writes, also
        those that are parked meanwhile, are skipped.
        """
        await self._writes.settled(bucket, key, turn=turn)

    async def end_verifications(self, bucket: str, key: str) -> None:
        """The remote is to carry out a write of the key next: its result is what reads return."""
        for write in self.pending.writes(bucket, key):
            if write.state is PendingState.VERIFYING:
                row = await self.load(write)
                if row is not None:
                    await self.outcomes.acknowledge(write.seq, state=row.base.pushed_etag)

    async def follow_forwarded(self, places: Iterable[ObjectName], since: float) -> None:
        """A forwarded write of these keys was answered. since: when it was sent, Unix seconds.

        The writes that were accepted meanwhile replace what it has left. Their rows say so, since
        after a crash it would be another writer's.
        """
        left = {
            place: state
            for place in places
            if self.pending.of_key(*place)
            and (state := self.remote_states.left_since(*place, since)) is not None
        }

        def save(tx: Transaction) -> None:
            for place, state in left.items():
                following = journal_rows.oldest(tx, *place)
                if following is not None and not following[1].is_strict:
                    journal_rows.set_base(
                        tx,
                        following[0],
                        replace(
                            following[1], etag=state.etag, direct_write_at=state.direct_write_at
                        ),
                    )

        if left:
            await self._index.write(save, frees=True)
