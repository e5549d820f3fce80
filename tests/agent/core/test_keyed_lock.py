import asyncio

from s3d.agent.core.keyed_lock import KeyedLock


async def test_one_is_alone_with_a_key_in_the_order_of_coming():
    locks, busy, seen = KeyedLock(), [], []

    async def work(number):
        async with locks.hold(("bucket", "key")):
            busy.append(number)
            await asyncio.sleep(0)
            assert busy == [number]
            seen.append(busy.pop())

    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(work(number))
    assert seen == list(range(5))


async def test_other_keys_do_not_wait_and_nothing_is_left_behind():
    locks = KeyedLock()
    async with (
        locks.hold(("bucket", "one")),
        locks.hold(("bucket", "two")),
        locks.hold(("other", "one")),
    ):
        assert len(locks._locks) == 3
    assert not locks._locks
    assert not locks._users
