"""One pending write carried out: planned, sent, and held against what the remote then has."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from s3d.agent.core import failpoint
from s3d.agent.core.failures import FailureClass, classify
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members
from s3d.agent.storage.records import Stored
from s3d.agent.stores.write_queue.journal import Journal
from s3d.agent.stores.write_queue.multipart_push import Means, Parts, abort
from s3d.agent.stores.write_queue.pending import Kind, PendingWrite
from s3d.agent.stores.write_queue.push_plan import Ask, Put, plan
from s3d.agent.stores.write_queue.remote_calls import ask, staged
from s3d.agent.stores.write_queue.staged_body import ready
from s3d.agent.stores.write_queue.verify_push import Proof, is_ours, judge, prove, same_etag


class Pushed(NamedTuple):
    """What the remote calls the object now, and what we called it; "" where there is none."""

    etag: str = ""
    told: str = ""

    @property
    def alias(self) -> str:
        """Our name for it, if the remote has another."""
        return self.told if self.told and not same_etag(self.etag, self.told) else ""


class HeldBack(Exception):
    """The filter says that it is not to be pushed; the text says why."""


Moved = Callable[[int], None]
"""Told how many more bytes are on their way."""


class Push:
    """Carries out one write after the other, or many at a time."""

    def __init__(self, means: Means, journal: Journal) -> None:
        self._means = means
        self._journal = journal

    async def carry_out(self, write: PendingWrite, moved: Moved, *, in_doubt: bool) -> Pushed:
        """What is at the remote now.

        in_doubt: an earlier push may have succeeded unheard. Raises S3Error; HeldBack; Rotten for
        staged bytes that must not be pushed; BadDigest when the remote has other bytes than we
        sent.
        """
        row = await self._journal.load(write)
        stored = row.stored if row is not None else None
        if row is None or (stored is None and write.kind is not Kind.DELETE):
            return Pushed()  # Discarded meanwhile.
        if stored is not None and write.kind is Kind.PUT:
            await self._let_pass(write, stored)
        told = "" if stored is None else stored.record.etag
        if in_doubt and (etag := await self._landed(write, stored)) is not None:
            return Pushed(etag, told)
        todo = plan(write.kind, write.bucket, write.key, stored)
        if isinstance(todo, Ask):
            await self._ask(todo)
            return Pushed()
        assert stored is not None
        if isinstance(todo, Put):
            answer = await self._put(todo, moved)
        else:
            save = partial(self._journal.progress, write.seq)
            answer = await Parts(self._means, todo, save, moved).push(row.upload)
        etag = await self._proven(write, stored, answer)
        if self._means.adopt is not None:
            await self._means.adopt(write.bucket, write.key, etag, stored)
        return Pushed(etag, told)

    async def abandon(self, write: PendingWrite) -> None:
        """Abort what a push has begun at the remote and will not finish. Raises S3Error."""
        row = await self._journal.load(write)
        if row is None or row.upload is None or not row.upload.upload_id:
            return
        named = {"Bucket": write.bucket, "Key": write.key, "UploadId": row.upload.upload_id}
        await abort(self._means.inner, named)
        await self._journal.progress(write.seq, None)

    async def _let_pass(self, write: PendingWrite, stored: Stored) -> None:
        rules = self._means.rules
        why = "" if rules is None else await rules(write.bucket, write.key, stored)
        if why:
            raise HeldBack(why)

    async def _ask(self, todo: Ask) -> None:
        failpoint.hit("queue.before_send")
        try:
            await ask(self._means.inner, todo.operation, todo.members)
        except S3Error as error:
            if todo.operation != "DeleteObject" or error.code != "NoSuchKey":
                raise
        failpoint.hit("queue.after_send")

    async def _put(self, todo: Put, moved: Moved) -> Members:
        means = self._means
        body = await ready(staged(means.body_of, todo.layout), todo.md5, means.throttle, moved)
        failpoint.hit("queue.before_send")
        answer = await ask(means.inner, "PutObject", todo.members, body)
        failpoint.hit("queue.after_send")
        return answer

    async def _proven(self, write: PendingWrite, stored: Stored, answer: Members) -> str:
        proof, etag = judge(stored.record, answer), str(answer.get("ETag", ""))
        same = proof is Proof.SAME
        if proof is Proof.OPEN:
            place = {"Bucket": write.bucket, "Key": write.key}
            same, etag = await prove(self._means.inner, self._means.body_of, place, stored)
        if not same:
            raise S3Error("BadDigest", "the remote has other bytes than were sent to it")
        return etag or stored.record.etag

    async def _landed(self, write: PendingWrite, stored: Stored | None) -> str | None:
        """The ETag at the remote when a push of this write has been there; else None."""
        if write.kind is Kind.TAGS:
            return None
        try:
            place = {"Bucket": write.bucket, "Key": write.key}
            head = await ask(self._means.inner, "HeadObject", place)
        except S3Error as error:
            if classify(error) in (FailureClass.TRANSIENT, FailureClass.CLOCK, FailureClass.AUTH):
                raise
            return "" if stored is None and error.status == 404 else None
        if stored is None or not is_ours(stored, head):
            return None
        return str(head["ETag"])
