"""What becomes of a write after a push: done, given back or parked. The rules: action.py."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from itertools import count

from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.write_queue.clock import Clock
from s3d.agent.stores.write_queue.journal import Journal
from s3d.agent.stores.write_queue.maintenance import QueueMaintenance
from s3d.agent.stores.write_queue.pending import PendingWrite, PushError
from s3d.agent.stores.write_queue.push import Overtaken, Push, Pushed
from s3d.agent.stores.write_queue.remote_gate import RemoteGate
from s3d.agent.stores.write_queue.retry_policy import (
    DENIED_RETRIES,
    INTEGRITY_FAILURES,
    INTERCEPTIONS,
    FailureAction,
    back_off,
    decide,
    refusal_of,
    told,
)
from s3d.agent.stores.write_queue.staged_body import StagedDataCorrupt

logger = logging.getLogger(__name__)

CORRUPT = "corrupt"
INTEGRITY = "integrity"
"""Words of ours that stand for the code of an error: our bytes are lost, theirs come out wrong."""


class PushResultHandler:
    """Tells the journal, and remembers of a write what the next push of it has to know."""

    def __init__(
        self,
        journal: Journal,
        push: Push,
        gate: RemoteGate,
        maintenance: QueueMaintenance,
        clock: Clock,
    ) -> None:
        self._journal = journal
        self._push = push
        self._gate = gate
        self._maintenance = maintenance
        self._clock = clock
        self._wrong: Counter[int] = Counter()
        """Times that the remote had other bytes, by seq."""
        self._denied: Counter[int] = Counter()
        self._intercepted: Counter[int] = Counter()
        """Times that another server answered, by seq."""

    async def succeeded(self, write: PendingWrite, pushed: Pushed) -> None:
        """The remote has it."""
        self._gate.record_success()
        self._maintenance.reached(write.bucket)
        self._forget(write)
        if pushed.late_until and pushed.state is not None:
            until, state = pushed.late_until, pushed.state
            await self._retry_until_saved(
                partial(self._journal.verify_later, write.seq, state, until)
            )
            return
        done = partial(
            self._journal.done,
            write.seq,
            pushed.etag,
            pushed.alias,
            state=pushed.state,
            was_there=pushed.was_there,
        )
        await self._retry_until_saved(done)
        if pushed.was_there:
            self._maintenance.failed()  # for the upload

    async def overtaken(self, write: PendingWrite, conflict: Overtaken) -> None:
        """The remote has a newer version."""
        self._gate.record_success()
        self._forget(write)
        await self._abandon(write)
        conflicts = self._journal.conflicts
        act = conflicts.give_way if conflict.is_dropped else conflicts.park
        logger.warning(
            "the remote has a newer version: etag=%s dropped=%s bucket=%s key=%s seq=%d",
            conflict.remote_etag or "none", conflict.is_dropped,
            write.bucket, write.key, write.seq,
        )  # fmt: skip
        await self._retry_until_saved(partial(act, write, conflict.remote_etag))

    async def lost(self, write: PendingWrite, error: StagedDataCorrupt) -> None:
        """There is nothing left to be pushed."""
        logger.error("staged bytes are lost: %s seq=%d", error.message, write.seq)
        await self._park(write, told(error, self._clock.now(), CORRUPT))

    async def held(self, write: PendingWrite, why: str) -> None:
        """The filter keeps it here."""
        self._forget(write)
        await self._retry_until_saved(partial(self._journal.exclude, write.seq, why))

    async def park(self, write: PendingWrite, error: PushError) -> None:
        """It was not even tried."""
        await self._retry_until_saved(partial(self._journal.park, write.seq, error))

    async def failed(self, write: PendingWrite, error: S3Error) -> None:
        """The push ended with this error."""
        self._gate.record_outcome(error)
        self._maintenance.failed()
        action = decide(error)
        logger.info(
            "a push failed: %s action=%s bucket=%s key=%s seq=%d",
            error, action, write.bucket, write.key, write.seq,
        )  # fmt: skip
        await _HANDLERS[action](self, write, error)

    async def _again(self, write: PendingWrite, error: S3Error) -> None:
        refusal = refusal_of(error)
        retry_after = None if refusal is None else refusal.retry_after
        wait = back_off(write.attempts, retry_after, self._clock.random())
        now = self._clock.now()
        await self._journal.give_back(write.seq, now + wait, told(error, now))

    async def _intercept(self, write: PendingWrite, error: S3Error) -> None:
        self._intercepted[write.seq] += 1
        if self._intercepted[write.seq] < INTERCEPTIONS:
            await self._again(write, error)
        else:
            await self._deny(write, error)

    async def _prove(self, write: PendingWrite, error: S3Error) -> None:
        self._wrong[write.seq] += 1
        if self._wrong[write.seq] >= INTEGRITY_FAILURES:
            await self._park(write, told(error, self._clock.now(), INTEGRITY))
        else:
            await self._restart(write, error)

    async def _restart(self, write: PendingWrite, error: S3Error) -> None:
        await self._abandon(write)
        await self._again(write, error)

    async def _wait_for_credentials(self, write: PendingWrite, error: S3Error) -> None:
        now = self._clock.now()
        await self._journal.give_back(write.seq, now, told(error, now))

    async def _deny(self, write: PendingWrite, error: S3Error) -> None:
        tried = self._denied[write.seq]
        self._denied[write.seq] += 1
        now = self._clock.now()
        retry_at = now + DENIED_RETRIES[tried] if tried < len(DENIED_RETRIES) else 0.0
        await self._park(write, told(error, now), retry_at)

    async def _refuse(self, write: PendingWrite, error: S3Error) -> None:
        await self._park(write, told(error, self._clock.now()))

    async def _park(self, write: PendingWrite, error: PushError, retry_at: float = 0.0) -> None:
        await self._abandon(write)
        self._maintenance.parked(write, error)
        await self._retry_until_saved(partial(self._journal.park, write.seq, error, retry_at))
        if not retry_at:
            self._forget(write)

    async def _abandon(self, write: PendingWrite) -> None:
        """Leave nothing half done at the remote, if it can be asked."""
        try:
            await self._push.abandon(write)
        except S3Error as error:
            logger.info("an upload could not be aborted now: %s seq=%d", error, write.seq)

    def _forget(self, write: PendingWrite) -> None:
        self._wrong.pop(write.seq, None)
        self._denied.pop(write.seq, None)
        self._intercepted.pop(write.seq, None)

    async def _retry_until_saved(self, note: Callable[[], Awaitable[None]]) -> None:
        """Have the journal note it, however long its disk is full."""
        for attempt in count():
            try:
                return await note()
            except S3Error as error:
                logger.warning("the journal cannot be written: %s", error)
                await self._clock.sleep(back_off(attempt, 1.0, self._clock.random()))


_HANDLERS: Mapping[
    FailureAction, Callable[[PushResultHandler, PendingWrite, S3Error], Awaitable[None]]
] = {
    FailureAction.RETRY: PushResultHandler._again,
    FailureAction.INTERCEPTED: PushResultHandler._intercept,
    FailureAction.PROVE: PushResultHandler._prove,
    FailureAction.RESTART: PushResultHandler._restart,
    FailureAction.PAUSE: PushResultHandler._wait_for_credentials,
    FailureAction.DENY: PushResultHandler._deny,
    FailureAction.NO_BUCKET: PushResultHandler._refuse,
    FailureAction.PARK: PushResultHandler._refuse,
}
