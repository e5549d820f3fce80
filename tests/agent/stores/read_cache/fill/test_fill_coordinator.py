"""One fetch for all who want it, of what is missing and no more."""

from __future__ import annotations

import asyncio
import random

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request
from s3d.agent.s3.model import operations
from s3d.agent.stores.read_cache.catalog.cache_room import Limits
from tests.agent.stores.read_cache.rig import PIECE, open_rig
from tests.contract.client import read

MIB = 1 << 20
DATA = random.Random(1).randbytes(5 * MIB + 300_000)


async def get(rig, **members):
    request = S3Request(operations()["GetObject"], {"Bucket": "bbb", "Key": "k", **members})
    return await rig.cache.call(request)


@pytest.mark.parametrize("size", [1_000, 5 * MIB])
async def test_fifty_readers_of_a_cold_object_cost_one_fetch(rig, size):
    await rig.there.put("bbb", "k", DATA[:size])
    async with asyncio.TaskGroup() as tasks:
        readers = [tasks.create_task(rig.s3.read("bbb", "k")) for _ in range(50)]
    assert all(reader.result() == DATA[:size] for reader in readers)
    assert (rig.remote.gets(), rig.remote.sent) == (1, size)


async def test_readers_get_bytes_while_the_fill_is_under_way(rig):
    await rig.there.put("bbb", "k", DATA)
    rig.remote.gate.clear()
    for _ in range(2):
        response = await get(rig)
        body = aiter(response.body)
        assert await anext(body) == DATA[:PIECE]
        await response.body.aclose()
    assert rig.cache.fills.in_flight == 1
    rig.remote.gate.set()
    assert await rig.s3.read("bbb", "k") == DATA
    assert rig.remote.gets() == 1


async def test_a_reader_that_goes_away_does_not_end_the_fill(rig):
    await rig.there.put("bbb", "k", DATA)
    rig.remote.gate.clear()
    reading = asyncio.get_running_loop().create_task(rig.s3.read("bbb", "k"))
    await rig.until(lambda: rig.remote.sent > 0)
    reading.cancel()
    rig.remote.gate.set()
    await rig.quiet()
    assert rig.cache.catalog.peek("bbb", "k").is_whole


async def test_a_range_fetches_the_blocks_it_touches_and_later_reads_what_is_missing(rig):
    await rig.there.put("bbb", "k", DATA)
    for start in (2 * MIB + 5, 2 * MIB + 90_000):
        asked = f"bytes={start}-{start + 65_535}"
        answer = await rig.s3("GetObject", Bucket="bbb", Key="k", Range=asked)
        assert (answer.status, answer.body) == (206, DATA[start : start + 65_536])
        assert answer["ContentRange"] == f"bytes {start}-{start + 65_535}/{len(DATA)}"
    await rig.quiet()
    assert rig.remote.sent == MIB
    assert await rig.s3.read("bbb", "k") == DATA
    await rig.quiet()
    assert rig.remote.sent == len(DATA)
    assert rig.cache.catalog.peek("bbb", "k").is_whole


@pytest.mark.finding("user-5")
async def test_every_fetch_into_the_cache_is_counted(rig):
    await rig.there.put("bbb", "k", DATA)
    for start in (0, 4 * MIB):
        await rig.s3("GetObject", Bucket="bbb", Key="k", Range=f"bytes={start}-{start + 99}")
        await rig.quiet()
    assert rig.cache.fills.counters.fills.value == rig.remote.gets() == 2
    assert await rig.s3.read("bbb", "k") == DATA
    await rig.quiet()
    assert rig.cache.fills.counters.fills.value == rig.remote.gets()


async def test_random_ranges_are_right_and_nothing_is_fetched_twice(rig):
    await rig.there.put("bbb", "k", DATA)
    random_ = random.Random(3)
    for number in range(60):
        start = random_.randrange(len(DATA))
        stop = min(len(DATA), start + random_.choice((1, 5_000, MIB, 3 * MIB)))
        asked = f"bytes={start}-{stop - 1}"
        assert await rig.s3.read("bbb", "k", Range=asked) == DATA[start:stop]
        if number == 30:
            await rig.quiet()
            await rig.restart()
    assert rig.remote.sent <= len(DATA)


async def test_a_range_of_the_end_or_without_an_end(rig):
    await rig.there.put("bbb", "k", DATA)
    assert await rig.s3.read("bbb", "k", Range="bytes=-7") == DATA[-7:]
    assert await rig.s3.read("bbb", "k", Range=f"bytes={5 * MIB}-") == DATA[5 * MIB :]
    assert await rig.s3.read("bbb", "k", Range="bytes=-7") == DATA[-7:]


@pytest.mark.parametrize("size", [1_000, 3 * MIB])
async def test_a_fetch_that_breaks_off_is_an_error_and_leaves_nothing(rig, size):
    await rig.there.put("bbb", "k", DATA[:size])
    rig.remote.truncate = size // 2
    for _ in range(2):
        with pytest.raises(S3Error):
            await rig.s3.read("bbb", "k")
    rig.remote.truncate = None
    assert await rig.s3.read("bbb", "k") == DATA[:size]


