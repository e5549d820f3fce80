"""How a write enters the journal: in the commit of the staged object, before the answer.

WriteRecorder.record is the observer of the staging store. The functions that take a transaction run
in the writer thread and decide by the rows that the commit meets.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from sys import intern
from typing import NamedTuple, Protocol

from msgspec.structs import replace

from s3d.agent.core import failpoint
from s3d.agent.core.events import Events
from s3d.agent.core.supervise import consume_exception
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import NO_CONTEXT, RequestContext
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import ELSEWHERE, Stored
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.write_queue.journal import journal_history, journal_rows
from s3d.agent.stores.write_queue.journal.journal_history import UnresolvedOf, UnresolvedPush
from s3d.agent.stores.write_queue.journal.pending_write import (
    NO_OBJECT,
    NO_ORIGIN,
    Base,
    CopySource,
    Kind,
    ObjectName,
    Origin,
    PendingState,
    PendingWrite,
    new_write,
)
from s3d.agent.stores.write_queue.journal.pending_writes import PendingWrites, PushClaims
from s3d.agent.stores.write_queue.journal.queue_metrics import QueueMetrics
from s3d.agent.stores.write_queue.journal.remote_states import RemoteStates
from s3d.shared.config.priorities import Priorities

MOUNT_DELAY = 1.0
"""Seconds before a file of the mount is pushed: programs remove, rename or describe many of them
just after they have closed them."""
_TICK = 1.0
"""Seconds of single files of the mount that are pushed together."""
_BURST, _BURST_TICK = 0.2, 5.0
"""Files that are closed within _BURST of one another are a burst: a program that unpacks an archive
closes one after the other. Those of the first _BURST_TICK seconds of a burst are pushed together,
then those of the next ones: pushes that share commits cost half the CPU, and the program does not
have to share the processor with them before that."""


class Change(Protocol):
    """A change of the staging store: a key has another object; stored None: it has none."""

    @property
    def bucket(self) -> str: ...

    @property
    def key(self) -> str: ...

    @property
    def stored(self) -> Stored | None: ...

    @property
    def tagged(self) -> bool:
        """Only the tags of the object have changed."""

    @property
    def context(self) -> RequestContext:
        """Of the client's request."""


class JournalChange(NamedTuple):
    """A Change that the journal itself makes."""

    bucket: str
    key: str
    stored: Stored | None = None
    tagged: bool = False
    context: RequestContext = NO_CONTEXT


class MovedWrite(NamedTuple):
    """A write that another queue has accepted and that is moved into this one."""

    etag: str
    """Of its object; NO_OBJECT for a delete. A client's write of the same key has another ETag."""
    accepted: float
    """Unix seconds; by the other queue."""

    def check(self, reader: Reader, bucket: str, key: str) -> None:
        """Raises S3Error when a write of the key that was accepted later is pending."""
        for each in journal_rows.of_key(reader, bucket, key):
            row = journal_rows.find(reader, each.seq)
            if row is not None and row.base.accepted > self.accepted:
                raise S3Error("OperationAborted", "A newer write of the key waits there.")


class Burst(NamedTuple):
    """Writes of the mount that came one after the other. Unix seconds."""

    began: float = 0.0
    last: float = 0.0

    def with_write(self, now: float) -> Burst:
        """The burst of a write that is accepted now: this one, or a new one."""
        return Burst(self.began if 0 <= now - self.last < _BURST else now, now)

    @property
    def push_time(self) -> float:
        """When its last write is pushed first. Unix seconds."""
        if self.last == self.began:
            return math.ceil((self.last + MOUNT_DELAY) / _TICK) * _TICK
        ticks = (self.last - self.began) // _BURST_TICK + 1
        return self.began + ticks * _BURST_TICK + MOUNT_DELAY


