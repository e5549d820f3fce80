"""The push of one pending write, from its row to the remote's verified answer.

PushExecutor.push is the whole flow. The condition of a push comes from the base of the write: what
the remote showed when the write was accepted, or what its predecessor left. An unknown base is
guessed (If-None-Match) or read by HeadObject. When a condition fails, or an earlier push is
unresolved, HeadObject shows whether the remote has our write, an older object, or a conflict.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

from s3d.agent.core import failpoint
from s3d.agent.core.client import S3Client
from s3d.agent.core.clock import Clock
from s3d.agent.core.failures import FailureClass, classify
from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import same_state
from s3d.agent.s3.messages import Members
from s3d.agent.storage.records import ELSEWHERE, Stored
from s3d.agent.stores.write_queue.journal.journal import Journal
from s3d.agent.stores.write_queue.journal.pending_write import (
    NO_OBJECT,
    Base,
    Kind,
    PendingWrite,
    StagedWrite,
)
from s3d.agent.stores.write_queue.push import push_plan
from s3d.agent.stores.write_queue.push.copy_description import described
from s3d.agent.stores.write_queue.push.multipart_push import MultipartPush, PushSplitter
from s3d.agent.stores.write_queue.push.push_attempt import (
    AdoptPushed,
    AlreadyThere,
    HeldByFilter,
    Overtaken,
    Pushed,
    PushFilter,
    PushSpans,
)
from s3d.agent.stores.write_queue.push.push_plan import (
    SMALL,
    Multipart,
    Plan,
    Put,
    Resolution,
    SimpleCall,
    conditional,
    is_about_condition,
    state_of,
)
from s3d.agent.stores.write_queue.push.remote_buckets import ConditionSupport, RemoteConditions
from s3d.agent.stores.write_queue.push.remote_gate import PushThrottle
from s3d.agent.stores.write_queue.push.retry_policy import has_unknown_outcome, is_about_object
from s3d.agent.stores.write_queue.push.verify_push import (
    BodyOf,
    OnSent,
    check_pushed,
    compare_content,
    copied_etag,
    count_small,
    is_our_write,
    open_staged,
    verified_payload,
)
from s3d.shared.config.values import ConflictPolicy

MAX_ATTEMPTS = 4
"""Attempts of one push while the remote keeps changing; then it waits."""


class _Job(NamedTuple):
    """What is known of the write that is being pushed."""

    write: PendingWrite
    remote: S3Client
    """All requests of this push have one request id, and name the client's as their parent."""
    etag: str
    """The ETag that the client was given; NO_OBJECT for a delete."""
    sent: Stored | None
    """The object as the remote will have it, see PushSplitter."""
    base: Base
    is_unresolved: bool
    """An earlier push of this key may have succeeded without an answer."""
    is_conditional: bool
    """The remote supports the condition of this push."""

    @property
    def place(self) -> Members:
        return {"Bucket": self.write.bucket, "Key": self.write.key}

    @property
    def sent_etag(self) -> str:
        """The ETag that the remote should give it; NO_OBJECT for a delete."""
        return NO_OBJECT if self.sent is None else self.sent.record.etag


