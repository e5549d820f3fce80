"""What happens to a write after its push: acknowledged, retried, parked, held. See retry_policy."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from itertools import count

from s3d.agent.core.client import S3Client
from s3d.agent.core.clock import Clock
from s3d.agent.core.context import background_context
from s3d.agent.core.log_limit import LimitedLogger
from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.write_queue.journal.journal import Journal
from s3d.agent.stores.write_queue.journal.pending_write import Kind, PendingWrite, PushError
from s3d.agent.stores.write_queue.journal.push_stops import PushStopped, Stop
from s3d.agent.stores.write_queue.journal.queue_metrics import CONFLICT, CORRUPT
from s3d.agent.stores.write_queue.push.maintenance import QueueMaintenance
from s3d.agent.stores.write_queue.push.orphaned_uploads import abort
from s3d.agent.stores.write_queue.push.push_attempt import Overtaken, Pushed
from s3d.agent.stores.write_queue.push.push_plan import Resolution
from s3d.agent.stores.write_queue.push.remote_gate import RemoteGate
from s3d.agent.stores.write_queue.push.retry_policy import (
    MAX_INTEGRITY_FAILURES,
    MAX_INTERCEPTIONS,
    PARKED_RETRY_DELAYS,
    FailureAction,
    action_for,
    back_off,
    push_error,
    refusal_of,
)
from s3d.agent.stores.write_queue.push.verify_push import StagedDataCorrupt
from s3d.shared.logs import subject_fields

logger = LimitedLogger(logging.getLogger(__name__))

INTEGRITY = "integrity"
"""An error code of s3d's own: the remote has other bytes. CORRUPT: the staged bytes are lost."""


