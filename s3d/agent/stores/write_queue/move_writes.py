"""Pending writes of one queue written to another store, in their order: `s3d queue move`.

A write leaves its queue only after the other store has accepted it. Before it is sent it is marked
(parked, with the code MOVING), so after a crash it is known which one may have been sent already:
that one is looked for in the other store first, and never written over something newer.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from heapq import merge
from typing import NamedTuple

from s3d.agent.core import failpoint
from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.storage.records import Stored
from s3d.agent.stores.write_queue.clock import Clock
from s3d.agent.stores.write_queue.journal import Journal
from s3d.agent.stores.write_queue.multipart_push import Means, Parts, abort
from s3d.agent.stores.write_queue.pending import (
    Kind,
    PendingState,
    PendingWrite,
    PushError,
    RemoteUpload,
)
from s3d.agent.stores.write_queue.push_plan import Ask, Multipart, Put, plan
from s3d.agent.stores.write_queue.remote_calls import BodyOf, ask, staged
from s3d.agent.stores.write_queue.retry_policy import is_unknown
from s3d.agent.stores.write_queue.staged_body import Throttle, ready
from s3d.agent.stores.write_queue.verify_push import is_ours
from s3d.shared.timetable import parse_timetable

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


class Mover:
    """Moves writes of one queue, which is not the one in use, to one target."""

    def __init__(self, queue: OpenQueue, target: ObjectStore) -> None:
        clock = Clock()
        self._journal = queue.journal
        self._means = Means(target, queue.body_of, Throttle(parse_timetable("off"), clock), clock)

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
        in_doubt = error is not None and error.code == MOVING
        mark = PushError(MOVING, "its move to another remote was interrupted", at=time.time())
        await self._journal.park(write.seq, mark)
        failpoint.hit("move.begun")
        try:
            if not (in_doubt and await self._has_landed(write, row.stored)):
                await self._send(write, row.stored)
        except S3Error as failure:
            if not in_doubt and not is_unknown(failure):
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

    async def _send(self, write: PendingWrite, stored: Stored | None) -> None:
        means, todo = self._means, plan(write.kind, write.bucket, write.key, stored)
        if isinstance(todo, Ask):
            await ask(means.inner, todo.operation, todo.members)
        elif isinstance(todo, Put):
            source = staged(means.body_of, todo.layout)
            body = await ready(source, todo.md5, means.throttle, _ignore)
            await ask(means.inner, "PutObject", todo.members, body)
        else:
            await self._send_parts(todo)

    async def _send_parts(self, todo: Multipart) -> None:
        """Begun anew, whatever has gone to the first remote, and aborted when it fails."""
        begun: set[str] = set()

        async def note(upload: RemoteUpload | None) -> None:
            if upload is not None and upload.upload_id:
                begun.add(upload.upload_id)

        try:
            await Parts(self._means, todo, note, _ignore).push(None)
        except BaseException:
            place = {name: todo.create[name] for name in ("Bucket", "Key")}
            for upload_id in begun:
                with suppress(S3Error):
                    await abort(self._means.inner, place | {"UploadId": upload_id})
            raise

    async def _has_landed(self, write: PendingWrite, stored: Stored | None) -> bool:
        """Raises S3Error when the target has something else, which may be newer."""
        if write.kind is Kind.TAGS:
            return False
        try:
            place = {"Bucket": write.bucket, "Key": write.key}
            head = await ask(self._means.inner, "HeadObject", place)
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
