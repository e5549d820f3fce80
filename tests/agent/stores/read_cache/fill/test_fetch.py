"""One GET under way into a file."""

from __future__ import annotations

import asyncio
import os
import random

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody, StreamBody
from s3d.agent.storage.blocks import BLOCK, crc
from s3d.agent.stores.read_cache.catalog.verify import DigestCheck
from s3d.agent.stores.read_cache.fill.fetch import Fetch, whole
from tests.agent.gated_threads import GatedThreads, cancel_while_held
from tests.agent.stores.read_cache.catalog.test_entry import entry_of
from tests.contract.client import chunks

DATA = random.Random(1).randbytes(2 * BLOCK + 1_000)


@pytest.fixture
def fetch(tmp_path):
    entry = entry_of(len(DATA))
    fd = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    made = Fetch(entry, *whole(entry), fd, DigestCheck(None))
    yield made
    made.close()


async def test_the_bytes_are_in_the_file_and_their_sums_are_noted(fetch, tmp_path):
    await fetch.run(StreamBody(chunks(DATA[:5], DATA[5 : BLOCK + 7], DATA[BLOCK + 7 :])))
    fetch.note()
    fetch.finish()
    assert (tmp_path / "file").read_bytes() == DATA
    blocks = [DATA[start : start + BLOCK] for start in range(0, len(DATA), BLOCK)]
    assert list(fetch.entry.sums) == [crc(block) for block in blocks]
    assert fetch.entry.is_whole


@pytest.mark.parametrize("data", [DATA[:-1], DATA + b"x", b""])
async def test_too_few_or_too_many_bytes_are_an_error(fetch, data):
    await fetch.run(BytesBody(data))
    assert (fetch.is_over, isinstance(fetch.error, S3Error)) == (True, True)
    with pytest.raises(S3Error):
        await fetch.reach(0)


async def test_a_cancelled_fetch_writes_before_it_is_over(fetch, tmp_path):
    threads = GatedThreads()
    async with asyncio.TaskGroup() as tasks:
        threads.shut()
        task = tasks.create_task(fetch.run(StreamBody(chunks(DATA))))
        is_early = await cancel_while_held(threads, task)
        threads.open()
    assert not is_early
    assert (tmp_path / "file").read_bytes() == DATA
    assert fetch.is_over


async def test_readers_are_told_how_far_it_is(fetch):
    gate = asyncio.Event()

    async def body():
        yield DATA[:1_000]
        await gate.wait()
        yield DATA[1_000:]

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(fetch.run(StreamBody(body())))
        assert await fetch.reach(0) == 1_000
        waiting = tasks.create_task(fetch.reach(1_000))
        await asyncio.sleep(0)
        assert not waiting.done()
        gate.set()
    assert waiting.result() == len(DATA)


async def test_an_error_of_the_body_is_told_to_all_who_wait(fetch):
    async def body():
        yield DATA[:10]
        raise S3Error("ServiceUnavailable", "gone")

    await fetch.run(StreamBody(body()))
    with pytest.raises(S3Error, match="gone"):
        await fetch.reach(10)
