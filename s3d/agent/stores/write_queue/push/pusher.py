"""The pusher: takes pending writes from the journal until the remote has them.

Pushes run concurrently, as many as RemoteGate allows, and one push begins with the commit of its
write. push_executor.py carries out the push of one write; push_result.py decides what follows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from s3d.agent.core.bandwidth import RateMeter
from s3d.agent.core.client import S3Client
from s3d.agent.core.clock import Clock
from s3d.agent.core.events import Events
from s3d.agent.core.path_names import conflict_key
from s3d.agent.core.store import ObjectStore
from s3d.agent.core.telemetry import Counter
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.refused_headers import OptionalGroup, blames
from s3d.agent.stores.write_queue.journal.journal import Journal
from s3d.agent.stores.write_queue.journal.pending_write import (
    PendingState,
    PendingWrite,
    QueueTotals,
)
from s3d.agent.stores.write_queue.journal.push_order import Turn
from s3d.agent.stores.write_queue.journal.push_stops import PushStopped
from s3d.agent.stores.write_queue.push.maintenance import QueueMaintenance
from s3d.agent.stores.write_queue.push.push_attempt import HeldByFilter, Overtaken
from s3d.agent.stores.write_queue.push.push_executor import PushExecutor
from s3d.agent.stores.write_queue.push.push_result import PushResultHandler
from s3d.agent.stores.write_queue.push.remote_gate import RemoteGate, probe
from s3d.agent.stores.write_queue.push.retry_policy import PARKED_RETRY_DELAYS, is_denied
from s3d.agent.stores.write_queue.push.verify_push import SMALL, StagedDataCorrupt
from s3d.shared.logs import current_request

logger = logging.getLogger(__name__)

_MOVING = (PendingState.WAITING, PendingState.PUSHING)
EVENT_INTERVAL = 0.5
"""Seconds between two progress events of one push."""


@dataclass(frozen=True, slots=True)
class PushStatus:
    """The state of the pusher, for people."""

    trouble: str
    """Why nothing is pushed; "" while the remote is reachable."""
    pushing: int
    limit: int
    """Pushes that may be in flight at once."""
    rate: float
    """Bytes a second, over the last seconds."""
    writes: float
    """Writes a second."""
    eta: float | None
    """Seconds until everything is pushed at this rate; None: unknown."""
    next_check: float | None
    """When a remote that is unreachable is probed next, Unix seconds; None: it is reachable."""


class Pusher:
    """run() must run as long as the agent lives. Belongs to the loop."""

    def __init__(
        self,
        journal: Journal,
        push: PushExecutor,
        gate: RemoteGate,
        events: Events,
        *,
        remote: ObjectStore,
        clock: Clock,
        conflict_key: Callable[[str], str] = conflict_key,
    ) -> None:
        """conflict_key: of the conflict copy of a key, a new one with each call."""
        self._journal = journal
        self._push = push
        self._gate = gate
        self._remote = S3Client(remote)
        self._clock = clock
        self._maintenance = QueueMaintenance(
            journal, self._remote, clock, on_wakeup=self._on_wakeup
        )
        self._results = PushResultHandler(
            journal, remote, gate, self._maintenance, clock, conflict_key=conflict_key
        )
        self._traffic = PushTraffic(events, clock, journal.metrics.sent)
        self._changed = asyncio.Event()
        gate.on_return = self._on_return
        self._pushing = 0
        self._urgent = 0
        """Callers of push_now; each may have one push beyond the limit."""
        self._last_key = ("", "")
        """Bucket and key of the last push, which probes use."""

    async def run(self) -> None:
        """Push until cancelled. Pushes in flight are then unresolved for the next run."""
        await self._recover()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._probe_while_closed(), name="queue probe")
            tasks.create_task(self._maintenance.run(), name="queue maintenance")
            tasks.create_task(self._begin_pushes(tasks), name="queue pusher")

    async def _begin_pushes(self, tasks: asyncio.TaskGroup) -> None:
        """Begin the pushes of due writes, for ever."""
        while True:
            await self._wait_for_slot()
            write = await self._journal.take()
            if self._gate.blocked.is_set():
                self._journal.outcomes.retry_later(write.seq, write.retry_at)
                continue
            self._pushing += 1
            tasks.create_task(self._push_write(write), name=f"queue push {write.seq}")

    async def _push_write(self, write: PendingWrite) -> None:
        """Push one write and let its outcome take effect."""
        current_request.set(write)  # for the lines of this task
        self._last_key = write.bucket, write.key
        progress, results = self._traffic.begin(write), self._results
        missing_bucket = self._maintenance.missing_buckets.get(write.bucket)
        try:
            if missing_bucket is not None and not write.attempts:
                return await results.park_untried(write, missing_bucket)
            try:
                pushed = await self._push.push(write, progress.add)
            except HeldByFilter as held:
                await results.held(write, str(held))
            except Overtaken as conflict:
                await results.overtaken(write, conflict)
            except PushStopped as stopped:
                await results.stopped(write, stopped)
            except StagedDataCorrupt as error:
                await results.corrupt(write, error)
            except S3Error as error:
                await results.failed(write, error)
            except OSError as error:  # a failure of this machine, not of the remote
                failure = S3Error("SlowDown", f"cannot push yet: {error.strerror or error}")
                await results.failed(write, failure)
            except Exception as error:  # a bug must not keep the other writes from being pushed
                logger.exception("a push failed unexpectedly seq=%d", write.seq)
                failure = S3Error(
                    "InternalError", f"the push failed with an internal error: {error!r}"
                )
                await results.failed(write, failure)
            else:
                progress.finish()
                await results.succeeded(write, pushed)
        finally:
            self._traffic.end(write)
            self._pushing -= 1
            self._changed.set()

    async def push_now(
        self, bucket: str, key: str = "", *, timeout: float, turn: Turn | None = None
    ) -> None:
        """Return when the remote has what is pending now of a key, or (key "") of a bucket.

        turn: of the caller, see Journal.settled. Raises S3Error: ServiceUnavailable when that takes
        longer than timeout, or the error with which the remote refuses the key.
        """
        pending = self._journal.pending
        if not pending.writes(bucket, key) and not pending.copies.of(bucket, key):
            return
        self._urgent += 1
        try:
            async with asyncio.timeout(timeout):
                if self._gate.blocked.is_set():
                    await self.probe_now()
                self._changed.set()
                await self._journal.settled(bucket, key, turn=turn)
        except TimeoutError:
            raise S3Error(
                "ServiceUnavailable", "The pending writes were not pushed in time."
            ) from None
        finally:
            self._urgent -= 1

    async def flush(self, timeout: float) -> QueueTotals:
        """Push until nothing can be pushed any more or the time is over; returns what is left.

        Does not wait for an unreachable remote, nor for parked or held writes.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                if self._gate.blocked.is_set():
                    with suppress(S3Error):
                        await self.probe_now()
                self._journal.control.retry_delayed()
                while self._journal.is_moving and not self._gate.blocked.is_set():
                    self._changed.clear()
                    await self._changed.wait()
        return self._journal.totals()

    async def probe_now(self) -> None:
        """The network or the credentials have changed: probe the remote at once.

        Raises ServiceUnavailable when the gate stays closed.
        """
        self._gate.reset_backoff()
        await self._probe()
        if self._gate.blocked.is_set():
            cause = self._gate.error
            reason = self._gate.trouble if cause is None else cause.message
            raise S3Error("ServiceUnavailable", reason) from cause and cause.failure

    @property
    def on_remote_answer(self) -> Callable[[int], None]:
        """To be called with the status of each answer of the remote."""
        return self._gate.record_answer

    def progress(self, seq: int) -> tuple[int, float]:
        """Bytes sent by a running push, and bytes per second; 0 for a small write."""
        return self._traffic.progress_of(seq)

    def status(self) -> PushStatus:
        pending = self._journal.totals()
        rate, writes = self._traffic.rates()
        waiting, pushing = (pending.by_state[state].size for state in _MOVING)
        left = waiting + pushing - pending.blocked.size - self._traffic.sent_of_running
        gate = self._gate
        trouble = gate.suspected_trouble if self._journal.is_moving else gate.trouble
        eta = max(left, 0) / rate if rate and not trouble and not pending.paused else None
        return PushStatus(trouble, self._pushing, gate.limit, rate, writes, eta, self._next_check())

    def _next_check(self) -> float | None:
        at = self._gate.probe_at
        return None if at is None else self._clock.now() + max(0.0, at - self._clock.steady())

    async def _recover(self) -> None:
        """After a start, give what an earlier run has left its next attempt.

        What the filter held is evaluated again, because the filter may be another one. What the
        remote refused because of an optional header is retried, because this version may omit the
        header. Denied writes get the rest of their retries.
        """
        now = self._clock.now()
        journal = self._journal
        await journal.control.reevaluate_filters()
        failed = journal.pending.in_state(PendingState.FAILED)
        await journal.control.retry_writes([write for write in failed if _blames_header(write)])
        for write in journal.pending:
            if write.state is PendingState.PUSHING:  # an earlier run() in this process failed
                journal.outcomes.mark_unresolved(write, None)
                journal.outcomes.retry_later(write.seq, now)
            elif write.state is PendingState.FAILED and write.error is not None:
                self._maintenance.note_parked(write, write.error)
                if is_denied(write.error):
                    retry_at = max(now, write.error.at + PARKED_RETRY_DELAYS[0])
                    journal.outcomes.schedule_retry(write, retry_at)

    async def _wait_for_slot(self) -> None:
        """Return when one more push may begin."""
        while self._gate.blocked.is_set() or self._pushing >= self._gate.limit + self._urgent:
            self._changed.clear()
            await self._changed.wait()

    async def _probe_while_closed(self) -> None:
        while True:
            await self._gate.blocked.wait()
            at = self._gate.probe_at or 0.0
            await self._clock.sleep(max(0.0, at - self._clock.steady()))
            if self._gate.blocked.is_set() and (self._gate.probe_at or at) <= at:
                await self._probe()

    async def _probe(self) -> None:
        self._gate.record_outcome(await probe(self._remote, *self._last_key))
        self._changed.set()

    def _on_return(self) -> None:
        """The remote answers again: retry at once what got no answer."""
        self._journal.control.retry_delayed(only_unanswered=True)
        self._changed.set()

    async def _on_wakeup(self) -> None:
        """The machine has slept: earlier failures say nothing about the network of now."""
        self._journal.control.retry_delayed()
        with suppress(S3Error):  # the gate reports a remote that is still unreachable
            await self.probe_now()


