"""What the journal keeps in writes; how it follows the rows is in test_journal.py."""

import asyncio
import time

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.write_queue.journal.pending_write import (
    Kind,
    PendingState,
    PushError,
    new_write,
)
from s3d.agent.stores.write_queue.journal.pending_writes import (
    PendingWrites,
    SettleWaiter,
    SettleWaiters,
)


def put(seq, key="k"):
    return new_write(seq, Kind.PUT, "bbb", key, 0, float(seq))


async def test_a_write_that_was_taken_as_it_was_replaced_keeps_its_key_busy():
    writes = PendingWrites(lambda: 100.0)
    writes.add(put(1), [])
    taken = await writes.take()
    writes.add(put(2), [1])
    assert [write.seq for write in writes.index.of_key("bbb", "k")] == [1, 2]
    writes.drop(taken)
    assert (await writes.take()).seq == 2


async def test_a_write_that_is_replaced_is_gone():
    writes = PendingWrites(lambda: 100.0)
    writes.add(put(1), [])
    writes.add(put(2), [1])
    assert (await writes.take()).seq == 2


async def test_whoever_takes_is_woken():
    writes = PendingWrites(lambda: 100.0)
    told = []
    writes.on_change.append(lambda: told.append(1))
    writes.add(put(1), [])
    write = await writes.take()
    writes.retry_later(write, 0.0, PushError("SlowDown"))
    assert (write.attempts, write.state) == (1, PendingState.WAITING)
    assert await writes.take() is write
    assert len(told) == 2


async def test_whoever_takes_already_learns_of_a_later_time():
    writes = PendingWrites(time.time)
    writes.add(put(1), [])
    write = await writes.take()
    async with asyncio.TaskGroup() as tasks, asyncio.timeout(10):
        taking = tasks.create_task(writes.take())
        await asyncio.sleep(0)
        writes.retry_later(write, time.time() + 0.01, PushError("SlowDown"))
        assert await taking is write


async def test_while_it_is_paused_nobody_looks_at_the_clock():
    now, asked = [100.0], []

    def clock():
        asked.append(1)
        return now[0]

    writes = PendingWrites(clock)
    writes.add(put(1), [])
    writes.retry_later(await writes.take(), 100.5, PushError("SlowDown"))
    writes.paused = True
    now[0] = 101.0
    async with asyncio.TaskGroup() as tasks:
        taking = tasks.create_task(writes.take())
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(asked) < 10
        writes.paused = False
        writes.wake()
    assert taking.result().seq == 1


async def test_a_write_accepted_while_its_predecessor_is_noted_as_unverified_does_not_wait():
    writes = PendingWrites(lambda: 100.0)
    writes.add(put(1), [])
    first = await writes.take()
    writes.add(put(2), [])  # while the journal commits that the first is to be verified
    writes.verify(first, 1_000.0, PushError("Unverified"))
    async with asyncio.timeout(5):
        assert await writes.take() is first


def write(seq, key="k", bucket="bbb"):
    return new_write(seq, Kind.PUT, bucket, key, 0, 0.0)


def denied():
    return S3Error("AccessDenied")


async def waits(act, *, is_strict, needed):
    """Whether somebody still waits after the act; what was raised is raised."""
    waiters, waiter = SettleWaiters(), SettleWaiter("bbb", needed, is_strict=is_strict)
    waiting = asyncio.get_running_loop().create_task(waiters.wait(waiter))
    await asyncio.sleep(0)
    act(waiters)
    for _ in range(10):  # nothing is waited for but turns of the loop
        await asyncio.sleep(0)
    if not waiting.done():
        waiting.cancel()
        return True
    waiting.result()
    return False


@pytest.mark.parametrize(
    ("act", "still"),
    [
        (lambda waiters: waiters.pushed(write(1)), True),
        (lambda waiters: waiters.pushed(write(2)), False),
        (lambda waiters: waiters.pushed(write(3)), False),
        (lambda waiters: waiters.pushed(write(3, bucket="other")), True),
        (lambda waiters: waiters.pushed(write(3, key="other")), True),
        (lambda waiters: waiters.emptied(write(1)), False),
    ],
)
async def test_a_key_is_settled_by_its_write_or_a_later_one(act, still):
    assert await waits(act, is_strict=True, needed={"k": 2}) is still


async def test_all_keys_have_to_be_settled():
    assert await waits(lambda w: w.pushed(write(9)), is_strict=False, needed={"k": 2, "l": 1})


async def test_who_waits_for_a_key_is_told_of_its_failure():
    for act in (
        lambda waiters: waiters.failed(write(2), denied),
        lambda waiters: waiters.delayed(write(2), denied),
    ):
        with pytest.raises(S3Error, match="AccessDenied"):
            await waits(act, is_strict=True, needed={"k": 2})


async def test_who_waits_for_a_bucket_passes_over_what_is_parked_and_waits_for_what_is_delayed():
    assert not await waits(lambda w: w.failed(write(2), denied), is_strict=False, needed={"k": 2})
    assert await waits(lambda w: w.delayed(write(2), denied), is_strict=False, needed={"k": 2})
