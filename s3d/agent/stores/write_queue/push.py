"""One pending write carried out: planned, sent on the condition that the remote is as the write
expects it, and held against what the remote then has.

1. A write starts from its base: what the remote showed when the write was accepted, or what its
   predecessor left. An unknown base is guessed (If-None-Match) or looked at (conflict_decision.py).
2. A condition that fails, or a push that may have landed unheard, is looked at by one HEAD.
3. What HEAD shows is ours, older, or a conflict; an older object becomes the new condition.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from s3d.agent.core import failpoint
from s3d.agent.core.client import S3Client
from s3d.agent.core.failures import FailureClass, classify
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members
from s3d.agent.storage.records import Stored
from s3d.agent.stores.write_queue.conflict_decision import (
    SMALL,
    Resolution,
    decide,
    resolve,
    same_state,
    start_of,
    state_of,
)
from s3d.agent.stores.write_queue.journal import Journal
from s3d.agent.stores.write_queue.multipart_push import Means, Parts, abort
from s3d.agent.stores.write_queue.pending import (
    ABSENT,
    Base,
    Kind,
    PendingWrite,
    RemoteUpload,
)
from s3d.agent.stores.write_queue.push_plan import (
    Multipart,
    Plan,
    Put,
    SimpleCall,
    conditional,
    plan,
)
from s3d.agent.stores.write_queue.remote_calls import staged
from s3d.agent.stores.write_queue.retry_policy import is_unknown
from s3d.agent.stores.write_queue.staged_body import ready
from s3d.agent.stores.write_queue.verify_push import (
    IntegrityCheck,
    is_ours,
    judge,
    prove,
    same_etag,
)

_NO_ANSWER = (FailureClass.TRANSIENT, FailureClass.CLOCK, FailureClass.AUTH)
"""Failures that say nothing of the object."""

ATTEMPTS = 4
"""Times that one push looks and tries again while the remote changes under it; then it waits."""
DISTRUST = 3600.0
"""Seconds for which a bucket gets no conditions after it refused a right one, and no looks after
HEAD was forbidden."""


class Pushed(NamedTuple):
    """What the remote calls the object now, and what we called it; "" where there is none."""

    etag: str = ""
    told: str = ""
    state: str | None = None
    """What the key is at the remote now: an ETag or ABSENT; None: it is not known."""
    late_until: float = 0.0
    """Until when an older push of ours may replace it, Unix seconds; 0: none may."""
    was_there: bool = False
    """An earlier push had landed: an upload that was begun since is of no use."""

    @property
    def alias(self) -> str:
        """Our name for it, if the remote has another."""
        return self.told if self.told and not same_etag(self.etag, self.told) else ""


class HeldBack(Exception):
    """The filter says that it is not to be pushed; the text says why."""


class Overtaken(Exception):
    """The remote has a newer version.

    remote_etag: ABSENT for a key that was deleted there. is_dropped: the policy lets it win.
    """

    def __init__(self, remote_etag: str, *, is_dropped: bool) -> None:
        self.remote_etag = remote_etag
        self.is_dropped = is_dropped
        super().__init__(remote_etag)


class _Landed(Exception):
    """The remote is as the write would leave it already."""

    def __init__(self, etag: str) -> None:
        self.etag = etag


Moved = Callable[[int], None]
"""Told how many more bytes are on their way."""


class _Job(NamedTuple):
    """What is known of the write that is pushed."""

    write: PendingWrite
    stored: Stored | None
    base: Base
    may_be_there: bool
    """An earlier push of this key may have succeeded unheard."""
    is_judged: bool
    """The remote judges the condition of this push."""

    @property
    def place(self) -> Members:
        return {"Bucket": self.write.bucket, "Key": self.write.key}

    @property
    def etag(self) -> str:
        """What its client was told; ABSENT for a delete."""
        return ABSENT if self.stored is None else self.stored.record.etag


class Push:
    """Carries out one write after the other, or many at a time."""

    def __init__(self, means: Means, journal: Journal) -> None:
        self._means = means
        self._journal = journal
        self._unjudged: dict[str, float] = {}
        """Bucket -> until when its judgement is not trusted, seconds of the steady clock."""
        self._unseen: dict[str, float] = {}
        """The same of buckets whose objects we may not look at."""

    async def carry_out(self, write: PendingWrite, moved: Moved, *, is_unresolved: bool) -> Pushed:
        """What is at the remote now.

        is_unresolved: the outcome of an earlier push is unknown. Raises S3Error; HeldBack;
        Overtaken; StagedDataCorrupt; BadDigest when the remote has other bytes than were sent.
        """
        row = await self._journal.load(write)
        stored = row.stored if row is not None else None
        if row is None or (stored is None and write.kind is not Kind.DELETE):
            return Pushed()  # Discarded meanwhile.
        todo = plan(write.kind, write.bucket, write.key, stored)
        is_judged = await self._is_judged(write.bucket, todo)
        base = self._journal.base_of(write, row)
        job = _Job(write, stored, base, is_unresolved, is_judged)
        if job.base.landed is not None:
            verified = await self._verified(job, job.base.landed)
            if verified is not None:
                return verified
        if stored is not None and write.kind is Kind.PUT:
            await self._let_pass(write, stored)
        if write.kind is Kind.TAGS:
            await self._send(job, todo, None, moved)
            return Pushed(state=job.base.etag)
        try:
            expected = await self._start(job, todo)
            answer = await self._push(job, todo, expected, moved)
        except _Landed as landed:
            return self._result(job, landed.etag)._replace(was_there=True)
        if stored is None:
            return self._result(job, ABSENT)
        etag = await self._proven(write, stored, answer)
        if self._means.adopt is not None:
            await self._means.adopt(write.bucket, write.key, etag, stored)
        return self._result(job, etag)

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

    # On which condition

    async def _start(self, job: _Job, todo: Plan) -> str | None:
        """The first condition. Raises _Landed, Overtaken."""
        write, base = job.write, job.base
        if job.may_be_there:
            return await self._look(job, is_ours_likely=True)
        hint = self._journal.states.hint(write.bucket, write.key, base.written)
        small = not isinstance(todo, Multipart) and write.size <= SMALL
        start = start_of(write.kind, base.etag, hint, is_judged=job.is_judged, is_small=small)
        return await self._look(job) if start.look else start.expected

    async def _push(self, job: _Job, todo: Plan, expected: str | None, moved: Moved) -> Members:
        """The answer. Raises S3Error, _Landed, Overtaken."""
        for _ in range(ATTEMPTS):
            condition = expected if job.is_judged else None
            try:
                return await self._send(job, todo, condition, moved)
            except S3Error as error:
                if condition is None or not _is_about_condition(error, todo, condition):
                    raise
                failure = error
            refused, expected = expected, await self._look(job, is_ours_likely=True)
            is_unchanged = expected is not None and same_state(refused or ABSENT, expected)
            if failure.status == 409:
                continue
            if is_unchanged or classify(failure) is FailureClass.DENIED or failure.status == 501:
                # If-Match needs the permission to read; and some judge wrongly.
                job = job._replace(is_judged=False)
                answer = await self._send(job, todo, None, moved)
                self._unjudged[job.write.bucket] = self._means.clock.steady() + DISTRUST
                return answer
        raise S3Error("OperationAborted", "the remote changes too often") from failure

    async def _look(self, job: _Job, *, is_ours_likely: bool = False) -> str | None:
        """The state of the remote that may be replaced; None: it cannot be looked at.

        is_ours_likely: it may be what this write has left. Raises _Landed, Overtaken.
        """
        bucket, key, steady = job.write.bucket, job.write.key, self._means.clock.steady()
        if self._unseen.get(bucket, 0.0) > steady:
            return None
        passed = self._journal.states.written(bucket, key, job.base.written)
        try:
            head: Members = await S3Client(self._means.inner).output("HeadObject", job.place)
        except S3Error as error:
            if classify(error) in _NO_ANSWER:
                raise
            if error.status != 404:
                self._unseen[bucket] = steady + DISTRUST
                return None
            head = {}
        remote = state_of(head)
        self._journal.states.note(bucket, key, remote.etag)
        if job.stored is not None and is_ours_likely and is_ours(job.stored, head):
            raise _Landed(remote.etag)
        action = decide(
            job.base,
            remote,
            self._own_states(job),
            deletes=job.write.kind is Kind.DELETE,
            offset=self._means.clock_offset(),
            passed=passed,
        )
        resolution = resolve(action, self._means.policy(bucket, key))
        if resolution in (Resolution.PARK, Resolution.YIELD):
            if await self._has_our_bytes(job, head):
                return remote.etag
            raise Overtaken(remote.etag, is_dropped=resolution is Resolution.YIELD)
        if resolution is Resolution.DONE and not self._leaves_marker(job, is_ours_likely):
            raise _Landed(ABSENT)
        self._journal.saw(job.write, remote.etag)
        self._journal.rebase(job.write, remote.etag)
        return remote.etag

    def _own_states(self, job: _Job) -> list[str]:
        own = list(self._journal.own_states(job.write))
        return [*own, job.etag] if job.may_be_there and job.etag else own

    async def _has_our_bytes(self, job: _Job, head: Members) -> bool:
        """Whether a push of this write has landed at a remote that gives ETags of its own; raises
        _Landed when nothing is left to be done."""
        if job.stored is None or head.get("ContentLength") != job.stored.record.size:
            return False
        same, etag = await prove(self._means.inner, self._means.body_of, job.place, job.stored)
        if same and is_ours(job.stored, head, same_bytes=True):
            raise _Landed(etag)
        return same

    def _leaves_marker(self, job: _Job, is_ours_likely: bool) -> bool:
        """Whether the deletion of an absent key is sent: it makes a delete marker in a bucket that
        keeps versions, once."""
        return not is_ours_likely and job.write.bucket not in self._journal.unversioned

    async def _is_judged(self, bucket: str, todo: Plan) -> bool:
        means = self._means
        if self._unjudged.get(bucket, 0.0) > means.clock.steady():
            return False
        judged = means.judged(bucket)
        if judged is None and means.learn is not None:
            await means.learn(bucket)
            judged = means.judged(bucket)
        if judged is None:
            return False
        if isinstance(todo, SimpleCall):
            return judged.delete
        return judged.put if isinstance(todo, Put) else judged.complete

    # Sending

    async def _send(self, job: _Job, todo: Plan, condition: str | None, moved: Moved) -> Members:
        """The answer. A push whose answer is lost is noted together with its condition."""
        plain, todo = todo, conditional(todo, condition)
        place, states = (job.write.bucket, job.write.key), self._journal.states
        before = states.of(*place)
        try:
            if isinstance(todo, SimpleCall):
                return await self._ask(todo)
            if isinstance(todo, Put):
                return await self._put(todo, moved)
            save = partial(self._journal.progress, job.write.seq)
            upload = await self._begun(job.write)
            return await Parts(self._means, todo, save, moved).push(upload)
        except S3Error as error:
            if is_unknown(error) and job.write.kind is not Kind.TAGS:
                expected = None if todo is plain else condition
                self._journal.suspect(job.write, expected, job.etag)
                states.undo_unknown(*place, before)
            raise

    async def _begun(self, write: PendingWrite) -> RemoteUpload | None:
        row = await self._journal.load(write)
        return None if row is None else row.upload

    async def _ask(self, todo: SimpleCall) -> Members:
        failpoint.hit("queue.before_send")
        try:
            answer = await S3Client(self._means.inner).output(todo.operation, todo.members)
        except S3Error as error:
            if todo.operation != "DeleteObject" or error.code != "NoSuchKey":
                raise
            answer = {}
        failpoint.hit("queue.after_send")
        return answer

    async def _put(self, todo: Put, moved: Moved) -> Members:
        means = self._means
        body = await ready(staged(means.body_of, todo.layout), todo.md5, means.throttle, moved)
        failpoint.hit("queue.before_send")
        answer = await S3Client(means.inner).output("PutObject", todo.members, body)
        failpoint.hit("queue.after_send")
        return answer

    async def _proven(self, write: PendingWrite, stored: Stored, answer: Members) -> str:
        proof, etag = judge(stored.record, answer), str(answer.get("ETag", ""))
        same = proof is IntegrityCheck.SAME
        if proof is IntegrityCheck.OPEN:
            place = {"Bucket": write.bucket, "Key": write.key}
            same, etag = await prove(self._means.inner, self._means.body_of, place, stored)
        if not same:
            raise S3Error("BadDigest", "the remote has other bytes than were sent to it")
        return etag or stored.record.etag

    # What is there now

    def _result(self, job: _Job, etag: str) -> Pushed:
        now = self._means.clock.now()
        self._journal.states.note(job.write.bucket, job.write.key, etag, now)
        return self._landed(job, etag, now)

    def _landed(self, job: _Job, etag: str, now: float) -> Pushed:
        late = self._journal.late_until(job.write, job.etag, etag, is_judged=job.is_judged)
        return Pushed(etag, job.etag, etag, late if late > now else 0.0)

    async def _verified(self, job: _Job, landed: str) -> Pushed | None:
        """Of a write that has landed; None: an older push of ours has replaced it since."""
        result = self._landed(job, landed, self._means.clock.now())
        if result.late_until or self._journal.has_successor(job.write):
            return result
        try:
            head: Members = await S3Client(self._means.inner).output("HeadObject", job.place)
        except S3Error as error:
            if classify(error) in _NO_ANSWER:
                raise
            if error.status != 404:
                return result
            head = {}
        remote = state_of(head)
        own = self._journal.own_states(job.write)
        replaced = not same_state(remote.etag, landed) and any(
            same_state(remote.etag, each) for each in own
        )
        if not replaced:
            return result
        await self._journal.forget_landing(job.write.seq)
        return None


def _is_about_condition(error: S3Error, todo: Plan, condition: str) -> bool:
    """Whether a conditional push may do better after a look.

    If-Match on a key without an object is 404 at AWS and 412 elsewhere, and it needs the permission
    to read, which If-None-Match does not. A completion that met with a conflicting write (409) has
    lost its upload: it begins again.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    """
    if error.status == 404:
        return error.code == "NoSuchKey"
    if error.status == 409:
        is_race = error.code in ("ConditionalRequestConflict", "OperationAborted")
        return is_race and not isinstance(todo, Multipart)
    is_denied = classify(error) is FailureClass.DENIED and condition != ABSENT
    return error.status in (412, 501) or is_denied
