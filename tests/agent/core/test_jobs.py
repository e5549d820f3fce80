import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest

from s3d.agent.core import metric_table
from s3d.agent.core.job import Job, JobFailure, JobState
from s3d.agent.core.jobs import JobEngine, JobPolicy
from s3d.agent.core.telemetry import Registry


class Item(NamedTuple):
    key: str
    size: int = 1


class Expected(Exception):
    pass


class Temporary(Expected):
    pass


def describe(error, bucket, key):
    return JobFailure(type(error).__name__, str(error), bucket=bucket, key=key)


class Rig:
    """An engine whose jobs are lists of keys; act(key, moved) performs one of them."""

    def __init__(self, clock=lambda: 0.0, **more) -> None:
        values = {
            "kind": "test",
            "concurrency": 2,
            "expected": (Expected,),
            "describe": describe,
            "is_temporary": lambda error: isinstance(error, Temporary),
        }
        self.pauses: list[float] = []
        self.saves = 0
        self.events: list[tuple[str, str]] = []
        self.registry = Registry()
        self.engine = JobEngine(
            self.work,
            JobPolicy(**(values | more)),
            clock=clock,
            sleep=self.sleep,
            registry=self.registry,
        )
        self.engine.save = self.save
        self.engine.on_change = lambda job: self.events.append((job.id, str(job.state)))
        self.performed: list[str] = []
        self.running = self.most = 0

    def counted(self, metric) -> dict:
        return self.registry.values(metric)

    async def act(self, key: str, moved) -> None:
        moved.complete(1)

    async def work(self, job) -> None:
        async def items() -> AsyncIterator[Item]:
            for key in job.request:
                yield Item(key)

        async def perform(item: Item, moved) -> None:
            self.performed.append(item.key)
            self.running += 1
            self.most = max(self.most, self.running)
            try:
                await asyncio.sleep(0)
                await self.act(item.key, moved)
            finally:
                self.running -= 1

        await self.engine.for_each(job, items(), perform, lambda item: ("b", item.key))

    async def sleep(self, pause: float) -> None:
        self.pauses.append(pause)

    async def save(self) -> None:
        self.saves += 1

    @asynccontextmanager
    async def run(self):
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            task = group.create_task(self.engine.run())
            yield self
            task.cancel()

    async def do(self, *keys: str, id: str = "1") -> Job:
        job = Job(id, keys, 0.0)
        await self.engine.submit([job])
        await job.ended.wait()
        return job


async def test_a_job_performs_all_its_items_some_at_a_time():
    async with Rig().run() as rig:
        job = await rig.do(*"abcdef")
    assert (job.state, job.progress.items, job.progress.items_done) == (JobState.DONE, 6, 6)
    assert (job.progress.size, job.progress.size_done, rig.most) == (6, 6, 2)
    assert [state for _, state in rig.events] == ["queued", "running", "done"]


@pytest.mark.parametrize(("is_per_job", "most"), [(False, 2), (True, 4)])
async def test_the_limit_is_for_all_jobs_or_for_each(is_per_job, most):
    async with Rig(is_limit_per_job=is_per_job).run() as rig:
        jobs = [Job(id, "abcdef", 0.0) for id in "12"]
        await rig.engine.submit(jobs)
        for job in jobs:
            await job.ended.wait()
    assert rig.most == most


async def test_one_item_that_fails_holds_up_no_other(caplog):
    rig = Rig()

    async def act(key, moved):
        moved.add(1)
        if key == "b":
            raise Expected("no")
        if key == "c":
            raise ZeroDivisionError

    rig.act = act
    async with rig.run():
        job = await rig.do(*"abcd")
    assert (job.state, job.progress.items_done, job.progress.size_done) == (JobState.FAILED, 2, 2)
    assert [(each.code, each.key) for each in job.failures] == [
        ("Expected", "b"),
        ("ZeroDivisionError", "c"),
    ]
    assert "Traceback" in caplog.text
    assert rig.counted(metric_table.TRANSFERS_ENDED) == {("test", "failed"): 1}
    assert rig.counted(metric_table.TRANSFERS_OBJECTS) == {("test",): 2}
    assert rig.counted(metric_table.TRANSFERS_BYTES) == {("test",): 2}


async def test_a_temporary_error_starts_the_job_again_after_a_pause():
    rig = Rig(job_pauses=(1.0, 5.0))
    failures = 3

    async def act(key, moved):
        nonlocal failures
        if failures:
            failures -= 1
            raise Temporary("away")

    rig.act = act
    async with rig.run():
        job = await rig.do("a")
    assert (job.state, job.attempts, job.is_repeated) == (JobState.DONE, 4, True)
    assert rig.pauses == [1.0, 5.0, 5.0]


