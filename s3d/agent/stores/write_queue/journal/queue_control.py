"""What people and policies decide about pending writes: retry, hold, discard, move, pause."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from s3d.agent.core.events import Events
from s3d.agent.s3.messages import RequestContext
from s3d.agent.storage.index import Index
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.write_queue.journal import journal_history, journal_rows
from s3d.agent.stores.write_queue.journal.journal_entry import (
    JournalChange,
    WriteRecorder,
    stage_as,
)
from s3d.agent.stores.write_queue.journal.pending_write import (
    NO_OBJECT,
    STUCK,
    Kind,
    PendingState,
    PendingWrite,
)
from s3d.agent.stores.write_queue.journal.pending_writes import PendingWrites
from s3d.agent.stores.write_queue.journal.push_stops import PushStops, Stop

PAUSED = ("", "queue.paused")
"""Bucket and name of the setting that is present while the queue is paused."""
_RETRIED = (PendingState.WAITING, PendingState.FAILED)


def is_taken_back(of_copy: Sequence[PendingWrite], of_source: Sequence[PendingWrite]) -> bool:
    """Whether the writes of two keys are those of a rename, and nothing has followed it. Pure."""
    *earlier, copy = of_copy or (None,)
    return (
        copy is not None
        and copy.kind is Kind.COPY
        and all(write is not None and write.kind is Kind.DELETE for write in earlier)
        and [(write.kind, write.key) for write in of_source] == [(Kind.DELETE, copy.source)]
    )


class QueueControl:
    """Changes writes by seq; a seq without a row is ignored. Belongs to the loop."""

    def __init__(
        self, index: Index, writes: PendingWrites, recorder: WriteRecorder, events: Events
    ) -> None:
        self._index = index
        self._writes = writes
        self._recorder = recorder
        self._events = events
        self.stops = PushStops()
        """Requests to stop pushes that are running."""

    async def retry(
        self, *, seq: int | None = None, bucket: str | None = None, as_key: str | None = None
    ) -> int:
        """Retry parked and delayed writes at once (one, of a bucket, or all); returns how many.

        as_key: only with seq: push the write to this key instead. Raises NewerWritePending when
        another write of that key is pending.
        """
        if seq is not None:
            one = self._writes.index.get(seq)
            found = [] if one is None or bucket not in (None, one.bucket) else [one]
        else:
            index = self._writes.index
            found = list(index) if bucket is None else index.writes(bucket)
        chosen = [write for write in found if write.state in _RETRIED]
        if as_key is None:
            await self.retry_writes(chosen)
            return len(chosen)
        for write in chosen:
            with self._excluded_from_push(write):
                await self.move(write, as_key)
        return len(chosen)

    async def move(self, write: PendingWrite, key: str) -> None:
        """Push a write to another key instead. Raises NewerWritePending."""
        await self._index.write(partial(self._move, write, key))

    async def reevaluate_filters(self, bucket: str | None = None) -> None:
        """Let the filter decide again about what it holds: in one bucket, or everywhere."""
        index = self._writes.index
        found = index.in_state(PendingState.HELD) if bucket is None else index.writes(bucket)
        await self.retry_writes([write for write in found if write.is_filtered])

    async def retry_writes(self, chosen: Sequence[PendingWrite]) -> None:
        """Retry delayed or stuck writes at once; one commit changes all stuck ones."""
        stuck = [write.seq for write in chosen if write.state in STUCK]
        if stuck:
            await self._index.write(
                partial(journal_rows.set_states, stuck, PendingState.WAITING), frees=True
            )
        left = [write for write in chosen if self._writes.index.get(write.seq) is write]
        for write in left:
            if write.state in STUCK:
                self._writes.index.set_state(write, PendingState.WAITING)
        self._writes.hurry(left)

    def retry_delayed(self, *, only_unanswered: bool = False) -> None:
        """Retry at once what is delayed after a failure.

        only_unanswered: of those, the writes whose last push got no answer.
        """
        waiting = self._writes.index.in_state(PendingState.WAITING)
        delayed = [write for write in waiting if write.retry_at]
        if only_unanswered:
            delayed = [write for write in delayed if write.error and not write.error.status]
        self._writes.hurry(delayed)

    async def discard(self, seq: int) -> bool:
        """Remove a write: its key is again as before the write.

        A multipart push that is running stops first, after the parts that are being sent. False:
        the write is being pushed and cannot be stopped.
        """
        write = self._writes.index.get(seq)
        if write is None:
            return True
        if write.state is PendingState.PUSHING:
            return self.stops.request(seq, Stop.DISCARD)

        def drop(tx: Transaction) -> None:
            row = journal_rows.find(tx, seq)
            stored = None if row is None else row.stored
            journal_history.drop_completion(tx, write.bucket, stored)
            journal_rows.drop(tx, seq, pushed=False)
            journal_rows.restage(tx, write.bucket, write.key)
            tx.on_commit(partial(self._writes.drop, write))

        with self._excluded_from_push(write):
            await self._index.write(drop, frees=True)
        self._events.emit("queue.discarded", write.subject, seq=seq)
        return True

    async def take_back(
        self, copy: PendingWrite, deletion: PendingWrite, context: RequestContext
    ) -> bool:
        """Give an object the name again that it has at the remote, which has carried nothing out
        of its rename: the copy, and the deletion of its source. False: that is not possible."""

        def take_back(tx: Transaction) -> bool:
            places = [(write.bucket, write.key) for write in (copy, deletion)]
            of_copy, of_source = (journal_rows.of_key(tx, *place) for place in places)
            if not is_taken_back(of_copy, of_source):
                return False
            row = journal_rows.find(tx, copy.seq)
            if row is None or row.source is None or not row.source.is_unchanged:
                return False
            for write in (copy, deletion):
                journal_rows.drop(tx, write.seq, pushed=False)
                journal_rows.restage(tx, write.bucket, write.key)
                tx.on_commit(partial(self._writes.drop, write))
            replaced = row.base.etag
            # What the rename replaced stays replaced. An object that nobody here knew, of another
            # writer, was not: nothing of the rename was carried out.
            if len(of_copy) == 1 and replaced is not None and replaced != NO_OBJECT:
                change = JournalChange(copy.bucket, copy.key, context=context)
                self._recorder.enter(tx, Kind.DELETE, change, replaced)
            return True

        with self._excluded_from_push(copy), self._excluded_from_push(deletion):
            is_done = await self._index.write(take_back, frees=True)
        if is_done:
            for write in (copy, deletion):
                self._events.emit("queue.discarded", write.subject, seq=write.seq)
        return is_done

    async def set_priority(self, seq: int, priority: int) -> None:
        """Greater goes first; 0 is the default."""
        await self._index.write(lambda tx: journal_rows.set_priority(tx, seq, priority))
        write = self._writes.index.get(seq)
        if write is not None:
            write.priority = priority
            self._writes.changed(write)

    async def hold(self, seq: int) -> bool:
        """Do not push a waiting write; a multipart push that is running stops after the parts that
        are being sent. False: the write is being pushed and cannot be stopped."""
        write = self._writes.index.get(seq)
        if write is not None and write.state is PendingState.PUSHING:
            return self.stops.request(seq, Stop.PAUSE)
        await self._change_hold(seq, PendingState.WAITING, PendingState.HELD)
        return True

    async def release(self, seq: int) -> None:
        """Push a held write, unless the filter holds it; a push that was asked to pause goes on."""
        self.stops.withdraw(seq)
        await self._change_hold(seq, PendingState.HELD, PendingState.WAITING)

    async def pause(self) -> None:
        """Push no more writes, also after a restart, until resume(). Multipart pushes that are
        running stop after the parts that are being sent."""
        await self._index.write(lambda tx: tx.put_setting(*PAUSED, b"1"))
        self._writes.paused = True
        self.stops.request_all()

    async def resume(self) -> None:
        await self._index.write(lambda tx: tx.put_setting(*PAUSED, None))
        self._writes.paused = False
        self.stops.withdraw_all()
        self._writes.wake()

    async def _change_hold(self, seq: int, old: PendingState, new: PendingState) -> None:
        write = self._writes.index.get(seq)
        if write is None or write.state is not old:
            return
        with self._excluded_from_push(write):
            await self._index.write(partial(journal_rows.set_states, [seq], new))
        if self._writes.index.get(seq) is not write:
            return
        if new is PendingState.HELD:
            self._writes.set_stuck(write, new)
            self._events.emit("queue.held", write.subject, seq=seq)
        else:
            self._writes.index.set_state(write, new)
            self._writes.changed(write)

    @contextmanager
    def _excluded_from_push(self, write: PendingWrite) -> Iterator[None]:
        """Keep the write from being pushed during a commit that changes it."""
        before = write.state
        self._writes.index.set_state(write, PendingState.HELD)
        try:
            yield
        finally:
            if self._writes.index.get(write.seq) is write:
                self._writes.index.set_state(write, before)
                self._writes.changed(write)

    def _move(self, write: PendingWrite, key: str, tx: Transaction) -> None:
        """Move the object of a write to another key. Runs in the writer thread."""
        journal_rows.check_none_pending(tx, write.bucket, key, but=write.seq)
        moved, row = stage_as(tx, write, key), journal_rows.find(tx, write.seq)
        if moved is not None and row is not None:
            kind = Kind.PUT if row.source is None else Kind.COPY
            self._recorder.enter(tx, kind, moved, None, row.source)
            journal_rows.drop(tx, write.seq, pushed=False)
            journal_rows.restage(tx, write.bucket, write.key)
            tx.on_commit(partial(self._writes.drop, write))
