"""Moves pending writes of one queue to another store, in their order: `s3d queue move`.

A write leaves its queue only after the other store has accepted it. Before it is sent it is marked
(parked, with the code MOVING). After a crash the mark shows which write may have been sent already;
s3d sends HeadObject to the other store first, and never replaces a newer object there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from heapq import merge
from typing import NamedTuple

from s3d.agent.core import failpoint
from s3d.agent.core.client import S3Client
from s3d.agent.core.clock import Clock
from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import same_etag
from s3d.agent.s3.messages import Members
from s3d.agent.storage.records import Stored
from s3d.agent.stores.write_queue.journal.journal import Journal
from s3d.agent.stores.write_queue.journal.journal_entry import MovedWrite
from s3d.agent.stores.write_queue.journal.pending_write import (
    NO_OBJECT,
    Base,
    Kind,
    PendingState,
    PendingWrite,
    PushError,
    RemoteUpload,
    StagedWrite,
)
from s3d.agent.stores.write_queue.journal.push_stops import StopRequest
from s3d.agent.stores.write_queue.push.multipart_push import MultipartPush
from s3d.agent.stores.write_queue.push.orphaned_uploads import abort
from s3d.agent.stores.write_queue.push.push_plan import (
    Comparison,
    Multipart,
    Plan,
    SimpleCall,
    compare,
    conditional,
    plan,
    state_of,
)
from s3d.agent.stores.write_queue.push.remote_gate import PushThrottle
from s3d.agent.stores.write_queue.push.retry_policy import has_unknown_outcome
from s3d.agent.stores.write_queue.push.verify_push import (
    BodyOf,
    is_our_write,
    open_staged,
    verified_payload,
)
from s3d.shared.config.values import parse_timetable

MOVING = "Moving"
"""Error code of a write that is being moved."""
MOVABLE = frozenset((PendingState.WAITING, PendingState.HELD, PendingState.FAILED))
"""Writes in the other states wait for a decision about their remote, or are there already."""


class OpenQueue(NamedTuple):
    """A queue whose pusher does not run."""

    journal: Journal
    body_of: BodyOf
    store: ObjectStore | None = None
    """Its staging store."""

    def writes(self) -> Iterator[PendingWrite]:
        """The pending writes and the parked conflicts, oldest first."""
        conflicts = [conflict.write for conflict in self.journal.conflicts]
        return merge(self.journal.pending, conflicts, key=lambda write: write.seq)

    def get(self, seq: int) -> PendingWrite | None:
        conflict = self.journal.conflicts.get(seq)
        return self.journal.pending.get(seq) if conflict is None else conflict.write

    async def load(self, write: PendingWrite) -> Stored | None:
        """The object of a write; None for a delete."""
        if write.state is PendingState.CONFLICT:
            return self.journal.conflicts.find(write.seq)
        row = await self.journal.load(write)
        return None if row is None else row.stored

    async def discard(self, write: PendingWrite) -> None:
        """Remove a write and its bytes."""
        if write.state is PendingState.CONFLICT:
            await self.journal.conflicts.discard(write.seq)
        else:
            await self.journal.control.discard(write.seq)


class Unmoved(NamedTuple):
    """A write that stayed where it was, and why."""

    write: PendingWrite
    error: S3Error


class Target(NamedTuple):
    """The store that writes are moved to."""

    store: ObjectStore
    journal: Journal | None = None
    """Of the queue that accepts writes of the store; None: they go to the remote at once."""
    is_too_large: Callable[[int], bool] = lambda size: False
    """Whether a write of this size (bytes) bypasses that queue."""
    clock_offset: Callable[[], float] = lambda: 0.0
    """Seconds that the remote's clock is ahead of ours."""


