"""Bodies of entries that are not whole, or have rotted while they are read."""

from __future__ import annotations

import os
from contextlib import aclosing

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request
from s3d.agent.s3.model import operations
from s3d.agent.stores.read_cache.fill import partial_body
from s3d.agent.stores.read_cache.fill.partial_body import FillBody
from tests.agent.stores.read_cache.fill.test_fill_coordinator import DATA
from tests.contract.client import read

MIB = 1 << 20


async def partly(rig):
    """An entry of which the blocks 1 and 3 are here."""
    await rig.there.put("bbb", "k", DATA)
    for block in (1, 3):
        await rig.s3.read("bbb", "k", Range=f"bytes={block * MIB}-{block * MIB + 9}")
        await rig.quiet()
    entry = rig.cache.catalog.peek("bbb", "k")
    assert entry.present == 0b1010
    return entry


async def test_what_is_here_and_what_is_missing_come_as_one(rig):
    entry = await partly(rig)
    start = MIB + 77
    body = FillBody(rig.cache.fills, entry, start, 3 * MIB)
    assert body.size == 3 * MIB
    assert await read(body) == DATA[start : start + 3 * MIB]


async def test_a_caller_can_read_the_file_as_the_bytes_arrive(rig):
    entry = await partly(rig)
    start, size = MIB + 77, 3 * MIB
    body = FillBody(rig.cache.fills, entry, start, size)
    file, found = body.file(), b""
    assert (file.offset, file.size) == (start, size)
    async for until in body.arrivals():
        found += os.pread(file.fd, until - start - len(found), start + len(found))
    assert found == DATA[start : start + size]
    await body.aclose()


async def test_a_block_that_has_rotted_is_fetched_anew(rig):
    entry = await partly(rig)
    with rig.path("k").open("r+b") as file:
        file.seek(MIB + 5)
        file.write(bytes([DATA[MIB + 5] ^ 1]))
    assert await rig.s3.read("bbb", "k") == DATA
    assert (entry.is_whole, rig.cache.counters.corrupt.value > 0) == (True, True)


@pytest.mark.parametrize("size", [1_000, len(DATA)])
async def test_a_flipped_byte_on_the_disk_is_never_given(rig, size):
    await rig.there.put("bbb", "k", DATA[:size])
    await rig.s3.read("bbb", "k")
    await rig.quiet()
    if size > 65_536:
        with rig.path("k").open("r+b") as file:
            file.seek(size - 1)
            file.write(bytes([DATA[size - 1] ^ 1]))
    else:
        index = rig.cache.catalog.index
        await index.write(lambda tx: tx.run("UPDATE bodies SET data = zeroblob(1000)", ()))
        rig.cache.catalog.cool(rig.cache.catalog.peek("bbb", "k"))
    for _ in range(2):
        assert await rig.s3.read("bbb", "k") == DATA[:size]
    assert rig.remote.gets() == 2


async def test_a_file_that_is_gone_is_a_miss(rig):
    await rig.there.put("bbb", "k", DATA)
    await rig.s3.read("bbb", "k")
    await rig.quiet()
    rig.path("k").unlink()
    for _ in range(3):
        assert await rig.s3.read("bbb", "k") == DATA


async def test_a_slow_reader_gets_no_more_once_the_bytes_turned_out_to_be_wrong(rig, monkeypatch):
    monkeypatch.setattr(partial_body, "_CHUNK", 1_000)
    await rig.there.put("bbb", "k", DATA)
    rig.remote.garble = True
    rig.remote.gate.clear()
    request = S3Request(operations()["GetObject"], {"Bucket": "bbb", "Key": "k"})
    response = await rig.cache.call(request)  # a fetch of all of it, whose first piece has come
    reader = FillBody(rig.cache.fills, rig.cache.catalog.peek("bbb", "k"), 0, 5_000)
    async with aclosing(aiter(reader)) as chunks:
        assert len(await anext(chunks)) == 1_000
        rig.remote.gate.set()
        await rig.quiet()
        with pytest.raises(S3Error):
            await anext(chunks)
    await reader.aclose()
    await response.body.aclose()


async def test_it_can_be_closed_at_any_time(rig):
    entry = await partly(rig)
    body = FillBody(rig.cache.fills, entry, 0, len(DATA))
    await body.aclose()
    await body.aclose()
    rig.path("k").unlink()
    with pytest.raises(S3Error):
        FillBody(rig.cache.fills, entry, 0, 10)


async def test_what_is_forgotten_while_it_is_read_is_read_to_its_end(rig):
    await rig.there.put("bbb", "k", DATA)
    request = S3Request(operations()["GetObject"], {"Bucket": "bbb", "Key": "k"})
    response = await rig.cache.call(request)
    await rig.quiet()
    rig.cache.forget("bbb", "k")
    assert await read(response.body) == DATA