def _blames_header(write: PendingWrite) -> bool:
    """Whether the write was refused because of an optional header."""
    error = write.error
    return error is not None and any(
        blames(group, error.status, error.code, error.message) for group in OptionalGroup
    )


class PushTraffic:
    """Rates of all pushes together, and the progress of large ones."""

    def __init__(self, events: Events, clock: Clock, sent: Counter) -> None:
        self.events = events
        self.clock = clock
        self.sent = sent
        """Bytes since the start."""
        self.size = RateMeter()
        self.writes = RateMeter()
        self._large: dict[int, PushProgress] = {}
        """By seq, pushes in flight that take long enough to be observed."""

    def begin(self, write: PendingWrite) -> PushProgress:
        progress = PushProgress(self, write)
        if write.size > SMALL:
            self._large[write.seq] = progress
        return progress

    def end(self, write: PendingWrite) -> None:
        self._large.pop(write.seq, None)

    def progress_of(self, seq: int) -> tuple[int, float]:
        """Bytes sent by a push, and bytes a second; 0 for a small write."""
        progress = self._large.get(seq)
        if progress is None:
            return 0, 0.0
        return progress.sent, progress.size.rate(self.clock.steady())

    @property
    def sent_of_running(self) -> int:
        """Bytes that the remote has of the pushes that are running."""
        return sum(progress.sent for progress in self._large.values())

    def rates(self) -> tuple[float, float]:
        """Bytes and writes a second."""
        now = self.clock.steady()
        return self.size.rate(now), self.writes.rate(now)


class PushProgress:
    """The progress of one push. A small one ends before anybody can see it: it emits no events."""

    def __init__(self, traffic: PushTraffic, write: PendingWrite) -> None:
        self._traffic = traffic
        self._write = write
        self.sent = 0
        """Bytes, including those that the remote had before."""
        self.size = RateMeter()
        self._emitted_at = float("-inf")

    def add(self, size: int, *, is_there: bool = False) -> None:
        """See OnSent."""
        now = self._traffic.clock.steady()
        sent = 0 if is_there else size
        self._traffic.size.add(sent, now)
        self._traffic.sent.add(sent)
        self.sent += size
        write = self._write
        if write.size <= SMALL:
            return
        self.size.add(sent, now)
        if now - self._emitted_at >= EVENT_INTERVAL:
            self._emitted_at = now
            self._traffic.events.emit(
                "queue.pushing", write.subject, seq=write.seq, sent=self.sent, size=write.size
            )

    def finish(self) -> None:
        """The remote has the write."""
        self._traffic.writes.add(1, self._traffic.clock.steady())
