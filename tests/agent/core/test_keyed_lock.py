import asyncio

from s3d.agent.core.keyed_lock import Turns


async def test_one_is_alone_with_a_key_in_the_order_of_coming():
    turns, busy, seen = Turns(), [], []

    async def work(number):
        async with turns.of("bucket", "key"):
            busy.append(number)
            await asyncio.sleep(0)
            assert busy == [number]
            seen.append(busy.pop())

    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(work(number))
    assert seen == list(range(5))


async def test_other_keys_do_not_wait_and_nothing_is_left_behind():
    turns = Turns()
    async with turns.of("bucket", "one"), turns.of("bucket", "two"), turns.of("other", "one"):
        assert len(turns._locks) == 3
    assert not turns._locks
    assert not turns._users