class Mover:
    """Moves writes of one queue, which is not the one in use, to one target.

    A moved write keeps its time of acceptance, and replaces only what is older.
    """

    def __init__(self, queue: OpenQueue, target: Target) -> None:
        self._journal = queue.journal
        self._body_of = queue.body_of
        self._target = target
        self._remote = S3Client(target.store)
        self._clock = Clock()
        self._throttle = PushThrottle(parse_timetable("off"), self._clock)
        self._sent: dict[tuple[str, str], str] = {}
        """The ETags that earlier writes of this move have left; NO_OBJECT after a delete."""

    async def move(self, writes: Iterable[PendingWrite]) -> tuple[int, list[Unmoved]]:
        """Returns how many were moved, and those that were not. writes: oldest first.

        When a write cannot be moved, the later ones of its key stay too.
        """
        moved, left = 0, []
        stuck: set[tuple[str, str]] = set()
        for write in writes:
            if (write.bucket, write.key) in stuck:
                continue
            try:
                await self._move(write)
                moved += 1
            except S3Error as error:
                stuck.add((write.bucket, write.key))
                left.append(Unmoved(write, error))
        return moved, left

    async def _move(self, write: PendingWrite) -> None:
        row = await self._journal.load(write)
        if row is None:
            return
        if write.kind is Kind.COPY:
            raise S3Error("OperationAborted", "Only its own remote has the object to copy.")
        if write.state not in MOVABLE:
            raise S3Error("OperationAborted", f"The write is {write.state} at its own remote.")
        state, error = write.state, write.error
        was_interrupted = error is not None and error.code == MOVING
        mark = PushError(MOVING, "its move to another remote was interrupted", at=time.time())
        await self._journal.outcomes.park(write.seq, mark)
        failpoint.hit("move.begun")
        try:
            if not (was_interrupted and await self._has_arrived(write, row.stored)):
                await self._send(write, row)
        except S3Error as failure:
            if not was_interrupted and not has_unknown_outcome(failure):
                await self._put_back(write, state, error)
            raise
        failpoint.hit("move.sent")
        await self._journal.control.discard(write.seq)

    async def _put_back(
        self, write: PendingWrite, state: PendingState, error: PushError | None
    ) -> None:
        """Nothing was sent: restore the state of the write."""
        if state is PendingState.FAILED and error is not None:
            await self._journal.outcomes.park(write.seq, error)
            return
        await self._journal.control.retry_writes([write])
        if state is PendingState.HELD:
            await self._journal.control.hold(write.seq)

    async def _send(self, write: PendingWrite, row: StagedWrite) -> None:
        """Raises S3Error, also when the target may have a newer object."""
        place, target = (write.bucket, write.key), self._target
        etag, accepted = row.etag, row.base.accepted
        todo = plan(write.kind, *place, row.stored)
        if write.kind is Kind.TAGS:
            await self._check_same_object(place, etag)
            await self._execute(todo)
        elif target.journal is not None and not target.is_too_large(write.size):
            with target.journal.recorder.moving_in(place, MovedWrite(etag, accepted)):
                self._sent[place] = await self._execute(todo) or etag
        else:
            expected = await self._replaceable(write, accepted)
            self._sent[place] = await self._execute_if(todo, expected) or etag

    async def _execute_if(self, todo: Plan, expected: str) -> str:
        try:
            return await self._execute(conditional(todo, expected))
        except S3Error as error:
            if error.status != 501:
                raise
        return await self._execute(todo)  # a remote that knows no conditions

    async def _replaceable(self, write: PendingWrite, accepted: float) -> str:
        """The state of the key at the remote. Raises S3Error when the write may not replace it."""
        place = write.bucket, write.key
        head = await self._head(place)
        remote = state_of(head)
        ours = [self._sent[place]] if place in self._sent else []
        is_delete, offset = write.kind is Kind.DELETE, self._target.clock_offset()
        comparison = compare(Base(accepted), remote, ours, is_delete=is_delete, offset=offset)
        if comparison is Comparison.CONFLICT:
            raise S3Error(
                "OperationAborted", "The remote has a version that is not older than the write."
            )
        return remote.etag

    async def _check_same_object(self, place: tuple[str, str], etag: str) -> None:
        """Raises S3Error when the target has another object than the tags were set for."""
        current = str((await self._head(place)).get("ETag", NO_OBJECT))
        ours = (etag, self._sent.get(place, NO_OBJECT))
        if not any(same_etag(current, each) for each in ours):
            raise S3Error(
                "OperationAborted", "The tags belong to another object than the current one."
            )

    async def _head(self, place: tuple[str, str]) -> Members:
        """The answer of HeadObject; empty for an absent key."""
        members: Members = {"Bucket": place[0], "Key": place[1]}
        try:
            return await self._remote.output("HeadObject", members)
        except S3Error as error:
            if error.status != 404:
                raise
        return {}

    async def _execute(self, todo: Plan) -> str:
        """The ETag in the answer; "" for none."""
        if isinstance(todo, Multipart):
            return await self._send_parts(todo)
        if isinstance(todo, SimpleCall):
            answer = await self._remote.output(todo.operation, todo.members)
        else:
            staged = open_staged(self._body_of, todo.layout)
            body = await verified_payload(
                staged, todo.md5, throttle=self._throttle, on_sent=_ignore
            )
            answer = await self._remote.output("PutObject", todo.members, body)
        return str(answer.get("ETag", ""))

    async def _send_parts(self, todo: Multipart) -> str:
        """Send all parts in a new upload, which is aborted when it fails."""
        begun: set[str] = set()

        async def save(upload: RemoteUpload | None) -> None:
            if upload is not None and upload.upload_id:
                begun.add(upload.upload_id)

        try:
            parts = MultipartPush(
                todo,
                remote=self._remote,
                body_of=self._body_of,
                throttle=self._throttle,
                clock=self._clock,
                save=save,
                on_sent=_ignore,
                stop=StopRequest(),
            )
            answer = await parts.push(None)
        except BaseException:
            place = {name: todo.create[name] for name in ("Bucket", "Key")}
            for upload_id in begun:
                with suppress(S3Error):
                    await abort(self._remote, place | {"UploadId": upload_id})
            raise
        return str(answer.get("ETag", ""))

    async def _has_arrived(self, write: PendingWrite, stored: Stored | None) -> bool:
        """Whether an interrupted move has succeeded.

        Raises S3Error when the target has another object, which may be newer.
        """
        if write.kind is Kind.TAGS:
            return False
        try:
            place = {"Bucket": write.bucket, "Key": write.key}
            head = await self._remote.output("HeadObject", place)
        except S3Error as error:
            if error.status == 404:
                return stored is None
            raise
        if stored is not None and is_our_write(stored, head):
            return True
        raise S3Error(
            "OperationAborted",
            "A crash interrupted its move, and the key has other content now: "
            "export or discard the write.",
        )


def _ignore(size: int, *, is_there: bool = False) -> None:
    pass
