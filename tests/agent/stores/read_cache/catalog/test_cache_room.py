"""The cache keeps its limits, and evicts what may go."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.agent.stores.read_cache.catalog.test_catalog import opened, put, settled


async def test_the_limits_hold(tmp_path):
    with opened(tmp_path, size=1 << 20, files=50) as catalog:
        for number in range(200):
            put(catalog, f"k{number}", bytes(30_000))
            assert catalog.room.used <= catalog.room.limits.room
        assert catalog.count < 50
        for number in range(200):
            put(catalog, f"small{number}")
            assert catalog.count <= 50
        assert not catalog.room.make(2 << 20)
        await catalog.room.set_limits(files=10)
        assert catalog.count < 10
        await settled(catalog)


async def test_nothing_is_taken_in_when_all_must_stay(tmp_path):
    with opened(tmp_path, files=3) as catalog:
        catalog.is_pinned = lambda bucket, key: True
        for number in range(3):
            put(catalog, f"k{number}")
        assert not catalog.room.make(1)
        await settled(catalog)


async def test_a_claim_counts_until_it_is_given_back(tmp_path):
    with opened(tmp_path, size=1 << 20) as catalog:
        assert catalog.room.claim(600_000)
        assert not catalog.room.claim(600_000)
        catalog.room.unclaim(600_000)
        assert catalog.room.used == 0
        assert catalog.room.claim(600_000)


def longest(callback) -> float:
    begun = time.thread_time()
    callback()
    return time.thread_time() - begun


@pytest.mark.finding("Q10")
@pytest.mark.slow
async def test_a_full_cache_of_pinned_entries_does_not_stop_the_loop(tmp_path):
    """Each miss looked at all of them, seven times."""
    with opened(tmp_path, files=100_000) as catalog:
        for number in range(100_000):
            catalog.names.enter(
                catalog._fifo.add(512, number, known=True), f"bbb/{number}", number + 1
            )
        pinned = set(range(100_000))
        catalog.is_pinned = lambda bucket, key: int(key) in pinned
        for _ in range(120):
            assert longest(lambda: catalog.room.make(100)) < 0.02
        assert longest(lambda: catalog.room.make(100)) < 0.001  # Nothing is looked at any more.
        pinned.remove(99_999)
        catalog.room.pins_changed()
        for _ in range(100):
            if catalog.room.make(100):
                break
        assert (catalog.count, catalog.peek("bbb", "99999")) == (99_999, None)


@pytest.mark.finding("Q10")
async def test_room_for_a_large_object_is_made_bit_by_bit(tmp_path):
    with opened(tmp_path, size=64 << 20) as catalog:
        for number in range(2_000):
            put(catalog, f"k{number}")
        others = 0

        async def other() -> None:
            nonlocal others
            while True:
                others += 1
                await asyncio.sleep(0)

        task = asyncio.get_running_loop().create_task(other())
        await catalog.room.make_slowly(catalog.room.limits.room - 1)
        assert (catalog.count, others >= 9) == (0, True)
        for number in range(1_000):
            put(catalog, f"k{number}")
        others = 0
        assert await catalog.clear() == 1_000
        assert (catalog.count, others >= 4) == (0, True)
        task.cancel()
