"""Background jobs over many objects: transfers, prefetches and migrations all run on this engine.

What happens to one job:

1. ``JobEngine.submit`` saves and queues it; ``JobEngine.run`` takes it from the queue and starts
   its task.
2. The task calls the ``work`` function of the engine's owner, which finds the objects and hands
   them to ``JobEngine.for_each``.
3. ``for_each`` performs a limited number of objects at a time. A failure of one object is recorded
   in the job and the others continue; a failure that the policy calls temporary interrupts the job.
4. An interrupted job is queued for another attempt after a pause, or fails if its policy has none.
5. Otherwise the job ends as done, or as failed if any object failed.

Everything runs on the event loop. The engine performs no I/O itself: its owner persists jobs and
publishes events in the ``save`` and ``on_change`` hooks.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from s3d.agent.core.job import ENDED, ItemProgress, Job, JobFailure, JobState, R
from s3d.agent.core.metric_table import TRANSFERS_BYTES, TRANSFERS_ENDED, TRANSFERS_OBJECTS
from s3d.agent.core.telemetry import Registry
from s3d.shared.logs import log_fields

logger = logging.getLogger(__name__)

PROGRESS_INTERVAL = 0.5
"""Seconds between two progress notifications of one job."""


class Interrupted(Exception):
    """The whole job is interrupted; __cause__ is the temporary error."""


class Sized(Protocol):
    @property
    def size(self) -> int: ...


S = TypeVar("S", bound=Sized)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPolicy:
    """What differs between the owners of an engine."""

    kind: str
    """Names the tasks, and the job in the log."""
    concurrency: int
    """Objects performed at the same time."""
    is_limit_per_job: bool = False
    """The limit holds for each job; otherwise for all jobs of the engine together."""
    expected: tuple[type[Exception], ...]
    """Errors that are failures of an object; any other one is logged with its traceback."""
    describe: Callable[[Exception, str, str], JobFailure]
    """Error, bucket, key -> failure. The key is "" for the job as a whole."""
    is_temporary: Callable[[Exception], bool] = lambda error: False
    """Whether waiting helps."""
    item_pauses: tuple[float, ...] = ()
    """Seconds before each further try of one object after a temporary error. With pauses, the last
    temporary error is a failure of the object; without, it interrupts the job."""
    job_pauses: tuple[float, ...] = ()
    """Seconds before each further attempt of an interrupted job; the last one repeats. Without
    pauses an interrupted job fails."""
    max_failures: int = 1_000
    max_ended: int = 200
    """Ended jobs that stay listed."""
    is_resumed: bool = True
    """A job that is interrupted by the end of run() stays queued for the next run; otherwise it is
    cancelled."""

    def interrupts(self, error: Exception) -> bool:
        """Whether an error of one object stops the whole job."""
        return self.is_temporary(error) and not self.item_pauses


class JobMetrics:
    """What an engine reports to the registry. kind: of its jobs."""

    def __init__(self, registry: Registry, kind: str) -> None:
        self._registry = registry
        self._kind = kind

    def ended(self, state: JobState) -> None:
        """A job has ended in this state."""
        self._registry.counter(TRANSFERS_ENDED, self._kind, str(state)).add()

    def moved(self, size: int) -> None:
        """An object was performed. size: bytes."""
        self._registry.counter(TRANSFERS_OBJECTS, self._kind).add()
        self._registry.counter(TRANSFERS_BYTES, self._kind).add(size)


Work = Callable[[Job[R]], Awaitable[None]]


async def _save_nothing() -> None: ...


class JobEngine(Generic[R]):
    """The jobs of one owner. Call run() as long as the agent lives; all methods belong to its
    loop."""

    def __init__(
        self,
        work: Work[R],
        policy: JobPolicy,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        registry: Registry | None = None,
    ) -> None:
        self.jobs: dict[str, Job[R]] = {}
        """By id, the oldest first."""
        self.on_change: Callable[[Job[R]], None] = lambda job: None
        """Called on each change of state, and for progress every PROGRESS_INTERVAL seconds."""
        self.save: Callable[[], Awaitable[None]] = _save_nothing
        """Called when a job has entered a state that a restart should see."""
        self._work, self._policy = work, policy
        self._clock, self._sleep = clock, sleep
        self._slots = asyncio.Semaphore(policy.concurrency)
        self._queue: asyncio.Queue[Job[R]] = asyncio.Queue()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._notified: dict[str, float] = {}
        self._metrics = JobMetrics(registry or Registry(), policy.kind)

    async def run(self) -> None:
        """Until cancelled. See JobPolicy.is_resumed for the jobs that run then."""
        for job in self.jobs.values():
            if job.state is JobState.RUNNING:  # an earlier call of run() failed
                self._requeue(job)
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    job = await self._queue.get()
                    if job.state is JobState.QUEUED and job.id not in self._tasks:
                        name = f"{self._policy.kind} {job.id}"
                        self._tasks[job.id] = tasks.create_task(self._run_job(job), name=name)
        finally:
            self._tasks.clear()

    # Control

    def add(self, job: Job[R]) -> None:
        """Register a job without saving it, and queue it if that is its state."""
        self.jobs[job.id] = job
        if job.state is JobState.QUEUED:
            self._queue.put_nowait(job)
        self._notify(job)
        self._forget_ended(keep=self._policy.max_ended)

    async def submit(self, jobs: Sequence[Job[R]]) -> None:
        """Save new jobs, and queue them once they are saved."""
        self.jobs |= {job.id: job for job in jobs}
        await self.save()
        for job in jobs:
            self.add(job)

    async def pause(self, job: Job[R]) -> None:
        """Stop a job until resume(); the objects in work start from their beginning then."""
        await self._stop(job, JobState.PAUSED)

    async def cancel(self, job: Job[R]) -> None:
        """End a job. What it has done stays."""
        await self._stop(job, JobState.CANCELLED)

    async def resume(self, job: Job[R]) -> None:
        """Continue a paused job, or retry one that waits or has ended."""
        await self._halt(job)
        job.retry_at = 0.0
        self._requeue(job)
        self._notify(job)
        await self.save()

    async def clear(self) -> int:
        """Forget the ended jobs; their number."""
        count = self._forget_ended(keep=0)
        await self.save()
        return count

    # Within work()

    async def for_each(
        self,
        job: Job[R],
        items: AsyncIterator[S],
        perform: Callable[[S, ItemProgress], Awaitable[None]],
        name: Callable[[S], tuple[str, str]],
    ) -> None:
        """Perform all items, some at a time, and record the failures. name: item -> bucket, key.

        Raises an ExceptionGroup with Interrupted in it, and whatever iterating over items raises.
        """
        policy = self._policy
        slots = asyncio.Semaphore(policy.concurrency) if policy.is_limit_per_job else self._slots
        async with asyncio.TaskGroup() as tasks, aclosing(items):  # type: ignore[type-var]
            while (item := await self._next(items, slots)) is not None:
                job.progress.items += 1
                job.progress.size += item.size
                one = self._perform(job, item, perform, slots, name)
                tasks.create_task(one, name=f"{policy.kind} {job.id} object")
            job.progress.is_counted = True

    async def retry_temporary(self, act: Callable[[], Awaitable[None]]) -> None:
        """Call act, and again after each pause of item_pauses while its error is temporary."""
        for pause in self._policy.item_pauses:
            try:
                return await act()
            except Exception as error:
                if not self._policy.is_temporary(error):
                    raise
                logger.info(
                    "%s: a request failed and is repeated in %.1f s: %s",
                    self._policy.kind,
                    pause,
                    error,
                )
            await self._sleep(pause)
        await act()

    def fail(self, job: Job[R], error: Exception, bucket: str = "", key: str = "") -> None:
        """Record a failure of one object, or of the whole job."""
        job.record(self._policy.describe(error, bucket, key), self._policy.max_failures)

    # One job

    async def _run_job(self, job: Job[R]) -> None:
        try:
            await self._attempt_until_ended(job)
        except asyncio.CancelledError:
            if job.state in (JobState.RUNNING, JobState.QUEUED) and not self._policy.is_resumed:
                job.state = JobState.CANCELLED
                self._metrics.ended(job.state)
                self._notify(job)
            raise
        finally:
            self._tasks.pop(job.id, None)
        self._metrics.ended(job.state)
        self._notify(job)
        self._forget_ended(keep=self._policy.max_ended)
        await self.save()

    async def _attempt_until_ended(self, job: Job[R]) -> None:
        pauses = self._policy.job_pauses
        expected: tuple[type[Exception], ...] = (Interrupted, *self._policy.expected)
        failed_attempts = 0
        while True:
            job.begin()
            self._notify(job)
            try:
                await self._work(job)
            except* expected as errors:
                failure = self._policy.describe(first_error(errors), "", "")
                if pauses and isinstance(_innermost(errors), Interrupted):
                    pause = pauses[min(failed_attempts, len(pauses) - 1)]
                    job.state, job.retry_at = JobState.QUEUED, self._clock() + pause
                    job.error = failure
                else:
                    job.record(failure, self._policy.max_failures)
            if job.state is not JobState.QUEUED:
                job.state = JobState.FAILED if job.progress.items_failed else JobState.DONE
                return
            self._notify(job)
            failed_attempts += 1
            job.is_repeated = True
            await self._sleep(max(job.retry_at - self._clock(), 0.0))

    async def _next(self, items: AsyncIterator[S], slots: asyncio.Semaphore) -> S | None:
        """The next item, with a slot taken for it; None after the last one."""
        await slots.acquire()
        item = None
        try:
            item = await anext(items, None)
        except self._policy.expected as error:
            if self._policy.interrupts(error):
                raise Interrupted from error
            raise
        finally:
            if item is None:
                slots.release()
        return item

    async def _perform(
        self, job: Job[R], item: S, perform: Callable[[S, ItemProgress], Awaitable[None]],
        slots: asyncio.Semaphore, name: Callable[[S], tuple[str, str]],
    ) -> None:  # fmt: skip
        moved = ItemProgress(job.progress)
        try:
            await self.retry_temporary(lambda: perform(item, moved))
            self._metrics.moved(moved.end())
        except self._policy.expected as error:
            moved.undo()
            if self._policy.interrupts(error):
                raise Interrupted from error
            self.fail(job, error, *name(item))
        except Exception as error:  # A bug must not stop the other objects.
            moved.undo()
            bucket, key = name(item)
            fields = log_fields(bucket=bucket, key=key)
            logger.exception("%s: an object failed id=%s", self._policy.kind, job.id, extra=fields)
            self.fail(job, error, *name(item))
        except BaseException:
            moved.undo()
            raise
        finally:
            slots.release()
        self._notify(job, is_progress=True)

    # State

    def _requeue(self, job: Job[R]) -> None:
        job.is_repeated, job.state = True, JobState.QUEUED
        self._queue.put_nowait(job)

    async def _stop(self, job: Job[R], state: JobState) -> None:
        was_ended, job.state = job.state in ENDED, state
        await self._halt(job)
        if state in ENDED and not was_ended:
            self._metrics.ended(job.state)
        self._notify(job)
        await self.save()

    async def _halt(self, job: Job[R]) -> None:
        task = self._tasks.pop(job.id, None)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def _notify(self, job: Job[R], *, is_progress: bool = False) -> None:
        if job.state in ENDED:
            job.progress.ended_at = job.progress.ended_at or self._clock()
            job.ended.set()
        else:
            job.progress.ended_at = 0.0
            job.ended.clear()
        now = time.monotonic()
        if is_progress and now - self._notified.get(job.id, 0.0) < PROGRESS_INTERVAL:
            return
        self._notified[job.id] = now
        self.on_change(job)

    def _forget_ended(self, keep: int) -> int:
        """Forget the oldest ended jobs; how many."""
        ended = [job.id for job in self.jobs.values() if job.state in ENDED]
        surplus = ended[: max(len(ended) - keep, 0)]
        for id in surplus:
            del self.jobs[id]
            self._notified.pop(id, None)
        return len(surplus)


def first_error(errors: BaseExceptionGroup[BaseException]) -> Exception:
    """One leaf of a group: the cause of an interruption if there is one, else the first error."""
    error = _innermost(errors)
    cause = error.__cause__ if isinstance(error, Interrupted) else error
    assert isinstance(cause, Exception)
    return cause


def _innermost(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """One leaf of a group: an interruption if there is one, else the first error."""
    leaves: list[BaseException] = []
    pending: list[BaseException] = [errors]
    while pending:
        error = pending.pop(0)
        if isinstance(error, BaseExceptionGroup):
            pending += error.exceptions
        else:
            leaves.append(error)
    return next((leaf for leaf in leaves if isinstance(leaf, Interrupted)), leaves[0])
