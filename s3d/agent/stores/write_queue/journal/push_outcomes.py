"""What the journal records of pushes: their outcomes, and the multipart uploads they begin.

Each method saves its fact in one commit of the writer thread, then changes memory on the loop.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from msgspec.structs import replace

from s3d.agent.core import failpoint
from s3d.agent.core.events import Events
from s3d.agent.core.supervise import consume_exception
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.write_queue.journal import journal_history, journal_rows
from s3d.agent.stores.write_queue.journal.journal_history import (
    PRUNE_INTERVAL,
    REQUEST_LIFE,
    EtagAlias,
    UnresolvedPush,
)
from s3d.agent.stores.write_queue.journal.pending_write import (
    FILTERED,
    NO_OBJECT,
    Base,
    ObjectName,
    Orphan,
    PendingState,
    PendingWrite,
    PushError,
    RemoteUpload,
    StagedWrite,
)
from s3d.agent.stores.write_queue.journal.pending_writes import PendingWrites
from s3d.agent.stores.write_queue.journal.queue_metrics import QueueMetrics

_UNVERIFIED = "Unverified"
UPLOAD_WINDOW = 60.0
"""Seconds around the start of an upload in which an upload at the remote is taken for it."""
_MAX_UPLOADS = 10_000
"""Uploads of a bucket that are remembered after they have ended."""


class PushOutcomes:
    """The outcomes of pushes, and what later pushes have to know of them. Belongs to the loop."""

    def __init__(
        self,
        index: Index,
        writes: PendingWrites,
        events: Events,
        clock: Callable[[], float],
        *,
        on_held: Callable[[PendingWrite], None],
        metrics: QueueMetrics,
    ) -> None:
        """on_held: called when the filter holds a write."""
        self._index = index
        self._writes = writes
        self.unresolved = writes.unresolved
        """The pushes whose outcome is unknown."""
        self._events = events
        self._clock = clock
        self._on_held = on_held
        self._metrics = metrics
        self._unpruned = 0
        """Pushes that were recorded since the old ones were removed."""

    async def acknowledge(
        self,
        seq: int,
        etag: str = "",
        *,
        client_etag: str = "",
        state: str | None = None,
        was_there: bool = False,
    ) -> None:
        """The remote has the write: remove it from the queue.

        etag: the remote's. client_etag: the ETag that the client was given, if it is another one.
        state: of the key at the remote now, which is the base of the next write: an ETag or
        NO_OBJECT; None: unknown. was_there: an earlier push had succeeded, so that an upload that
        was begun since is to be aborted.
        """
        write = self._writes.index.get(seq)
        if write is None:
            return
        place, unresolved = (write.bucket, write.key), self.unresolved.of_write.get(seq)

        def drop(tx: Transaction) -> None:
            own = _etag_of(tx, seq) if unresolved is not None else NO_OBJECT
            journal_rows.drop(tx, seq, pushed=not was_there)
            now = self._clock()
            following = journal_rows.oldest(tx, *place)
            if following is None:
                journal_rows.unstage(tx, *place)
            elif state is not None:
                journal_rows.set_base(tx, following[0], replace(following[1], etag=state))
            if state is not None:
                self._put_recent_push(tx, place, state, now)
            if client_etag:
                journal_history.put_alias(tx, place, EtagAlias(client_etag, etag), now)
            if unresolved is not None:
                journal_history.put_unresolved(tx, place, own, unresolved)
                tx.on_commit(partial(self.unresolved.add, place, own, unresolved))
            tx.on_commit(partial(self._acknowledged, write, etag))

        failpoint.hit("queue.done")
        await self._index.write(drop, frees=True)
        failpoint.hit("queue.dropped")
        if self.unresolved.etags(place) and not self._writes.index.of_key(*place):
            await self._expire_unresolved(place)

    def _acknowledged(self, write: PendingWrite, etag: str) -> None:
        """Runs on the loop, after the commit."""
        self._metrics.arrived(write)
        self._writes.pushed(write)
        self._events.emit(
            "queue.pushed",
            write.subject,
            seq=write.seq,
            operation=write.kind,
            size=write.size,
            etag=etag,
            seconds=round(self._clock() - write.first_accepted, 3),
        )

    async def verify_later(self, seq: int, state: str, until: float) -> None:
        """The remote has the write, and an older push of ours may still replace it there.

        The write stays pending until the remote was checked again at `until` (Unix seconds).
        """
        write = self._writes.index.get(seq)
        if write is None:
            return
        message = "pushed; checked again when no earlier request can take effect any more"
        reason = PushError(_UNVERIFIED, message, at=self._clock())

        def save(tx: Transaction) -> bool:
            row = journal_rows.find(tx, seq)
            if row is None:
                return False
            journal_rows.set_base(tx, seq, replace(row.base, pushed_etag=state))
            self._put_recent_push(tx, (write.bucket, write.key), state, self._clock())
            return journal_rows.set_state(tx, seq, PendingState.VERIFYING, reason)

        if not await self._index.write(save):
            self._writes.drop(write)
            return
        self._metrics.arrived(write)
        self._writes.verify(write, until, reason)
        self._events.emit("queue.verifying", write.subject, seq=seq, etag=state, until=until)

    async def push_again(self, seq: int) -> None:
        """An older push of ours has replaced a verified write: it is pushed once more."""

        def clear(tx: Transaction) -> None:
            row = journal_rows.find(tx, seq)
            if row is not None:
                journal_rows.set_base(tx, seq, replace(row.base, pushed_etag=None))

        await self._index.write(clear)

    def retry_later(self, seq: int, retry_at: float, error: PushError | None = None) -> None:
        """The write could not be pushed now. It is retried at retry_at (Unix seconds).

        error: of the push; None when the push was not tried.
        """
        write = self._writes.index.get(seq)
        if write is None:
            return
        self._writes.retry_later(write, retry_at, error)
        if error is not None:
            self._events.emit(
                "queue.retry", write.subject, seq=seq, code=error.code, message=error.message
            )

    async def park(self, seq: int, error: PushError, retry_at: float = 0.0) -> None:
        """The remote refuses the write: it stays, readable, and blocks later writes of its key.

        retry_at: when it is retried all the same, Unix seconds; 0: never.
        """
        write = self._writes.index.get(seq)
        if write is None:
            return
        failpoint.hit("queue.park")
        is_saved = await self._index.write(
            lambda tx: journal_rows.set_state(tx, seq, PendingState.FAILED, error), frees=True
        )
        if not is_saved:
            self._writes.drop(write)
            return
        self._writes.park(write, error, retry_at)
        self._events.emit(
            "queue.failed", write.subject, seq=seq, code=error.code, message=error.message
        )

    async def exclude(self, seq: int, reason: str) -> None:
        """The filter holds the write: it stays, readable, until the filter is evaluated again."""
        write = self._writes.index.get(seq)
        if write is None:
            return
        error = PushError(FILTERED, reason, at=self._clock())
        is_saved = await self._index.write(
            lambda tx: journal_rows.set_state(tx, seq, PendingState.HELD, error), frees=True
        )
        if not is_saved:
            self._writes.drop(write)
            return
        self._writes.exclude(write, error)
        self._events.emit("queue.held", write.subject, seq=seq, message=reason)
        self._on_held(write)

    async def hold(self, seq: int) -> None:
        """The user has paused the write while it was pushed."""
        write = self._writes.index.get(seq)
        if write is None:
            return
        is_saved = await self._index.write(
            lambda tx: journal_rows.set_state(tx, seq, PendingState.HELD, None)
        )
        if not is_saved:
            self._writes.drop(write)
            return
        self._writes.hold(write)
        self._events.emit("queue.held", write.subject, seq=seq)

    def schedule_retry(self, write: PendingWrite, at: float) -> None:
        """Retry a parked write at this time (Unix seconds)."""
        write.retry_at = at
        self._writes.changed(write)

    # Unresolved pushes and bases

    def mark_unresolved(
        self, write: PendingWrite, expected: str | None, etag: str = NO_OBJECT
    ) -> None:
        """The outcome of a push is unknown: it may have succeeded, or may arrive later.

        expected: its condition, an ETag or NO_OBJECT; None: it had none. etag: what it leaves.
        """
        push = self.unresolved.mark(write, expected, self._clock() + REQUEST_LIFE)
        if self._index.read_inline(lambda reader: journal_rows.find(reader, write.seq)) is None:
            # Another write has replaced this one while it was in flight.
            place = write.bucket, write.key
            self.unresolved.add(place, etag, push)
            save = partial(_put_unresolved, place, etag, push)
            self._index.post(save).add_done_callback(consume_exception)

    def note_remote_state(self, write: PendingWrite, state: str) -> None:
        """HeadObject has shown this state of the key, and the write may replace it.

        An unresolved push may have it as its condition.
        """
        self.unresolved.note_state(write, state)
        self._writes.bases[write.seq] = state

    def base_of(self, write: PendingWrite, row: StagedWrite) -> Base:
        """What a write replaces, as far as it is known."""
        state = self._writes.bases.get(write.seq)
        return row.base if state is None else replace(row.base, etag=state)

    def replaceable_until(
        self, write: PendingWrite, own: str, state: str, *, is_conditional: bool
    ) -> float:
        """Until when an older push of ours may replace what this write has left, Unix seconds.

        own: its ETag, NO_OBJECT for a delete. state: of the key at the remote now. 0: none may, or
        a later write of the key is pending, whose push will see to it.
        """
        if self.has_successor(write):
            return 0.0
        place = write.bucket, write.key
        return self.unresolved.until(place, own, state, is_conditional=is_conditional)

    def has_successor(self, write: PendingWrite) -> bool:
        """Whether a later write of its key is pending."""
        return len(self._writes.index.of_key(write.bucket, write.key)) > 1

    async def _expire_unresolved(self, place: ObjectName) -> None:
        if self.unresolved.expire(place, self._clock()):
            await self._index.write(lambda tx: journal_history.drop_unresolved(tx, place))

    def _put_recent_push(self, tx: Transaction, place: ObjectName, state: str, now: float) -> None:
        """Runs in the writer thread."""
        journal_history.put_recent_push(tx, place, state, now)
        self._unpruned += 1
        if self._unpruned >= PRUNE_INTERVAL:
            self._unpruned = 0
            journal_history.prune_recent_pushes(tx, now)


class RemoteUploads:
    """The multipart uploads that pushes have begun at the remote. Belongs to the loop."""

    def __init__(self, index: Index, writes: PendingWrites, clock: Callable[[], float]) -> None:
        self._index = index
        self._writes = writes
        self._clock = clock
        self._recent: dict[str, dict[tuple[str, str], None]] = {}
        """By bucket, (key, id) of the uploads that were begun since the start."""

    async def save(self, seq: int, upload: RemoteUpload | None) -> None:
        """Save the progress of a multipart push. None: its upload no longer exists, and it starts
        over."""
        failpoint.hit("queue.progress")
        write = self._writes.index.get(seq)
        if write is not None:
            if upload is not None and upload.upload_id:
                self._remember(write, upload.upload_id)
            await self._index.write(partial(journal_rows.save_upload, write, upload), frees=True)
        failpoint.hit("queue.progressed")

    def _remember(self, write: PendingWrite, upload_id: str) -> None:
        recent = self._recent.setdefault(write.bucket, {})
        recent[(write.key, upload_id)] = None
        if len(recent) > _MAX_UPLOADS:
            del recent[next(iter(recent))]

    async def begun(self, bucket: str) -> set[tuple[str, str]]:
        """(key, id) of the uploads that pushes have begun at the remote; id "": not known yet.

        Includes those that have ended since the start: a listing that the remote made before may
        still be on its way.
        """
        since = self._clock() - UPLOAD_WINDOW
        begun = await self._index.read_in_thread(
            lambda reader: journal_rows.uploads_begun(reader, bucket, since)
        )
        return begun.union(self._recent.get(bucket, ()))

    async def ids_of(self, bucket: str, key: str) -> set[str]:
        """Ids of the uploads that writes of a key will continue; "": its id is not known yet."""
        return await self._index.read_in_thread(
            partial(journal_rows.upload_ids, bucket=bucket, key=key)
        )

    async def orphans(self) -> list[Orphan]:
        """Uploads that are to be aborted: no write continues them."""
        return await self._index.read_in_thread(journal_rows.orphans)

    async def forget_orphan(self, orphan: Orphan) -> None:
        """The upload was aborted."""
        await self._index.write(lambda tx: journal_rows.drop_orphan(tx, orphan), frees=True)


def _etag_of(reader: Reader, seq: int) -> str:
    row = journal_rows.find(reader, seq)
    return NO_OBJECT if row is None else row.etag


def _put_unresolved(place: ObjectName, etag: str, push: UnresolvedPush, tx: Transaction) -> None:
    journal_history.put_unresolved(tx, place, etag, push)
