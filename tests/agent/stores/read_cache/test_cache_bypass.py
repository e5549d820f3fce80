"""The way of the write queue past the cache."""

from __future__ import annotations

from s3d.agent.stores.read_cache.cache_bypass import CacheBypass
from tests.contract.client import Client


async def test_who_has_to_know_reads_past_the_cache_and_writes_through_it(rig):
    await rig.s3.put("bbb", "k", b"old")
    await rig.s3.read("bbb", "k")
    past = Client(CacheBypass(rig.cache))
    await rig.there.put("bbb", "k", b"behind")
    assert await past.read("bbb", "k") == b"behind"
    await past.put("bbb", "k", b"new")
    assert await rig.s3.read("bbb", "k") == b"new"
