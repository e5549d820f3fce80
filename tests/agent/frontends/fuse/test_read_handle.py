"""Reads of an open object: the bytes, the windows that are requested, and newer versions."""

from __future__ import annotations

import asyncio
import errno
import os
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.frontends.fuse.object_opener import ObjectOpener, Opened
from s3d.agent.frontends.fuse.read_handle import SMALLEST, ReadAheadBudget, ReadHandle
from tests.agent.frontends.fuse.conftest import BUCKET, World, never
from tests.agent.frontends.fuse.streamed import Streamed

MIB = 1 << 20
DATA = os.urandom(40 * MIB + 12_345)
READ = 128 << 10


class Opening:
    """Opens objects of the world's store, as those of a remote."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.streamed = Streamed(world.store)
        self.budget = ReadAheadBudget()

    async def open(self, key: str, *, at_once: bool = False) -> ReadHandle:
        client = S3Client(self.streamed)
        opener = ObjectOpener(client, is_local=never, spawn=self.world.bridge.start)
        if at_once:
            opened = await opener.open(BUCKET, key)
        else:
            info = await client.head(BUCKET, key)
            assert info is not None
            opened = Opened(info, None)
        return ReadHandle(
            (BUCKET, key), opened, opener=opener, bridge=self.world.bridge, budget=self.budget
        )


@pytest.fixture
async def opening(world: World) -> Opening:
    return Opening(world)


def read_all(handle: ReadHandle, start: int = 0) -> bytes:
    found = []
    offset = start
    while data := handle.read(READ, offset):
        found.append(data)
        offset += len(data)
    return b"".join(found)


async def test_a_small_object_needs_one_request(opening: Opening) -> None:
    await opening.world.put("small", b"0123456789")
    handle = await opening.open("small", at_once=True)
    assert handle.read(4, 2) == b"2345"
    assert handle.read(100, 8) == b"89"
    assert handle.read(1, 10) == b""
    assert opening.streamed.ranges == [""]
    handle.close()


async def test_a_program_that_reads_on_gets_larger_and_larger_windows(opening: Opening) -> None:
    await opening.world.put("big", DATA)
    handle = await opening.open("big")
    assert await asyncio.to_thread(read_all, handle) == DATA
    sizes = [
        int(end) + 1 - int(start)
        for start, _, end in (each.partition("-") for each in opening.streamed.ranges)
    ]
    assert [size // MIB for size in sizes] == [1, 2, 4, 8, 16, 9]
    assert sum(sizes) == len(DATA)
    await asyncio.to_thread(handle.close)


async def test_single_reads_fetch_no_more_than_a_block(opening: Opening) -> None:
    await opening.world.put("big", DATA)
    handle = await opening.open("big")
    chosen = random.Random(7)
    blocks = [3, 30, 11, 39, 20]
    for block in blocks:
        offset = block * MIB + chosen.randrange(MIB - 4_096)
        assert await asyncio.to_thread(handle.read, 4_096, offset) == DATA[offset : offset + 4_096]
    assert opening.streamed.ranges == [f"{n * MIB}-{(n + 1) * MIB - 1}" for n in blocks]
    offset = 11 * MIB + 5
    assert await asyncio.to_thread(handle.read, 10, offset) == DATA[offset : offset + 10]
    assert len(opening.streamed.ranges) == 5
    await asyncio.to_thread(handle.close)


async def test_reads_at_random_places_and_of_any_size_are_right(opening: Opening) -> None:
    await opening.world.put("big", DATA)
    handle = await opening.open("big")
    chosen = random.Random(11)
    reads = [(chosen.randrange(3 * MIB), chosen.randrange(len(DATA) + 1_000)) for _ in range(60)]

    def check(size: int, offset: int) -> bool:
        return handle.read(size, offset) == DATA[offset : offset + size]

    # Threads of their own: the loop needs those of to_thread() to read files.
    with ThreadPoolExecutor(8) as threads:
        checks = [threads.submit(check, *each) for each in reads]
        assert all([await asyncio.wrap_future(each) for each in checks])
    await asyncio.to_thread(handle.close)
    assert opening.budget.take(128 * MIB) == 128 * MIB


@pytest.mark.rule("MOUNT-6")
async def test_another_version_is_never_read_with_the_same_handle(opening: Opening) -> None:
    await opening.world.put("big", DATA)
    handle = await opening.open("big")
    assert await asyncio.to_thread(handle.read, 10, 0) == DATA[:10]
    await opening.world.put("big", DATA[::-1])
    assert await asyncio.to_thread(handle.read, 10, 100) == DATA[100:110]
    with pytest.raises(OSError, match="replaced while it was open") as caught:
        await asyncio.to_thread(handle.read, 10, 20 * MIB)
    assert caught.value.errno == errno.ESTALE
    await opening.world.client.delete(BUCKET, "big")
    with pytest.raises(OSError, match="replaced while it was open"):
        await asyncio.to_thread(handle.read, 10, 30 * MIB)
    await asyncio.to_thread(handle.close)


async def test_a_window_that_is_on_its_way_ends_with_the_handle(opening: Opening) -> None:
    await opening.world.put("big", DATA)
    handle = await opening.open("big")
    opening.streamed.flows.clear()
    reading = asyncio.get_running_loop().run_in_executor(None, handle.read, READ, 30 * MIB)
    await opening.streamed.begun.wait()
    await asyncio.to_thread(handle.close)
    with pytest.raises(OSError, match="was cancelled"):
        await reading
    await opening.streamed.ended.wait()
    assert opening.budget.take(128 * MIB) == 128 * MIB


def test_the_budget_always_grants_a_small_window() -> None:
    budget = ReadAheadBudget(10 * SMALLEST)
    assert budget.take(8 * SMALLEST) == 8 * SMALLEST
    assert budget.take(8 * SMALLEST) == 2 * SMALLEST
    assert budget.take(8 * SMALLEST) == SMALLEST
    assert budget.take(5) == 5