class PushExecutor:
    """Pushes writes, many at once. Belongs to the loop."""

    def __init__(
        self,
        journal: Journal,
        *,
        remote: ObjectStore,
        body_of: BodyOf,
        throttle: PushThrottle,
        clock: Clock,
        condition_support: Callable[[str], ConditionSupport | None],
        adopt: AdoptPushed | None = None,
        push_filter: PushFilter | None = None,
        learn_conditions: Callable[[str], Awaitable[None]] | None = None,
        learn_key: Callable[[str, str], Awaitable[None]] | None = None,
        conflict_policy: Callable[[str, str], ConflictPolicy] = lambda *_: ConflictPolicy.PARK,
        clock_offset: Callable[[], float] = lambda: 0.0,
        spans: PushSpans | None = None,
    ) -> None:
        """adopt: receives what the remote has now. push_filter: None pushes everything.
        condition_support, learn_conditions, learn_key: see RemoteConditions. conflict_policy: of a
        bucket and a key. clock_offset: seconds that the remote's clock is ahead of ours. spans:
        None: none."""
        self._journal = journal
        self._remote = remote
        self._body_of = body_of
        self._splitter = PushSplitter(body_of)
        self._throttle = throttle
        self._clock = clock
        self._adopt = adopt
        self._push_filter = push_filter
        self._conditions = RemoteConditions(clock, condition_support, learn_conditions, learn_key)
        self._conflict_policy = conflict_policy
        self._clock_offset = clock_offset
        self._spans = spans or PushSpans()

    async def push(self, write: PendingWrite, on_sent: OnSent) -> Pushed:
        """Push one write, from its row to the verified answer.

        Raises S3Error; HeldByFilter; Overtaken; StagedDataCorrupt; PushStopped; BadDigest when the
        remote has other bytes than were sent.
        """
        is_unresolved = self._journal.outcomes.unresolved.is_unresolved(write)
        row = await self._journal.load(write)
        stored = None if row is None else row.stored
        if row is None or (stored is None and write.kind is not Kind.DELETE):
            return Pushed()  # it was discarded meanwhile
        with self._spans.push(write, row.origin) as context:
            remote = S3Client(self._remote, context)
            await self._conditions.learn_key(write.bucket, write.key)
            if row.source is not None:
                row = await described(remote, write.bucket, row)
            return await self._push(write, row, remote, on_sent, is_unresolved=is_unresolved)

    async def _push(
        self,
        write: PendingWrite,
        row: StagedWrite,
        remote: S3Client,
        on_sent: OnSent,
        *,
        is_unresolved: bool,
    ) -> Pushed:
        stored = sent = row.stored
        if stored is not None and push_plan.is_pushed_in_parts(write.kind, stored):
            sent = await self._splitter.split(write.seq, stored)
        todo = push_plan.plan(write.kind, write.bucket, write.key, sent, row.source)
        is_conditional = row.source is None and await self._conditions.are_supported(
            write.bucket, todo
        )
        if is_unresolved:
            self._journal.outcomes.unresolved.note_support(write, is_conditional=is_conditional)
        base = self._journal.outcomes.base_of(write, row)
        etag = NO_OBJECT if stored is None else stored.record.etag
        job = _Job(write, remote, etag, sent, base, is_unresolved, is_conditional)
        if base.pushed_etag is not None:
            verified = await self._verify_pushed(job, base.pushed_etag)
            if verified is not None:
                return verified
        if self._push_filter is not None and stored is not None and write.kind is Kind.PUT:
            reason = await self._push_filter(write.bucket, write.key, stored)
            if reason:
                raise HeldByFilter(reason)
        if write.kind is Kind.TAGS:
            await self._send(job, todo, None, on_sent)
            return Pushed(state=base.etag)
        try:
            expected = await self._first_condition(job, todo)
            answer = await self._send_on_condition(job, todo, expected, on_sent)
        except AlreadyThere as there:
            await self._arrived(job, there.etag)
            return self._result(job, there.etag)._replace(was_there=True)
        if sent is None:
            return self._result(job, NO_OBJECT)
        if row.source is not None:
            return self._result(job, copied_etag(sent.record, answer, await self._head(job)))
        etag = await check_pushed(remote, self._body_of, job.place, sent, answer)
        await self._arrived(job, etag)
        return self._result(job, etag)

    async def _arrived(self, job: _Job, etag: str) -> None:
        """The remote has the object; also an earlier push may have sent it."""
        if self._adopt is not None and job.sent is not None and job.write.kind is Kind.PUT:
            await self._adopt(job.write.bucket, job.write.key, etag, job.sent)

    async def _first_condition(self, job: _Job, todo: Plan) -> str | None:
        """The condition to begin with; None: no condition. Raises AlreadyThere, Overtaken."""
        write, base = job.write, job.base
        if job.is_unresolved:
            return await self._decide_by_head(job, is_ours_likely=True)
        hint = self._journal.remote_states.hint(write.bucket, write.key, base.accepted)
        is_small = not isinstance(todo, Multipart) and write.size <= SMALL
        first = push_plan.first_step(
            write.kind, base.etag, hint, is_conditional=job.is_conditional, is_small=is_small
        )
        return await self._decide_by_head(job) if first.look else first.expected

    async def _send_on_condition(
        self, job: _Job, todo: Plan, expected: str | None, on_sent: OnSent
    ) -> Members:
        """The answer. Raises S3Error, AlreadyThere, Overtaken."""
        for _ in range(MAX_ATTEMPTS):
            condition = expected if job.is_conditional else None
            try:
                return await self._send(job, todo, condition, on_sent)
            except S3Error as error:
                if condition is None or not is_about_condition(error, todo, condition):
                    raise
                failure = error
            rejected, expected = expected, await self._decide_by_head(job, is_ours_likely=True)
            is_unchanged = expected is not None and same_state(rejected or NO_OBJECT, expected)
            if failure.status == 409:
                continue
            if is_unchanged or classify(failure) is FailureClass.DENIED or failure.status == 501:
                # If-Match needs the permission to read, and some remotes evaluate it wrongly.
                job = job._replace(is_conditional=False)
                answer = await self._send(job, todo, None, on_sent)
                if not job.write.key.endswith("/"):  # some remotes have a folder of that name
                    self._conditions.distrust(job.write.bucket)
                return answer
        raise S3Error("OperationAborted", "the object at the remote keeps changing") from failure

    async def _decide_by_head(self, job: _Job, *, is_ours_likely: bool = False) -> str | None:
        """HeadObject: the state of the key, which may be replaced; None: it cannot be read.

        is_ours_likely: it may be what this write has left. Raises AlreadyThere, Overtaken.
        """
        write, states = job.write, self._journal.remote_states
        if self._conditions.is_head_denied(write.bucket):
            return None
        ours = self._our_states(job)
        head = await self._head(job)
        if head is None:
            self._conditions.note_head_denied(write.bucket)
            return None
        remote = state_of(head)
        direct_write_at = max(
            states.direct_write_at(write.bucket, write.key), job.base.direct_write_at
        )
        states.note_seen(write.bucket, write.key, remote.etag, states.now())
        if job.sent is not None and is_ours_likely and is_our_write(job.sent, head):
            raise AlreadyThere(remote.etag)
        comparison = push_plan.compare(
            job.base,
            remote,
            ours,
            is_delete=write.kind is Kind.DELETE,
            offset=self._clock_offset(),
            direct_write_at=direct_write_at,
        )
        policy = self._conflict_policy(write.bucket, write.key)
        resolution = push_plan.resolve(comparison, policy, is_strict=job.base.is_strict)
        if resolution not in (Resolution.PUSH, Resolution.DONE):
            if await self._has_our_bytes(job, head):
                return remote.etag
            raise Overtaken(remote.etag, resolution)
        if resolution is Resolution.DONE and not self._may_need_delete_marker(job, is_ours_likely):
            raise AlreadyThere(NO_OBJECT)
        self._journal.outcomes.note_remote_state(write, remote.etag)
        return remote.etag

    async def _head(self, job: _Job) -> Members | None:
        """The answer of HeadObject; empty for an absent key; None when it is denied."""
        try:
            return await job.remote.output("HeadObject", job.place)
        except S3Error as error:
            if not is_about_object(error):
                raise
            return {} if error.status == 404 else None

    def _our_states(self, job: _Job) -> list[str]:
        ours = list(self._journal.outcomes.unresolved.etags((job.write.bucket, job.write.key)))
        if not job.base.is_strict:  # which replaces no version but its base
            ours += self._journal.remote_states.left_by_us(job.write.bucket, job.write.key)
        return [*ours, job.sent_etag] if job.is_unresolved and job.sent_etag else ours

    async def _has_our_bytes(self, job: _Job, head: Members) -> bool:
        """Whether our bytes are there, with an ETag of the remote. Raises AlreadyThere."""
        if job.sent is None or head.get("ContentLength") != job.sent.record.size:
            return False
        if job.sent.layout == ELSEWHERE:  # of a copy
            return False
        same, etag = await compare_content(job.remote, self._body_of, job.place, job.sent)
        if same and is_our_write(job.sent, head, same_bytes=True):
            raise AlreadyThere(etag)
        return same

    def _may_need_delete_marker(self, job: _Job, is_ours_likely: bool) -> bool:
        """Whether to delete an absent key once, because its bucket may keep versions."""
        return not is_ours_likely and job.write.bucket not in self._journal.unversioned

    async def _send(self, job: _Job, todo: Plan, condition: str | None, on_sent: OnSent) -> Members:
        """The answer. A push whose answer is lost is recorded together with its condition."""
        place, states = (job.write.bucket, job.write.key), self._journal.remote_states
        before = states.of(*place)
        plain, todo = todo, conditional(todo, condition)
        try:
            if isinstance(todo, SimpleCall):
                return await _call(job.remote, todo)
            if isinstance(todo, Put):
                return await self._put(job.remote, todo, on_sent)
            return await self._push_parts(job, todo, on_sent)
        except S3Error as error:
            if has_unknown_outcome(error) and job.write.kind is not Kind.TAGS:
                expected = None if todo is plain else condition
                self._journal.outcomes.mark_unresolved(job.write, expected, job.sent_etag)
                states.undo_unknown(*place, before)
            raise

    async def _put(self, remote: S3Client, todo: Put, on_sent: OnSent) -> Members:
        staged = open_staged(self._body_of, todo.layout)
        body = await verified_payload(staged, todo.md5, throttle=self._throttle, on_sent=on_sent)
        failpoint.hit("queue.before_send")
        with count_small(body, on_sent):
            answer = await remote.output("PutObject", todo.members, body)
        failpoint.hit("queue.after_send")
        return answer

    async def _push_parts(self, job: _Job, todo: Multipart, on_sent: OnSent) -> Members:
        row = await self._journal.load(job.write)
        if row is None:  # nothing would remember the upload
            raise S3Error("OperationAborted", "the write is not pending any more")
        with self._journal.control.stops.running(job.write.seq) as stop:
            parts = MultipartPush(
                todo,
                remote=job.remote,
                body_of=self._body_of,
                throttle=self._throttle,
                clock=self._clock,
                save=partial(self._journal.uploads.save, job.write.seq),
                on_sent=on_sent,
                stop=stop,
            )
            return await parts.push(row.upload)

    def _result(self, job: _Job, etag: str) -> Pushed:
        now = self._clock.now()
        self._journal.remote_states.note(job.write.bucket, job.write.key, etag, now, is_ours=True)
        return self._pushed(job, etag, now)

    def _pushed(self, job: _Job, etag: str, now: float) -> Pushed:
        until = self._journal.outcomes.replaceable_until(
            job.write, job.etag, etag, is_conditional=job.is_conditional
        )
        return Pushed(etag, job.etag, etag, until if until > now else 0.0)

    async def _verify_pushed(self, job: _Job, pushed_etag: str) -> Pushed | None:
        """Check a write that the remote has had; None: an older push of ours has replaced it."""
        result = self._pushed(job, pushed_etag, self._clock.now())
        if result.replaceable_until or self._journal.outcomes.has_successor(job.write):
            return result
        if (head := await self._head(job)) is None:
            return result
        state = state_of(head).etag
        is_ours = same_state(state, pushed_etag) and is_our_write(job.sent, head)
        older = self._journal.outcomes.unresolved.etags((job.write.bucket, job.write.key))
        if is_ours or not any(same_state(state, each) for each in older):
            return result
        await self._journal.outcomes.push_again(job.write.seq)
        return None


async def _call(remote: S3Client, todo: SimpleCall) -> Members:
    failpoint.hit("queue.before_send")
    try:
        answer = await remote.output(todo.operation, todo.members)
    except S3Error as error:
        if todo.operation != "DeleteObject" or error.code != "NoSuchKey":
            raise
        answer = {}
    failpoint.hit("queue.after_send")
    return answer