class WriteRecorder:
    """Enters accepted writes. Its methods belong to the loop unless they take a transaction."""

    def __init__(
        self,
        index: Index,
        writes: PendingWrites,
        events: Events,
        clock: Callable[[], float],
        *,
        remote_states: RemoteStates,
        unversioned: Container[str],
        metrics: QueueMetrics,
    ) -> None:
        """unversioned: buckets known to keep one version a key."""
        self._index = index
        self._writes = writes
        self._events = events
        self._clock = clock
        self._remote_states = remote_states
        self._unversioned = unversioned
        self._metrics = metrics
        self.priorities = Priorities()
        """Of the writes that are accepted from now on; read by the writer thread."""
        self._burst_of_mount = Burst()
        self._moved: dict[ObjectName, MovedWrite] = {}
        """Writes that are being moved here; read by the writer thread."""

    def record(self, tx: Transaction, change: Change) -> None:
        """Enter a write in the commit that changes the staged object. Runs in the writer thread."""
        kind = Kind.DELETE if change.stored is None else Kind.PUT
        if change.stored is not None and change.stored.layout == ELSEWHERE and not change.tagged:
            raise S3Error("SlowDown", "The source is being copied by the remote; try again.")
        self.enter(tx, Kind.TAGS if change.tagged else kind, change)
        if change.stored is not None and change.stored.record.upload_id and not change.tagged:
            record = change.stored.record
            journal_history.put_completion(tx, change.bucket, record, self._clock())

    async def delete(
        self, bucket: str, keys: Iterable[str], context: RequestContext = NO_CONTEXT
    ) -> None:
        """Accept the deletion of keys, all in one commit. context: of the client's request."""
        deleted = tuple(keys)

        def delete(tx: Transaction) -> None:
            for key in deleted:
                journal_rows.unstage(tx, bucket, key)
                change = JournalChange(bucket, key, context=context)
                self.enter(tx, Kind.DELETE, change)

        await self._index.write(delete, frees=True)
        failpoint.hit("queue.accepted")

    @contextmanager
    def moving_in(self, place: ObjectName, moved: MovedWrite) -> Iterator[None]:
        """Within this context the given write of a key keeps its time of acceptance.

        Its base is unknown. Raises S3Error, here or where the write is entered, when a newer write
        of the key is pending.
        """
        if self._writes.unresolved.etags(place):
            raise S3Error("OperationAborted", "An earlier push of the key may still arrive.")
        self._index.read_inline(lambda reader: moved.check(reader, *place))
        self._moved[place] = moved
        try:
            yield
        finally:
            del self._moved[place]

    def enter(
        self,
        tx: Transaction,
        kind: Kind,
        change: Change,
        remote_etag: str | None = None,
        source: CopySource | None = None,
    ) -> None:
        """Insert a row. Runs in the writer thread.

        remote_etag: the state of the remote that the write replaces; None: the one it showed last.
        source: of a copy.
        """
        failpoint.hit("queue.record")
        stored = change.stored
        size = 0 if stored is None or source is not None else stored.record.size
        now = self._clock()
        replaces = change.context.replaces if kind is Kind.PUT else None
        moved = self._moved.get((change.bucket, change.key))
        if moved is not None and moved.etag == (
            NO_OBJECT if stored is None else stored.record.etag
        ):
            moved.check(tx, change.bucket, change.key)
            now, remote_etag = moved.accepted, None  # the remote may show a newer state by now
        elif replaces is not None:
            remote_etag = journal_history.check_replaced(tx, change.bucket, change.key, replaces)
        elif remote_etag is None:
            remote_etag = self._remote_states.shown(change.bucket, change.key, now)
        write = new_write(0, kind, intern(change.bucket), change.key, size, now)
        tags = stored.record.description.tags if stored is not None else {}
        if tags or self.priorities.entries:
            write.priority = self.priorities.of_object(change.bucket, change.key, tags)
        else:
            write.priority = self.priorities.default
        if replaces is not None:
            self._burst_of_mount = self._burst_of_mount.with_write(now)
            write.retry_at = self._burst_of_mount.push_time
        write.source = "" if source is None or source.key == change.key else source.key
        origin = Origin.of(change.context)
        entered = insert(
            tx,
            write,
            stored,
            origin=origin,
            source=source,
            claims=self._writes.claims,
            keeps_one_version=change.bucket in self._unversioned,
            remote_etag=remote_etag,
            is_strict=replaces is not None,
            direct_write_at=self._remote_states.written_at(change.bucket, change.key, now),
            unresolved=self._writes.unresolved.of_write.get,
        )
        failpoint.hit("queue.recorded")
        tx.on_commit(partial(self._accepted, write, entered, change.context))

    def _accepted(self, write: PendingWrite, entered: Entered, context: RequestContext) -> None:
        """Runs on the loop, after the commit and before the client is answered."""
        for etag, push in entered.unresolved:
            self._writes.unresolved.add((write.bucket, write.key), etag, push)
        self._writes.add(write, entered.replaced)
        for seq in entered.replaced:
            self._events.emit("queue.superseded", write.subject, seq=seq, by=write.seq)
        self._metrics.accepted(write)
        self.replace_held(write)
        self._events.emit(
            "queue.accepted",
            write.subject,
            seq=write.seq,
            operation=write.kind,
            size=write.size,
            request=context.request_id,
            trace="" if context.trace is None else context.trace.trace_id,
        )
        if write.state is PendingState.HELD:
            self._events.emit("queue.held", write.subject, seq=write.seq)

    def replace_held(self, write: PendingWrite) -> None:
        """Let a write that was accepted while the filter evaluated an earlier one replace that one.

        The filter decided about the earlier write, and would hold back the tags that change that.
        """
        writes = self._writes.index.of_key(write.bucket, write.key)
        if len(writes) < 2 or not writes[0].is_filtered:
            return

        def replace_first(tx: Transaction) -> None:
            replaced = replace_held(tx, write.bucket, write.key)
            if replaced is not None:
                tx.on_commit(partial(self._replaced, *replaced))

        # Nobody waits for this. When the disk is full, the later write stays behind the held one.
        self._index.post(replace_first).add_done_callback(consume_exception)

    def _replaced(self, held: int, following: int, kind: Kind) -> None:
        first, second = self._writes.index.get(held), self._writes.index.get(following)
        if second is not None:
            second.kind = kind
        if first is not None:
            self._writes.drop(first)
        if second is not None:
            self._writes.changed(second)
            self.replace_held(second)


