"""What is looked after beside the pushes: buckets that are missing, uploads nobody finishes, and
whether the machine has slept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from s3d.agent.core.client import S3Client
from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.write_queue.clock import Clock, Jumps
from s3d.agent.stores.write_queue.journal import Journal
from s3d.agent.stores.write_queue.orphans import abort_orphan
from s3d.agent.stores.write_queue.pending import PendingState, PendingWrite, PushError
from s3d.agent.stores.write_queue.remote_calls import probe
from s3d.agent.stores.write_queue.retry_policy import FailureAction, decide

logger = logging.getLogger(__name__)

ROUND = 15.0
"""Seconds between two rounds, while there is anything to look after."""
MISSING = "NoSuchBucket"

_UNCLEAR = (FailureAction.RETRY, FailureAction.PAUSE, FailureAction.INTERCEPTED)
"""PushResultHandler that do not tell whether a bucket is there."""


class QueueMaintenance:
    """Run run() beside the pushes."""

    def __init__(
        self,
        journal: Journal,
        inner: ObjectStore,
        clock: Clock,
        woke: Callable[[], Awaitable[None]],
    ) -> None:
        """woke: called when the machine has slept."""
        self._journal = journal
        self._inner = inner
        self._clock = clock
        self._woke = woke
        self._jumps = Jumps(clock)
        self._missing: dict[str, PushError] = {}
        self._found: set[str] = set()
        """Buckets that were missing, and that a push has reached since."""
        self._busy = asyncio.Event()
        self._busy.set()

    def parked(self, write: PendingWrite, error: PushError) -> None:
        """A write is parked with this error."""
        if error.code == MISSING:
            self._missing[write.bucket] = error
        self._busy.set()

    def failed(self) -> None:
        """A push failed, and may have left something behind."""
        self._busy.set()

    def reached(self, bucket: str) -> None:
        """A push came through to this bucket."""
        if self._missing.pop(bucket, None) is not None:
            self._found.add(bucket)

    def error_of(self, write: PendingWrite) -> PushError | None:
        """Why there is no sense in pushing this now; one that somebody retries has its chance."""
        return None if write.attempts else self._missing.get(write.bucket)

    async def run(self) -> None:
        """Look after things until cancelled."""
        while True:
            await self._busy.wait()
            if not await self.look():
                self._busy.clear()
            await self._clock.sleep(ROUND)
            if self._jumps.jumped():
                logger.info("the clock has jumped: the network may be another one")
                await self._woke()

    async def look(self) -> bool:
        """One round; whether another will be needed."""
        while self._found:
            await self._release(self._found.pop())
        for bucket in list(self._missing):
            await self._look_for(bucket)
        left = await self._abort_orphans()
        return left or bool(self._missing) or self._journal.status().files > 0

    async def _look_for(self, bucket: str) -> None:
        parked = self._parked(bucket)
        if parked:
            error = await probe(S3Client(self._inner), bucket, parked[0].key)
            if error is not None and (error.code == MISSING or decide(error) in _UNCLEAR):
                return
        self._missing.pop(bucket, None)
        await self._release(bucket)

    async def _release(self, bucket: str) -> None:
        """The bucket is there: what was parked for want of it goes on its way."""
        parked = self._parked(bucket)
        if parked:
            logger.info("a missing bucket is there bucket=%s writes=%d", bucket, len(parked))
        await self._journal.retry_these(parked)

    def _parked(self, bucket: str) -> list[PendingWrite]:
        return [
            write
            for write in self._journal.writes(bucket)
            if write.state is PendingState.FAILED
            and write.error is not None
            and write.error.code == MISSING
        ]

    async def _abort_orphans(self) -> bool:
        """Abort the uploads of writes that have gone; whether some are left."""
        left = False
        for orphan in await self._journal.orphans():
            try:
                gone = await abort_orphan(self._inner, self._journal, orphan)
            except S3Error as error:
                logger.info("an upload could not be aborted now: %s", error)
                gone = False
            if gone:
                await self._journal.forget_orphan(orphan)
            left = left or not gone
        return left
