"""Pending writes of one queue written to another store, in their order: `s3d queue move`.

A write leaves its queue only after the other store has accepted it. Before it is sent it is marked
(parked, with the code MOVING), so after a crash it is known which one may have been sent already:
that one is looked for in the other store first, and never written over something newer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from heapq import merge
from typing import NamedTuple

from s3d.agent.core import failpoint
from s3d.agent.core.client import S3Client
from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members
from s3d.agent.storage.records import Stored
from s3d.agent.stores.write_queue.clock import Clock
from s3d.agent.stores.write_queue.conflict_decision import Action, decide, state_of
from s3d.agent.stores.write_queue.journal import Journal
from s3d.agent.stores.write_queue.journal_write import Moving
from s3d.agent.stores.write_queue.multipart_push import Means, Parts, abort
from s3d.agent.stores.write_queue.pending import (
    ABSENT,
    Base,
    Kind,
    PendingState,
    PendingWrite,
    PushError,
    RemoteUpload,
    StagedWrite,
)
from s3d.agent.stores.write_queue.push_plan import Multipart, Plan, SimpleCall, conditional, plan
from s3d.agent.stores.write_queue.remote_calls import BodyOf, staged
from s3d.agent.stores.write_queue.retry_policy import is_unknown
from s3d.agent.stores.write_queue.staged_body import Throttle, ready
from s3d.agent.stores.write_queue.verify_push import is_ours, same_etag
from s3d.shared.config.values import parse_timetable

MOVING = "Moving"
"""Code of the error of a write that was being moved."""
MOVABLE = frozenset((PendingState.WAITING, PendingState.HELD, PendingState.FAILED))
"""The others wait for a decision about what the first remote has, or are there already."""


class OpenQueue(NamedTuple):
    """A queue that nothing is pushed from."""

    journal: Journal
    body_of: BodyOf
    store: ObjectStore | None = None
    """What it has staged."""

    def writes(self) -> Iterator[PendingWrite]:
        """What is pending, and what is parked as a conflict; oldest first."""
        conflicts = [conflict.write for conflict in self.journal.conflicts]
        return merge(self.journal.all(), conflicts, key=lambda write: write.seq)

    def get(self, seq: int) -> PendingWrite | None:
        conflict = self.journal.conflicts.get(seq)
        return self.journal.get(seq) if conflict is None else conflict.write

    async def load(self, write: PendingWrite) -> Stored | None:
        """The object of a write; None for a delete."""
        if write.state is PendingState.CONFLICT:
            return self.journal.conflicts.find(write.seq)
        row = await self.journal.load(write)
        return None if row is None else row.stored

    async def discard(self, write: PendingWrite) -> None:
        """Forget it and its bytes."""
        if write.state is PendingState.CONFLICT:
            await self.journal.conflicts.discard(write.seq)
        else:
            await self.journal.discard(write.seq)


class Unmoved(NamedTuple):
    """A write that stays where it was."""

    write: PendingWrite
    error: S3Error


class Target(NamedTuple):
    """Where writes are moved to."""

    store: ObjectStore
    journal: Journal | None = None
    """Of the queue that the store accepts writes into; None: they go to the remote at once."""
    is_too_large: Callable[[int], bool] = lambda size: False
    """Whether a write of so many bytes passes that queue by."""
    clock_offset: Callable[[], float] = lambda: 0.0
    """Seconds that the remote's clock is ahead of ours."""