@pytest.mark.parametrize("size", [1_000, 3 * MIB])
@pytest.mark.parametrize("algorithm", ["", "CRC64NVME"])
async def test_wrong_bytes_are_not_kept_and_not_given_for_right(rig, size, algorithm):
    checksum = {"ChecksumAlgorithm": algorithm} if algorithm else {}
    await rig.there.put("bbb", "k", DATA[:size], **checksum)
    rig.remote.garble = True
    with pytest.raises(S3Error):
        await rig.s3.read("bbb", "k")
    await rig.quiet()
    assert rig.cache.catalog.peek("bbb", "k") is None
    rig.remote.garble = False
    assert await rig.s3.read("bbb", "k") == DATA[:size]


async def test_an_etag_that_is_no_md5_is_believed_when_the_same_bytes_come_twice(rig):
    await rig.there.put("bbb", "k", DATA[:1_000])
    rig.remote.garble = True  # the server always says so
    with pytest.raises(S3Error):
        await rig.s3.read("bbb", "k")
    strange = bytes([DATA[0] ^ 1]) + DATA[1:1_000]
    assert await rig.s3.read("bbb", "k") == strange
    await rig.there.put("bbb", "other", DATA[:1_000])
    assert await rig.s3.read("bbb", "other") == strange


async def test_what_is_larger_than_the_cache_goes_through(tmp_path):
    async with open_rig(tmp_path, Limits(size=2 * MIB, files=10)) as rig:
        await rig.there.put("bbb", "k", DATA)
        for number in (1, 2):
            assert await rig.s3.read("bbb", "k") == DATA
            assert rig.remote.gets() == number
        assert rig.cache.catalog.count == 0
        assert await rig.s3.read("bbb", "k", Range="bytes=5-9") == DATA[5:10]


async def test_the_object_changes_between_two_fetches_of_it(rig):
    await rig.there.put("bbb", "k", DATA)
    assert await rig.s3.read("bbb", "k", Range="bytes=0-9") == DATA[:10]
    await rig.there.put("bbb", "k", DATA[::-1])
    with pytest.raises(S3Error) as caught:  # its beginning is out already, and is of the old one
        await rig.s3.read("bbb", "k")
    assert caught.value.code == "PreconditionFailed"
    assert await rig.s3.read("bbb", "k") == DATA[::-1]


async def test_a_disk_that_fails_is_left_alone_for_a_while(rig):
    await rig.there.put("bbb", "k", DATA)
    blobs = rig.cache.catalog.blobs
    blobs.folder.rename(blobs.folder.with_suffix(".away"))
    blobs.folder.write_bytes(b"")
    assert await rig.s3.read("bbb", "k") == DATA
    assert await rig.s3.read("bbb", "k") == DATA
    assert "disk" in rig.cache.trouble
    blobs.folder.unlink()
    blobs.folder.with_suffix(".away").rename(blobs.folder)
    rig.time.now += 31
    assert await rig.s3.read("bbb", "k") == await rig.s3.read("bbb", "k") == DATA
    assert (rig.cache.trouble, rig.remote.gets()) == ("", 3)


async def test_a_slow_reader_does_not_hold_the_fetch(rig):
    await rig.there.put("bbb", "k", DATA)
    response = await get(rig)
    body = aiter(response.body)
    first = await anext(body)
    await rig.quiet()
    assert first + b"".join([chunk async for chunk in body]) == DATA
    await response.body.aclose()
    assert await read((await get(rig)).body) == DATA


@pytest.mark.finding("Q11")
@pytest.mark.parametrize("size", [1_000, 3 * MIB])
async def test_readers_that_were_called_before_a_fill_and_begin_after_it_share_it(rig, size):
    """The front door calls the store, and awaits the answer in a task that starts later."""
    await rig.there.put("bbb", "k", DATA[:size])
    members = {"Bucket": "bbb", "Key": "k"}
    calls = [rig.cache.call(S3Request(operations()["GetObject"], members)) for _ in range(5)]
    for call in calls:
        response = await call
        assert await read(response.body) == DATA[:size]
        await rig.quiet()
    assert rig.remote.gets() == 1


@pytest.mark.finding("Q11")
async def test_readers_that_miss_the_same_blocks_at_the_same_time_share_a_fetch(rig):
    await rig.there.put("bbb", "k", DATA)
    await rig.s3.read("bbb", "k", Range="bytes=0-9")
    await rig.quiet()
    async with asyncio.TaskGroup() as tasks:
        readers = [tasks.create_task(rig.s3.read("bbb", "k")) for _ in range(20)]
    assert all(reader.result() == DATA for reader in readers)
    await rig.quiet()
    assert (rig.remote.gets(), rig.remote.sent) == (2, len(DATA))
