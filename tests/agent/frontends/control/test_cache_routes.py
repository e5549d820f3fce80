"""The routes of the read cache, over the socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

import aiohttp
import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.core.store import ObjectStore
from s3d.agent.frontends.control.cache_routes import CacheRoutes
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.stores.local.store import LocalStore
from s3d.agent.stores.read_cache.cache_status import CacheParts
from s3d.agent.stores.read_cache.layer import Cache
from s3d.agent.stores.read_cache.pins import Pins
from s3d.agent.stores.read_cache.prefetch import PinManager
from s3d.shared.caching import (
    CacheChanges,
    CacheList,
    CachePlace,
    CacheStatus,
    Pin,
    PinList,
    PinStatus,
    PrefetchRequest,
    PrefetchStatus,
    Verified,
)
from s3d.shared.control import Problem, decode
from s3d.shared.transfers import Count
from tests.agent.frontends.control.served import Caller, served
from tests.contract.cached import cache_before
from tests.contract.client import Client

ENTRIES = "/v1/cache/entries"


@dataclass
class Door(Caller):
    """The routes on a socket, before a cache on a store of this process."""

    cache: Cache
    parts: CacheParts
    through: Client
    client: aiohttp.ClientSession


UNUSED = S3Client(cast(ObjectStore, None))
"""Without a cache, nothing is called."""


@pytest.fixture
async def door(places, tmp_path) -> AsyncIterator[Door]:
    """With five small objects below p/ and a large one, all read once."""
    index = Index.open(tmp_path / "index.sqlite", ephemeral=True)
    inner = LocalStore(index, Blobs(tmp_path / "blobs", ephemeral=True))
    async with cache_before(inner, tmp_path / "cache") as cache:
        pin_manager = PinManager(cache, Pins(tmp_path / "pins.json"))
        running = asyncio.get_running_loop().create_task(pin_manager.run())
        parts = CacheParts(cache, pin_manager, tmp_path)
        through = Client(cache)
        await through("CreateBucket", Bucket="bbb")
        for number in range(5):
            await through.put("bbb", f"p/{number}", b"1" * 1_000)
            await through.read("bbb", f"p/{number}")
        await through.put("bbb", "large", b"2" * 2_500_000)
        await through.read("bbb", "large", Range="bytes=0-99")
        async with served(places.socket, CacheRoutes(parts, S3Client(cache)).routes()) as client:
            yield Door(cache, parts, through, client)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    index.close()


async def names(door, query="") -> list[str]:
    return [entry.key for entry in (await door.ask("GET", ENTRIES + query, CacheList)).entries]


async def test_the_numbers_are_those_of_the_cache(door):
    await door.through.read("bbb", "p/0")
    status = await door.ask("GET", "/v1/cache", CacheStatus)
    assert (status.files, status.hits, status.hit_bytes, status.misses) == (6, 1, 1_000, 6)
    assert status.fetched_bytes == 5_000 + (1 << 20)
    assert 1 << 20 < status.size < 2 << 20


async def test_entries_come_by_name_in_pages(door):
    assert await names(door) == ["large", "p/0", "p/1", "p/2", "p/3", "p/4"]
    assert await names(door, "?bucket=bbb&prefix=p/1") == ["p/1"]
    first = await door.ask("GET", f"{ENTRIES}?limit=4", CacheList)
    second = await door.ask("GET", f"{ENTRIES}?limit=4&cursor={first.cursor}", CacheList)
    assert [len(first.entries), len(second.entries), second.cursor] == [4, 2, ""]
    assert (first.entries[0].held, first.entries[0].size) == (1 << 20, 2_500_000)


async def test_one_object_or_all_below_a_prefix_are_evicted(door):
    evict = "/v1/cache:evict"
    assert await door.ask("POST", evict, Count, CachePlace("bbb", key="large")) == Count(1)
    assert await door.ask("POST", evict, Count, CachePlace("bbb", key="large")) == Count(0)
    assert await door.ask("POST", evict, Count, CachePlace("bbb", prefix="p/")) == Count(5)
    assert await names(door) == []


async def test_all_is_cleared(door):
    assert await door.ask("POST", "/v1/cache:clear", Count) == Count(6)
    assert await names(door) == []


async def test_limits_hold_at_once(door):
    status = await door.ask("PATCH", "/v1/cache", CacheStatus, CacheChanges(max_files=3))
    assert (status.max_files, status.files < 3) == (3, True)
    assert await door.refused("PATCH", "/v1/cache", CacheChanges(max_size=0)) == (
        400,
        "InvalidArgument",
    )


async def test_verify_names_what_is_damaged_and_drops_it(door):
    entry = door.cache.catalog.peek("bbb", "large")
    path = door.cache.catalog.blobs.path(entry.blob)
    with path.open("r+b") as file:
        file.seek(500_000)
        file.write(b"X")
    found = await door.ask("POST", "/v1/cache:verify", Verified)
    assert (found.checked.files, [each.key for each in found.wrong]) == (6, ["large"])
    assert "large" not in await names(door)


async def test_a_pin_is_listed_until_it_is_taken_off(door):
    place = CachePlace("bbb", prefix="p/")
    await door.ask("POST", "/v1/cache:pin", PinStatus, place)
    listed = await door.ask("GET", "/v1/cache/pins", PinList)
    assert [status.pin for status in listed.pins] == [Pin("bbb", prefix="p/")]
    pinned = (await door.ask("GET", ENTRIES, CacheList)).entries
    assert [entry.pinned for entry in pinned] == [False] + [True] * 5
    assert await door.ask("POST", "/v1/cache:unpin", Count, place) == Count(1)
    assert await door.ask("POST", "/v1/cache:unpin", Count, place) == Count(0)


async def test_a_prefetch_is_begun_and_waited_for(door):
    wanted = PrefetchRequest("bbb")
    begun = await door.ask("POST", "/v1/cache:prefetch", PrefetchStatus, wanted)
    path = f"/v1/cache/prefetches/{begun.id}"
    ended = await door.ask("GET", f"{path}?wait=10", PrefetchStatus)
    assert (ended.state, ended.done.files, ended.done.size) == ("done", 6, 2_505_000)
    assert (await door.ask("POST", f"{path}:cancel", PrefetchStatus)).state == "done"


@pytest.mark.parametrize(
    ("method", "path", "body", "answer"),
    [
        ("GET", "/v1/cache/prefetches/77", None, (404, "NoSuchTransfer")),
        ("POST", "/v1/cache:evict", CachePlace("B"), (400, "InvalidBucketName")),
        ("POST", "/v1/cache:pin", CachePlace("bbb", "k", "p"), (400, "InvalidArgument")),
        ("POST", "/v1/cache:prefetch", PrefetchRequest("bbb", "", 0), (400, "InvalidArgument")),
        ("POST", "/v1/cache:prefetch", PrefetchRequest("nobucket"), (404, "NoSuchBucket")),
        ("POST", "/v1/cache:pin", CachePlace("nobucket", "k"), (404, "NoSuchBucket")),
        ("POST", "/v1/cache:pin", CachePlace("nobucket"), (404, "NoSuchBucket")),
        ("GET", f"{ENTRIES}?limit=0", None, (400, "InvalidArgument")),
    ],
)
async def test_what_makes_no_sense_is_refused(door, method, path, body, answer):
    assert await door.refused(method, path, body) == answer


async def test_without_a_cache_every_call_says_why(places, tmp_path):
    async with (
        served(places.socket, CacheRoutes(None, UNUSED).routes()) as client,
        client.get("/v1/cache") as response,
    ):
        assert decode(await response.read(), Problem).code == "NoRemote"
    broken = CacheParts(None, None, tmp_path, "the read cache is disabled: no room")
    async with (
        served(places.socket, CacheRoutes(broken, UNUSED).routes()) as client,
        client.get("/v1/cache") as response,
    ):
        problem = decode(await response.read(), Problem)
    assert (problem.code, problem.title) == ("WrongState", "the read cache is disabled: no room")


@pytest.mark.finding("tui-4")
async def test_entries_are_filtered_by_the_agent(door):
    assert await names(door, "?contains=P/3") == []
    assert await names(door, "?contains=p/3") == ["p/3"]
    assert await names(door, "?lacks=p/") == ["large"]
    first = await door.ask("GET", f"{ENTRIES}?contains=p/&limit=3", CacheList)
    assert [len(first.entries), first.cursor] == [3, "bbb/p/2"]
    assert await names(door, f"?contains=p/&cursor={first.cursor}") == ["p/3", "p/4"]
