"""What the journal keeps in memory; how it follows the rows is in test_journal.py."""

import asyncio
import time

from s3d.agent.stores.write_queue.pending import Kind, PendingState, PendingWrite, PushError
from s3d.agent.stores.write_queue.pending_state import PendingWrites


def put(seq, key="k"):
    return PendingWrite(seq, Kind.PUT, "bbb", key, 0, float(seq))


async def test_a_write_that_was_taken_as_it_was_replaced_keeps_its_key_busy():
    memory = PendingWrites(lambda: 100.0)
    memory.add(put(1), [])
    taken = await memory.take()
    memory.add(put(2), [1])
    assert [write.seq for write in memory.backlog.of_key("bbb", "k")] == [1, 2]
    memory.drop(taken)
    assert (await memory.take()).seq == 2


async def test_a_write_that_is_replaced_is_gone():
    memory = PendingWrites(lambda: 100.0)
    memory.add(put(1), [])
    memory.add(put(2), [1])
    assert (await memory.take()).seq == 2


async def test_whoever_takes_is_woken():
    memory = PendingWrites(lambda: 100.0)
    told = []
    memory.on_change.append(lambda: told.append(1))
    memory.add(put(1), [])
    write = await memory.take()
    memory.give_back(write, 0.0, PushError("SlowDown"))
    assert (write.attempts, write.state) == (1, PendingState.WAITING)
    assert await memory.take() is write
    assert len(told) == 2


async def test_whoever_takes_already_learns_of_a_later_time():
    memory = PendingWrites(time.time)
    memory.add(put(1), [])
    write = await memory.take()
    async with asyncio.TaskGroup() as tasks, asyncio.timeout(10):
        taking = tasks.create_task(memory.take())
        await asyncio.sleep(0)
        memory.give_back(write, time.time() + 0.01, PushError("SlowDown"))
        assert await taking is write


async def test_while_it_is_paused_nobody_looks_at_the_clock():
    now, asked = [100.0], []

    def clock():
        asked.append(1)
        return now[0]

    memory = PendingWrites(clock)
    memory.add(put(1), [])
    memory.give_back(await memory.take(), 100.5, PushError("SlowDown"))
    memory.paused = True
    now[0] = 101.0
    async with asyncio.TaskGroup() as tasks:
        taking = tasks.create_task(memory.take())
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(asked) < 10
        memory.paused = False
        memory.wake()
    assert taking.result().seq == 1


async def test_a_write_accepted_while_its_predecessor_is_noted_as_unverified_does_not_wait():
    memory = PendingWrites(lambda: 100.0)
    memory.add(put(1), [])
    first = await memory.take()
    memory.add(put(2), [])  # while the journal commits that the first is to be verified
    memory.verify(first, 1_000.0, PushError("Unverified"))
    async with asyncio.timeout(5):
        assert await memory.take() is first
