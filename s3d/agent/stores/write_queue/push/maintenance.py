"""Background work of the queue: missing buckets, orphaned uploads, held writes, wake-ups."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from s3d.agent.core.client import S3Client
from s3d.agent.core.clock import Clock, Jumps
from s3d.agent.s3.errors import S3Error
from s3d.agent.selection.use_policy import UsePolicy
from s3d.agent.stores.write_queue.journal.journal import Journal
from s3d.agent.stores.write_queue.journal.pending_write import PendingState, PendingWrite, PushError
from s3d.agent.stores.write_queue.push.orphaned_uploads import OrphanedUploads
from s3d.agent.stores.write_queue.push.remote_gate import probe
from s3d.agent.stores.write_queue.push.retry_policy import FailureAction, action_for
from s3d.shared.logs import log_fields

logger = logging.getLogger(__name__)

INTERVAL = 15.0
"""Seconds between two rounds, while there is anything to do."""
MISSING = "NoSuchBucket"

_INCONCLUSIVE = (FailureAction.RETRY, FailureAction.PAUSE, FailureAction.INTERCEPTED)
"""Outcomes of a probe that do not show whether the bucket exists."""


class QueueMaintenance:
    """run() runs beside the pushes. Belongs to the loop."""

    def __init__(
        self,
        journal: Journal,
        remote: S3Client,
        clock: Clock,
        *,
        on_wakeup: Callable[[], Awaitable[None]],
    ) -> None:
        """on_wakeup: called when the machine has slept."""
        self.missing_buckets: dict[str, PushError] = {}
        """Bucket -> the error of its parked writes. No other write of the bucket is pushed."""
        self._journal = journal
        self._remote = remote
        self._clock = clock
        self._on_wakeup = on_wakeup
        self._orphans = OrphanedUploads(journal.uploads, remote, clock)
        self._jumps = Jumps(clock)
        self._existing: set[str] = set()
        """Buckets that were missing, and that a push has reached since."""
        self._work = asyncio.Event()
        self._work.set()

    def note_parked(self, write: PendingWrite, error: PushError) -> None:
        """A write was parked with this error."""
        if error.code == MISSING:
            self.missing_buckets[write.bucket] = error
        self._work.set()

    def wake(self) -> None:
        """A push may have left an upload behind."""
        self._work.set()

    def note_bucket_exists(self, bucket: str) -> None:
        """A push has succeeded in a bucket that was missing."""
        if self.missing_buckets.pop(bucket, None) is not None:
            self._existing.add(bucket)

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._work.wait()
            if not await self.round():
                self._work.clear()
            await self._clock.sleep(INTERVAL)
            if self._jumps.jumped():
                logger.info(
                    "the clock has jumped: retrying the remote, since the network may have changed"
                )
                await self._on_wakeup()

    async def round(self) -> bool:
        """Do what there is to do now; returns whether another round will be needed."""
        while self._existing:
            await self._retry_parked(self._existing.pop())
        for bucket in list(self.missing_buckets):
            await self._check_bucket(bucket)
        left = await self._orphans.abort_all()
        return left or bool(self.missing_buckets) or len(self._journal.pending) > 0

    async def _check_bucket(self, bucket: str) -> None:
        parked = self._parked(bucket)
        if parked:
            error = await probe(self._remote, bucket, parked[0].key)
            if error is not None and (error.code == MISSING or action_for(error) in _INCONCLUSIVE):
                return
        self.missing_buckets.pop(bucket, None)
        await self._retry_parked(bucket)

    async def _retry_parked(self, bucket: str) -> None:
        """The bucket exists: retry the writes that were parked because it was missing."""
        parked = self._parked(bucket)
        if parked:
            fields = log_fields(bucket=bucket)
            logger.info("a missing bucket has been created writes=%d", len(parked), extra=fields)
        await self._journal.control.retry_writes(parked)

    def _parked(self, bucket: str) -> list[PendingWrite]:
        return [
            write
            for write in self._journal.pending.writes(bucket)
            if write.state is PendingState.FAILED
            and write.error is not None
            and write.error.code == MISSING
        ]


async def reevaluate_periodically(
    journal: Journal, clock: Clock, interval: float, rules: UsePolicy
) -> None:
    """Evaluate the filter again for the writes that it holds, every interval (seconds), for ever.

    Tags of buckets and policies change without notice. A write that stays held for the same reason
    is left alone: no row is written and no event is emitted.
    """
    while True:
        await clock.sleep(interval)
        if rules.policy is not None:
            await rules.policy.refresh()
        await reevaluate(journal, rules)


async def reevaluate(journal: Journal, rules: UsePolicy) -> None:
    """Evaluate the filter again for the writes that it holds."""
    await journal.control.retry_writes(await _changed_verdicts(journal, rules))


async def _changed_verdicts(journal: Journal, rules: UsePolicy) -> list[PendingWrite]:
    """Held writes that may be pushed now, or are held for another reason."""
    changed = []
    held = journal.pending.in_state(PendingState.HELD)
    for write in [write for write in held if write.is_filtered]:
        row = await journal.load(write)
        if row is None or row.stored is None:  # it is gone meanwhile
            continue
        try:
            reason = await rules.exclusion_of_record(write.bucket, write.key, row.stored)
        except S3Error:  # the remote cannot be reached, for the other writes neither
            break
        if write.error is None or reason != write.error.message:
            changed.append(write)
    return [write for write in changed if write.is_filtered]