class Entered(NamedTuple):
    """The consequences of an insert()."""

    replaced: list[int]
    """Seqs of the writes that were replaced."""
    unresolved: list[tuple[str, UnresolvedPush]]
    """Their unresolved pushes, each with the ETag that it leaves."""


def insert(
    tx: Transaction,
    write: PendingWrite,
    stored: Stored | None,
    *,
    origin: Origin = NO_ORIGIN,
    source: CopySource | None = None,
    claims: PushClaims | None = None,
    keeps_one_version: bool = False,
    remote_etag: str | None = None,
    is_strict: bool = False,
    direct_write_at: float = 0.0,
    unresolved: UnresolvedOf = lambda _: None,
) -> Entered:
    """Give the write its row and seq, and remove the rows that it replaces. source: of a copy.

    claims: of the writes that are being pushed, which are not replaced. keeps_one_version: the
    bucket certainly keeps no versions; elsewhere each write makes a version, so only writes that
    the filter holds are replaced.
    direct_write_at: see Base. unresolved: by seq, pushes whose outcome is unknown.
    remote_etag: what the remote shows of the key: an ETag or NO_OBJECT; None: unknown. is_strict:
    see Base. unresolved: the push of a seq whose outcome is unknown.
    """
    known = journal_rows.of_key(tx, write.bucket, write.key)
    claims = claims or PushClaims()
    idle = [each for each in known if claims.begin_replacing(each.seq)]
    # A write that the filter holds was never to reach the remote, so no version is lost there.
    replaced = idle if keeps_one_version else [each for each in idle if each.is_filtered]
    retagged = None
    if write.kind is Kind.TAGS and idle:
        # A waiting write is pushed with the new tags. Only the oldest write can be in flight.
        replaced = replaced or idle[-1:]
        retagged = next((each for each in reversed(replaced) if each.kind is Kind.PUT), idle[-1])
        write.kind = retagged.kind
        if retagged.state is PendingState.HELD and not retagged.is_filtered:
            write.state = PendingState.HELD
    for each in idle:
        if each not in replaced:
            claims.end_replacing(each.seq)
    # Behind other writes, the base is what they leave, and what is in flight may be a push.
    etag, written_at = (None, 0.0) if known else (remote_etag, direct_write_at)
    base = Base(write.first_accepted, etag, None, is_strict, written_at)
    inherited: list[tuple[str, UnresolvedPush]] = []
    if replaced:
        base, inherited = journal_history.inherit(tx, base, known[0], replaced, unresolved)
        for etag, push in inherited:
            journal_history.put_unresolved(tx, (write.bucket, write.key), etag, push)
    for each in replaced:
        write.first_accepted = min(write.first_accepted, each.first_accepted)
        write.priority = max(write.priority, each.priority)
    if retagged is not None and retagged.kind is Kind.COPY:
        source = journal_rows.retagged_source(tx, retagged.seq)
        write.source, write.size = retagged.source, 0
    write.seq = journal_rows.insert(tx, write, stored, base, origin, source)
    if retagged is not None:
        journal_rows.move_upload(tx, retagged.seq, write.seq)
    for each in replaced:
        journal_rows.drop(tx, each.seq, pushed=False)
    return Entered([each.seq for each in replaced], inherited)


def replace_held(tx: Transaction, bucket: str, key: str) -> tuple[int, int, Kind] | None:
    """Let the second write of a key replace the first, if the filter holds the first.

    The result is as if the second had been accepted when the first was held already: (seq of the
    first, seq of the second, kind of the second now); None: there was nothing to replace.
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
    journal_rows.set_base(tx, following.seq, replace(second.base, etag=first.base.etag))
    journal_rows.drop(tx, held.seq, pushed=False)
    return held.seq, following.seq, kind


def stage_as(tx: Transaction, write: PendingWrite, key: str) -> JournalChange | None:
    """Stage the object of a write under another key as well; None when there is none."""
    row = journal_rows.find(tx, write.seq)
    if row is None or row.stored is None:
        return None
    return stage(tx, write.bucket, key, row.stored)


def stage(tx: Transaction, bucket: str, key: str, object: Stored) -> JournalChange:
    """Stage an object, whose bytes are in the store already, under this key."""
    record, layout = object
    stored = Stored(replace(record, key=key), layout)
    tx.incref(layout.extents)
    current = tx.current(bucket, key.encode())
    if current is not None:
        tx.decref(current.layout)
    tx.put_current(bucket, stored, current.record if current is not None else None)
    return JournalChange(bucket, key, stored)
