"""The pusher: takes pending writes from the journal and sees to it that the remote gets them.

As many go at a time as the remote takes well; a new one starts with its commit. What one push
does is elsewhere (push.py), and so is what its outcome means (outcomes.py).
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass

from s3d.agent.core.client import S3Client
from s3d.agent.core.events import Events
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.optional_headers import OptionalGroup, blames
from s3d.agent.stores.write_queue.journal import Journal
from s3d.agent.stores.write_queue.maintenance import QueueMaintenance
from s3d.agent.stores.write_queue.multipart_push import Means
from s3d.agent.stores.write_queue.pending import PendingState, PendingWrite, QueueStatus
from s3d.agent.stores.write_queue.progress import Progress, Traffic
from s3d.agent.stores.write_queue.push import HeldBack, Overtaken, Push
from s3d.agent.stores.write_queue.push_result import PushResultHandler
from s3d.agent.stores.write_queue.remote_calls import probe
from s3d.agent.stores.write_queue.remote_gate import RemoteGate
from s3d.agent.stores.write_queue.retry_policy import DENIED_RETRIES, is_denied
from s3d.agent.stores.write_queue.staged_body import StagedDataCorrupt

logger = logging.getLogger(__name__)


_MOVING = (PendingState.WAITING, PendingState.PUSHING)


@dataclass(frozen=True, slots=True)
class PushStatus:
    """How it goes."""

    trouble: str
    """Why nothing gets through; "" while the remote is well."""
    pushing: int
    limit: int
    """Pushes that may be under way at once."""
    rate: float
    """Bytes a second, over the last ones."""
    writes: float
    """Writes a second."""
    eta: float | None
    """Seconds until all is pushed at this rate; None: not to be said."""


class Pusher:
    """Run run() as long as the agent lives."""

    def __init__(self, journal: Journal, means: Means, gate: RemoteGate, events: Events) -> None:
        self._journal = journal
        self._means = means
        self._clock = means.clock
        self._gate = gate
        self._push = Push(means, journal)
        self._maintenance = QueueMaintenance(journal, means.inner, self._clock, self._woke)
        self._results = PushResultHandler(journal, self._push, gate, self._maintenance, self._clock)
        self._traffic = Traffic(events, self._clock)
        self._changed = asyncio.Event()
        gate.on_return = self._returned
        self._pushing = 0
        self._urgent = 0
        """Callers of push_now, each of whom may have a push beyond the limit."""
        self._last = ("", "")
        """Bucket and key of the last push: where to probe."""

    async def run(self) -> None:
        """Push until cancelled. What was under way then is in doubt at the next run."""
        await self._inherit()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._reopen(), name="queue probe")
            tasks.create_task(self._maintenance.run(), name="queue maintenance")
            while True:
                await self._room()
                write = await self._journal.take()
                if self._gate.closed.is_set():
                    await self._journal.give_back(write.seq, write.retry_at)
                    continue
                self._pushing += 1
                tasks.create_task(self._carry_out(write), name=f"queue push {write.seq}")

    async def push_now(self, bucket: str, key: str = "", *, timeout: float) -> None:
        """Return when what is pending for a key (or a bucket) now has reached the remote.

        Raises S3Error: ServiceUnavailable when it does not take it in time, or what it refuses
        the key with.
        """
        if not self._journal.writes(bucket, key):
            return
        self._urgent += 1
        try:
            async with asyncio.timeout(timeout):
                if self._gate.closed.is_set():
                    await self.probe_now()
                self._changed.set()
                await self._journal.settled(bucket, key)
        except TimeoutError:
            raise S3Error(
                "ServiceUnavailable", "The remote did not take the pending writes in time."
            ) from None
        finally:
            self._urgent -= 1

    async def flush(self, timeout: float) -> QueueStatus:
        """Push until nothing waits any more, or until the time is over; what is left.

        It does not wait for a remote that is away, nor for what is parked or held.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                if self._gate.closed.is_set():
                    with suppress(S3Error):
                        await self.probe_now()
                self._journal.hurry()
                while self._is_moving():
                    self._changed.clear()
                    await self._changed.wait()
        return self._journal.status()

    async def probe_now(self) -> None:
        """Something has changed (network, credentials): see at once whether the remote is back.

        Raises S3Error ServiceUnavailable when it is not.
        """
        self._gate.reset_backoff()
        await self._probe()
        if self._gate.closed.is_set():
            why = self._gate.error.message if self._gate.error else self._gate.trouble
            raise S3Error("ServiceUnavailable", why)

    def remote_answered(self, status: int) -> None:
        """The remote has answered somebody else's request; it is known to be its own answer."""
        self._gate.record_answer(status)

    @property
    def sent(self) -> int:
        """Bytes that went to the remote since the start."""
        return self._traffic.sent

    def progress(self, seq: int) -> tuple[int, float]:
        """Of a push under way: bytes that have gone, and bytes a second; 0 of a small one."""
        return self._traffic.of(seq)

    def status(self) -> PushStatus:
        """Numbers for people."""
        pending = self._journal.status()
        rate, writes = self._traffic.rates()
        waiting, pushing = (pending.shares[state].size for state in _MOVING)
        left = waiting + pushing - pending.blocked.size
        trouble = self._gate.suspected_trouble if self._journal.is_moving else self._gate.trouble
        eta = left / rate if rate and not trouble and not pending.paused else None
        return PushStatus(trouble, self._pushing, self._gate.limit, rate, writes, eta)

    # Which goes next, and when

    async def _inherit(self) -> None:
        """After a start: what lies there may have been pushed; what was parked gets its chances,
        and what the filter held is decided anew, for it may be another filter. What was refused
        because of an optional header goes again: this s3d may know to do without."""
        now = self._clock.now()
        await self._journal.reevaluate_filters()
        failed = self._journal.all(PendingState.FAILED)
        await self._journal.retry_these([write for write in failed if _was_for_a_header(write)])
        for write in list(self._journal.all()):
            if write.state is PendingState.PUSHING:  # by a run() of this process that failed
                self._journal.suspect(write, None)
                await self._journal.give_back(write.seq, now)
            elif write.state is PendingState.FAILED and write.error is not None:
                self._maintenance.parked(write, write.error)
                if is_denied(write.error):
                    self._journal.try_again(write, max(now, write.error.at + DENIED_RETRIES[0]))

    async def _room(self) -> None:
        """Return when one more may go."""
        while self._gate.closed.is_set() or self._pushing >= self._gate.limit + self._urgent:
            self._changed.clear()
            await self._changed.wait()

    def _is_moving(self) -> bool:
        return self._journal.is_moving and not self._gate.closed.is_set()

    async def _reopen(self) -> None:
        """While the line is closed, probe at its times."""
        while True:
            await self._gate.closed.wait()
            at = self._gate.probe_at or 0.0
            await self._clock.sleep(max(0.0, at - self._clock.steady()))
            if self._gate.closed.is_set() and (self._gate.probe_at or at) <= at:
                await self._probe()

    def _returned(self) -> None:
        """The remote answers again: what was delayed because it did not need not wait."""
        self._journal.hurry(unanswered=True)
        self._changed.set()

    async def _woke(self) -> None:
        """The machine has slept: what was tried in vain before says nothing any more."""
        self._journal.hurry()
        with suppress(S3Error):  # still away, as it is said elsewhere
            await self.probe_now()

    async def _probe(self) -> None:
        self._gate.record_outcome(await probe(S3Client(self._means.inner), *self._last))
        self._changed.set()

    # One write

    async def _carry_out(self, write: PendingWrite) -> None:
        self._last = write.bucket, write.key
        progress = self._traffic.begin(write)
        try:
            known = self._maintenance.error_of(write)
            if known is not None:
                await self._results.park(write, known)
            else:
                await self._try(write, progress)
        finally:
            self._traffic.over(write)
            self._pushing -= 1
            self._changed.set()

    async def _try(self, write: PendingWrite, progress: Progress) -> None:
        is_unresolved = self._journal.is_unresolved(write)
        try:
            pushed = await self._push.carry_out(write, progress.moved, is_unresolved=is_unresolved)
        except HeldBack as held:
            await self._results.held(write, str(held))
        except Overtaken as conflict:
            await self._results.overtaken(write, conflict)
        except StagedDataCorrupt as error:
            await self._results.lost(write, error)
        except S3Error as error:
            await self._results.failed(write, error)
        except OSError as error:  # this machine's trouble, not the remote's
            failure = S3Error("SlowDown", f"cannot push for now: {error.strerror or error}")
            await self._results.failed(write, failure)
        except Exception as error:  # a fault of ours must not keep the other writes back
            logger.exception("a push broke bucket=%s key=%s", write.bucket, write.key)
            failure = S3Error("InternalError", f"s3d cannot push it: {error!r}")
            await self._results.failed(write, failure)
        else:
            progress.ended()
            await self._results.succeeded(write, pushed)


def _was_for_a_header(write: PendingWrite) -> bool:
    error = write.error
    return error is not None and any(
        blames(group, error.status, error.code, error.message) for group in OptionalGroup
    )