async def test_without_pauses_a_temporary_error_ends_the_job():
    rig = Rig()

    async def act(key, moved):
        raise Temporary("away")

    rig.act = act
    async with rig.run():
        job = await rig.do(*"abcdef")
    assert (job.state, job.error.message, job.attempts) == (JobState.FAILED, "away", 1)
    assert len(rig.performed) < 6


async def test_pauses_for_an_item_retry_it_alone():
    rig = Rig(item_pauses=(1.0, 2.0))

    async def act(key, moved):
        if key == "a":
            raise Temporary("away")

    rig.act = act
    async with rig.run():
        job = await rig.do(*"ab")
    assert (job.state, job.progress.items_done) == (JobState.FAILED, 1)
    assert (rig.pauses, rig.performed.count("a")) == ([1.0, 2.0], 3)


@pytest.fixture
def blocked():
    rig = Rig()
    rig.gate = asyncio.Event()

    async def act(key, moved):
        moved.add(1)
        await rig.gate.wait()

    rig.act = act
    return rig


async def performing(rig: Rig) -> None:
    while not rig.performed:  # noqa: ASYNC110
        await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_a_paused_job_is_resumed_from_its_beginning(blocked):
    async with blocked.run() as rig:
        job = Job("1", "a", 0.0)
        await rig.engine.submit([job])
        await performing(rig)
        await rig.engine.pause(job)
        assert (job.state, job.progress.size_done, rig.running) == (JobState.PAUSED, 0, 0)
        rig.gate.set()
        await rig.engine.resume(job)
        await job.ended.wait()
    assert (job.state, job.is_repeated, rig.performed) == (JobState.DONE, True, ["a", "a"])


async def test_a_cancelled_job_can_be_retried_and_cleared(blocked):
    async with blocked.run() as rig:
        job = Job("1", "a", 0.0)
        await rig.engine.submit([job])
        await performing(rig)
        await rig.engine.cancel(job)
        assert (job.state, job.ended.is_set()) == (JobState.CANCELLED, True)
        rig.gate.set()
        await rig.engine.resume(job)
        await job.ended.wait()
        assert job.state is JobState.DONE
        assert (await rig.engine.clear(), rig.engine.jobs) == (1, {})
    assert blocked.counted(metric_table.TRANSFERS_ENDED) == {
        ("test", "cancelled"): 1,
        ("test", "done"): 1,
    }


@pytest.mark.parametrize(
    ("is_resumed", "state"), [(True, JobState.RUNNING), (False, JobState.CANCELLED)]
)
async def test_the_end_of_the_run_keeps_or_cancels_its_jobs(blocked, is_resumed, state):
    blocked.engine._policy = JobPolicy(
        kind="test", concurrency=2, expected=(), describe=describe, is_resumed=is_resumed
    )
    job = Job("1", "a", 0.0)
    async with blocked.run() as rig:
        await rig.engine.submit([job])
        await performing(rig)
    assert job.state is state
    blocked.gate.set()
    async with blocked.run():
        if is_resumed:
            await job.ended.wait()
            assert job.state is JobState.DONE


async def test_a_paused_job_that_was_never_started_stays_so():
    rig = Rig()
    job = Job("1", "a", 0.0)
    rig.engine.add(job)
    await rig.engine.pause(job)
    async with rig.run():
        await rig.do("b", id="2")
    assert (job.state, rig.performed) == (JobState.PAUSED, ["b"])


async def test_jobs_are_saved_before_they_start_and_when_they_end():
    rig = Rig()
    saved = []

    async def save() -> None:
        saved.append(list(rig.performed))

    rig.engine.save = save
    async with rig.run():
        await rig.do("a")
        await rig.engine.clear()
    assert saved[0] == []
    assert saved[-1] == ["a"]


async def test_a_job_tells_when_it_ended():
    now = [100.0]
    async with Rig(clock=lambda: now[0]).run() as rig:
        job = await rig.do("a")
        now[0] = 200.0
        await rig.engine.cancel(job)
        assert job.progress.ended_at == 100.0, "it had ended before"
        await rig.engine.resume(job)
        assert job.progress.ended_at == 0.0
        await job.ended.wait()
    assert job.progress.ended_at == 200.0


async def test_old_ended_jobs_are_forgotten():
    async with Rig(max_ended=2).run() as rig:
        for number in range(4):
            await rig.do("a", id=str(number))
            await asyncio.sleep(0)
    assert list(rig.engine.jobs) == ["2", "3"]