class Mover:
    """Moves writes of one queue, which is not the one in use, to one target.

    A moved write keeps the time at which it was accepted, and replaces only what is older.
    """

    def __init__(self, queue: OpenQueue, target: Target) -> None:
        clock = Clock()
        self._journal = queue.journal
        self._target = target
        self._sent: dict[tuple[str, str], str] = {}
        """The ETags that earlier writes of this move have left; ABSENT after a delete."""
        self._means = Means(
            target.store, queue.body_of, Throttle(parse_timetable("off"), clock), clock
        )

    async def move(self, writes: Iterable[PendingWrite]) -> tuple[int, list[Unmoved]]:
        """How many were moved, and what was not. writes: oldest first.

        When one of a key cannot be moved, the later ones of the key stay behind it.
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
        if write.state not in MOVABLE:
            raise S3Error(
                "OperationAborted", f"It is in the state {write.state} with its own remote."
            )
        state, error = write.state, write.error
        is_unresolved = error is not None and error.code == MOVING
        mark = PushError(MOVING, "its move to another remote was interrupted", at=time.time())
        await self._journal.park(write.seq, mark)
        failpoint.hit("move.begun")
        try:
            if not (is_unresolved and await self._has_landed(write, row.stored)):
                await self._send(write, row)
        except S3Error as failure:
            if not is_unresolved and not is_unknown(failure):
                await self._put_back(write, state, error)
            raise
        failpoint.hit("move.sent")
        await self._journal.discard(write.seq)

    async def _put_back(
        self, write: PendingWrite, state: PendingState, error: PushError | None
    ) -> None:
        """Nothing was sent: the write is again what it was."""
        if state is PendingState.FAILED and error is not None:
            await self._journal.park(write.seq, error)
            return
        await self._journal.retry_these([write])
        if state is PendingState.HELD:
            await self._journal.hold(write.seq)

    async def _send(self, write: PendingWrite, row: StagedWrite) -> None:
        """Raises S3Error, also when the target may have something newer."""
        place, target = (write.bucket, write.key), self._target
        etag = ABSENT if row.stored is None else row.stored.record.etag
        todo = plan(write.kind, *place, row.stored)
        if write.kind is Kind.TAGS:
            await self._check_same_object(place, etag)
            await self._carry_out(todo)
        elif target.journal is not None and not target.is_too_large(write.size):
            with target.journal.moving_in(place, Moving(etag, row.base.written)):
                self._sent[place] = await self._carry_out(todo) or etag
        else:
            expected = await self._replaceable(write, row.base.written)
            self._sent[place] = await self._carry_out_if(todo, expected) or etag

    async def _carry_out_if(self, todo: Plan, expected: str) -> str:
        try:
            return await self._carry_out(conditional(todo, expected))
        except S3Error as error:
            if error.status != 501:
                raise
        return await self._carry_out(todo)  # a remote that knows no conditions

    async def _replaceable(self, write: PendingWrite, accepted: float) -> str:
        """The state of the remote, which the write may replace. Raises S3Error when it may not."""
        place = write.bucket, write.key
        head = await self._head(place)
        remote = state_of(head)
        ours = [self._sent[place]] if place in self._sent else []
        deletes, offset = write.kind is Kind.DELETE, self._target.clock_offset()
        action = decide(Base(accepted), remote, ours, deletes=deletes, offset=offset)
        if action is Action.CONFLICT:
            raise S3Error("OperationAborted", "The remote has a version that is not older.")
        return remote.etag

    async def _check_same_object(self, place: tuple[str, str], etag: str) -> None:
        """Raises S3Error when tags would go to another object than they were set for."""
        there = str((await self._head(place)).get("ETag", ABSENT))
        if not there or not any(
            same_etag(there, each) for each in (etag, self._sent.get(place, ABSENT))
        ):
            raise S3Error("OperationAborted", "The tags are of another object than is there.")

    async def _head(self, place: tuple[str, str]) -> Members:
        """Empty for a key that is not there."""
        members: Members = {"Bucket": place[0], "Key": place[1]}
        try:
            return await S3Client(self._means.inner).output("HeadObject", members)
        except S3Error as error:
            if error.status != 404:
                raise
        return {}

    async def _carry_out(self, todo: Plan) -> str:
        """The ETag of the answer; "" for none."""
        means = self._means
        if isinstance(todo, Multipart):
            return await self._send_parts(todo)
        if isinstance(todo, SimpleCall):
            answer = await S3Client(means.inner).output(todo.operation, todo.members)
        else:
            source = staged(means.body_of, todo.layout)
            body = await ready(source, todo.md5, means.throttle, _ignore)
            answer = await S3Client(means.inner).output("PutObject", todo.members, body)
        return str(answer.get("ETag", ""))

    async def _send_parts(self, todo: Multipart) -> str:
        """Begun anew, whatever has gone to the first remote, and aborted when it fails."""
        begun: set[str] = set()

        async def note(upload: RemoteUpload | None) -> None:
            if upload is not None and upload.upload_id:
                begun.add(upload.upload_id)

        try:
            answer = await Parts(self._means, todo, note, _ignore).push(None)
        except BaseException:
            place = {name: todo.create[name] for name in ("Bucket", "Key")}
            for upload_id in begun:
                with suppress(S3Error):
                    await abort(self._means.inner, place | {"UploadId": upload_id})
            raise
        return str(answer.get("ETag", ""))

    async def _has_landed(self, write: PendingWrite, stored: Stored | None) -> bool:
        """Raises S3Error when the target has something else, which may be newer."""
        if write.kind is Kind.TAGS:
            return False
        try:
            place = {"Bucket": write.bucket, "Key": write.key}
            head = await S3Client(self._means.inner).output("HeadObject", place)
        except S3Error as error:
            if error.status == 404:
                return stored is None
            raise
        if stored is not None and is_ours(stored, head):
            return True
        raise S3Error(
            "OperationAborted",
            "A crash interrupted its move, and the key has other content now: "
            "export the write or discard it.",
        )


def _ignore(size: int) -> None:
    pass