class PushResultHandler:
    """Records outcomes in the journal, and counts per write the failures that have a limit."""

    def __init__(
        self,
        journal: Journal,
        remote: ObjectStore,
        gate: RemoteGate,
        maintenance: QueueMaintenance,
        clock: Clock,
        *,
        conflict_key: Callable[[str], str],
    ) -> None:
        """conflict_key: of the conflict copy of a key, a new one with each call."""
        self._journal = journal
        self._remote = remote
        self._gate = gate
        self._maintenance = maintenance
        self._clock = clock
        self._conflict_key = conflict_key
        self._integrity_failures: Counter[int] = Counter()
        """By seq, attempts after which the remote had other bytes."""
        self._denied: Counter[int] = Counter()
        self._intercepted: Counter[int] = Counter()
        """By seq, attempts that another server answered."""

    async def succeeded(self, write: PendingWrite, pushed: Pushed) -> None:
        """The remote has the write."""
        self._gate.record_success()
        if write.bucket in self._maintenance.missing_buckets:
            self._maintenance.note_bucket_exists(write.bucket)
        self._forget(write)
        outcomes = self._journal.outcomes
        if pushed.replaceable_until and pushed.state is not None:
            until, state = pushed.replaceable_until, pushed.state
            await self._retry_until_saved(partial(outcomes.verify_later, write.seq, state, until))
            return
        await self._retry_until_saved(
            partial(
                outcomes.acknowledge,
                write.seq,
                pushed.etag,
                client_etag=pushed.client_etag,
                state=pushed.state,
                was_there=pushed.was_there,
            )
        )
        if pushed.was_there:
            self._maintenance.wake()  # to abort its upload

    async def overtaken(self, write: PendingWrite, conflict: Overtaken) -> None:
        """The remote has a newer version."""
        self._journal.metrics.failed(CONFLICT)
        self._gate.record_success()
        self._forget(write)
        await self._abandon(write)
        conflicts = self._journal.conflicts
        is_dropped = conflict.resolution is Resolution.DROP
        act = conflicts.drop if is_dropped else conflicts.park
        logger.warning(
            "the remote has a newer version: etag=%s dropped=%s seq=%d",
            conflict.remote_etag or "none", is_dropped, write.seq, extra=subject_fields(write),
        )  # fmt: skip
        if conflict.resolution is Resolution.KEEP_BOTH or write.kind is Kind.COPY:
            key = self._conflict_key(write.key)
            await self._retry_until_saved(partial(conflicts.keep_both, write, key))
            return
        await self._retry_until_saved(partial(act, write, conflict.remote_etag))

    async def corrupt(self, write: PendingWrite, error: StagedDataCorrupt) -> None:
        """The staged bytes cannot be pushed."""
        self._journal.metrics.failed(CORRUPT)
        logger.error(
            "staged bytes are corrupt: %s seq=%d",
            error.message, write.seq, extra=subject_fields(write),
        )  # fmt: skip
        await self._park(write, push_error(error, self._clock.now(), CORRUPT))

    async def held(self, write: PendingWrite, reason: str) -> None:
        """The filter holds the write."""
        self._forget(write)
        await self._retry_until_saved(partial(self._journal.outcomes.exclude, write.seq, reason))

    async def stopped(self, write: PendingWrite, stopped: PushStopped) -> None:
        """The user has paused or discarded the write, or paused the queue, while it was pushed."""
        failure, stop = stopped.__cause__, stopped.stop
        self._gate.record_outcome(failure if isinstance(failure, S3Error) else None)
        if stop is Stop.QUEUE:
            self._journal.outcomes.retry_later(write.seq, write.retry_at)
            return
        self._forget(write)
        await self._retry_until_saved(partial(self._journal.outcomes.hold, write.seq))
        if stop is Stop.DISCARD:
            await self._abandon(write)
            await self._journal.control.discard(write.seq)

    async def park_untried(self, write: PendingWrite, error: PushError) -> None:
        """Park a write without a push."""
        await self._retry_until_saved(partial(self._journal.outcomes.park, write.seq, error))

    async def failed(self, write: PendingWrite, error: S3Error) -> None:
        """The push raised this error."""
        self._journal.metrics.failed_with(error)
        self._gate.record_outcome(error)
        self._maintenance.wake()
        action = action_for(error)
        logger.info(
            "a push failed: %s action=%s seq=%d",
            error, action, write.seq, extra=subject_fields(write),
        )  # fmt: skip
        await _HANDLERS[action](self, write, error)

    async def _retry(self, write: PendingWrite, error: S3Error) -> None:
        refusal = refusal_of(error)
        retry_after = None if refusal is None else refusal.retry_after
        wait = back_off(write.attempts, retry_after, self._clock.random())
        now = self._clock.now()
        self._journal.outcomes.retry_later(
            write.seq, now + wait, push_error(error, now, previous=write.error)
        )

    async def _retry_intercepted(self, write: PendingWrite, error: S3Error) -> None:
        self._intercepted[write.seq] += 1
        if self._intercepted[write.seq] < MAX_INTERCEPTIONS:
            await self._retry(write, error)
        else:
            await self._deny(write, error)

    async def _retry_integrity(self, write: PendingWrite, error: S3Error) -> None:
        self._integrity_failures[write.seq] += 1
        if self._integrity_failures[write.seq] >= MAX_INTEGRITY_FAILURES:
            await self._park(write, push_error(error, self._clock.now(), INTEGRITY))
        else:
            await self._restart(write, error)

    async def _restart(self, write: PendingWrite, error: S3Error) -> None:
        await self._abandon(write)
        await self._retry(write, error)

    async def _wait_for_credentials(self, write: PendingWrite, error: S3Error) -> None:
        now = self._clock.now()
        self._journal.outcomes.retry_later(
            write.seq, now, push_error(error, now, previous=write.error)
        )

    async def _deny(self, write: PendingWrite, error: S3Error) -> None:
        attempts = self._denied[write.seq]
        self._denied[write.seq] += 1
        now = self._clock.now()
        delays = PARKED_RETRY_DELAYS
        retry_at = now + delays[attempts] if attempts < len(delays) else 0.0
        await self._park(write, push_error(error, now, previous=write.error), retry_at)

    async def _refuse(self, write: PendingWrite, error: S3Error) -> None:
        await self._park(write, push_error(error, self._clock.now(), previous=write.error))

    async def _park(self, write: PendingWrite, error: PushError, retry_at: float = 0.0) -> None:
        await self._abandon(write)
        self._maintenance.note_parked(write, error)
        await self._retry_until_saved(
            partial(self._journal.outcomes.park, write.seq, error, retry_at)
        )
        if not retry_at:
            self._forget(write)

    async def _abandon(self, write: PendingWrite) -> None:
        """Abort its multipart upload, if the remote can be asked."""
        try:
            row = await self._journal.load(write)
            if row is not None and row.upload is not None and row.upload.upload_id:
                remote = S3Client(self._remote, background_context(row.origin.request_id))
                named = {"Bucket": write.bucket, "Key": write.key}
                await abort(remote, {**named, "UploadId": row.upload.upload_id})
                await self._journal.uploads.save(write.seq, None)
        except S3Error as error:
            logger.info("cannot abort a multipart upload yet: %s seq=%d", error, write.seq)

    def _forget(self, write: PendingWrite) -> None:
        self._integrity_failures.pop(write.seq, None)
        self._denied.pop(write.seq, None)
        self._intercepted.pop(write.seq, None)

    async def _retry_until_saved(self, save: Callable[[], Awaitable[None]]) -> None:
        """Record an outcome, retrying as long as the disk is full."""
        for attempt in count():
            try:
                return await save()
            except S3Error as error:
                logger.warning("cannot write the journal: %s", error)
                await self._clock.sleep(back_off(attempt, 1.0, self._clock.random()))


_HANDLERS: Mapping[
    FailureAction, Callable[[PushResultHandler, PendingWrite, S3Error], Awaitable[None]]
] = {
    FailureAction.RETRY: PushResultHandler._retry,
    FailureAction.INTERCEPTED: PushResultHandler._retry_intercepted,
    FailureAction.INTEGRITY: PushResultHandler._retry_integrity,
    FailureAction.RESTART: PushResultHandler._restart,
    FailureAction.PAUSE: PushResultHandler._wait_for_credentials,
    FailureAction.DENY: PushResultHandler._deny,
    FailureAction.NO_BUCKET: PushResultHandler._refuse,
    FailureAction.PARK: PushResultHandler._refuse,
}
