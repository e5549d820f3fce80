"""The way of the write queue past the cache."""

from __future__ import annotations

import asyncio
import threading

import pytest

from s3d.agent.stores.read_cache.layer import CacheBypass
from tests.contract.client import Client


async def test_who_has_to_know_reads_past_the_cache_and_writes_through_it(rig):
    await rig.s3.put("bbb", "k", b"old")
    await rig.s3.read("bbb", "k")
    past = Client(CacheBypass(rig.cache))
    await rig.there.put("bbb", "k", b"behind")
    assert await past.read("bbb", "k") == b"behind"
    await past.put("bbb", "k", b"new")
    assert await rig.s3.read("bbb", "k") == b"new"


@pytest.mark.finding("S2")
@pytest.mark.parametrize("is_deleted", [True, False])
async def test_a_push_that_turns_out_to_have_landed_makes_the_cache_forget(rig, is_deleted):
    """Its answer was lost; the queue looks at what the remote has, and is done with the write."""
    await rig.there.put("bbb", "k", b"old")
    await rig.s3.read("bbb", "k")
    await rig.cache.catalog.rows.committed()
    if is_deleted:
        await rig.there("DeleteObject", Bucket="bbb", Key="k")
    else:
        await rig.there.put("bbb", "k", b"new")
    written = threading.Event()
    rig.cache.catalog.index.post(lambda tx: written.wait(10))
    bypass = Client(CacheBypass(rig.cache))
    looking = asyncio.get_running_loop().create_task(
        bypass.code("HeadObject", Bucket="bbb", Key="k")
    )
    await rig.until(lambda: rig.cache.catalog.peek("bbb", "k") is None)
    assert not looking.done()  # The row of the old version goes first.
    written.set()
    await looking


async def test_what_is_as_it_was_stays(rig):
    await rig.there.put("bbb", "k", b"old")
    await rig.s3.read("bbb", "k")
    await Client(CacheBypass(rig.cache))("HeadObject", Bucket="bbb", Key="k")
    assert rig.cache.catalog.peek("bbb", "k") is not None
