"""Pins are kept, prefetches come to their end: before a store in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.stores.local.store import LocalStore
from s3d.agent.stores.read_cache.cache_status import prefetch_status
from s3d.agent.stores.read_cache.catalog.cache_room import Limits
from s3d.agent.stores.read_cache.layer import Cache
from s3d.agent.stores.read_cache.pins import Pins
from s3d.agent.stores.read_cache.prefetch import FULL, PinManager
from s3d.agent.stores.read_cache.revalidate import Freshness
from s3d.shared.caching import Pin, PrefetchRequest
from s3d.shared.transfers import Totals
from tests.agent.stores.read_cache.rig import Time, open_rig, outage
from tests.contract.cached import cache_before
from tests.contract.client import Client

PATIENCE = 10.0


@dataclass
class Rig:
    """A PinManager on a cache before a store, which there writes to behind the cache's back."""

    pin_manager: PinManager
    cache: Cache
    there: Client

    async def kept(self, pin: Pin, total: Totals) -> None:
        """Until a look at the pin has found all of it here."""
        async with asyncio.timeout(PATIENCE):
            while True:
                status = next(each for each in self.pin_manager.pinned() if each.pin == pin)
                if status.looked is not None and status.cached == status.total == total:
                    return
                self.pin_manager.wake()
                await asyncio.sleep(0)


@asynccontextmanager
async def manager_before(tmp_path, limits: Limits | None = None) -> AsyncIterator[Rig]:
    index = Index.open(tmp_path / "index.sqlite", ephemeral=True)
    inner = LocalStore(index, Blobs(tmp_path / "blobs", ephemeral=True))
    there = Client(inner)
    await there("CreateBucket", Bucket="bbb")
    fresh = Freshness(negative_ttl=0.0)
    async with cache_before(inner, tmp_path / "cache", limits=limits, freshness=fresh) as cache:
        pin_manager = PinManager(cache, Pins(tmp_path / "pins.json"))
        running = asyncio.get_running_loop().create_task(pin_manager.run())
        try:
            yield Rig(pin_manager, cache, there)
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
    index.close()


@pytest.fixture
async def rig(tmp_path) -> AsyncIterator[Rig]:
    async with manager_before(tmp_path) as made:
        yield made


async def test_a_pinned_prefix_is_brought_and_kept_up_to_date(rig):
    for number in range(5):
        await rig.there.put("bbb", f"p/{number}", b"1" * 1_000)
    await rig.there.put("bbb", "q", b"2")
    await rig.there.put("bbb", "p/large", b"3" * 3_000_000)
    pin = Pin("bbb", prefix="p/")
    rig.pin_manager.pins.add(pin)
    await rig.kept(pin, Totals(6, 3_005_000))
    assert rig.cache.catalog.peek("bbb", "q") is None
    await rig.there.put("bbb", "p/0", b"new")
    await rig.there("DeleteObject", Bucket="bbb", Key="p/1")
    await rig.kept(pin, Totals(5, 3_003_003))
    assert rig.cache.catalog.data(rig.cache.catalog.peek("bbb", "p/0")) == b"new"
    assert rig.cache.catalog.peek("bbb", "p/1") is None


async def test_a_pinned_key_is_brought_when_it_comes_to_be(rig):
    pin = Pin("bbb", key="k")
    rig.pin_manager.pins.add(pin)
    await rig.kept(pin, Totals())
    await rig.there.put("bbb", "k", b"12345")
    await rig.kept(pin, Totals(1, 5))


async def test_what_is_pinned_stays_whatever_is_read(tmp_path):
    async with manager_before(tmp_path, Limits(size=8 << 20, files=1_000)) as rig:
        for number in range(20):
            await rig.there.put("bbb", f"p/{number}", b"p" * 100_000)
            await rig.there.put("bbb", f"scan/{number}", b"s" * 1_000_000)
        pin = Pin("bbb", prefix="p/")
        rig.pin_manager.pins.add(pin)
        await rig.kept(pin, Totals(20, 2_000_000))
        client = Client(rig.cache)
        for number in range(20):
            assert len(await client.read("bbb", f"scan/{number}")) == 1_000_000
        assert rig.cache.counters.evictions.value > 10
        found = [rig.cache.catalog.peek("bbb", f"p/{number}") for number in range(20)]
        assert all(entry is not None and entry.is_whole for entry in found)


async def test_a_pin_that_has_no_room_says_so(tmp_path):
    async with manager_before(tmp_path, Limits(size=1 << 20, files=1_000)) as rig:
        await rig.there.put("bbb", "large", b"x" * 3_000_000)
        pin = Pin("bbb")
        rig.pin_manager.pins.add(pin)
        async with asyncio.timeout(PATIENCE):
            while not rig.pin_manager.pinned()[0].error:
                rig.pin_manager.wake()
                await asyncio.sleep(0)
        assert rig.pin_manager.pinned()[0].error == f"large: {FULL}"


async def test_a_prefetch_brings_what_is_below_a_prefix(rig):
    for number in range(30):
        await rig.there.put("bbb", f"p/{number}", b"1" * 1_000)
    job = rig.pin_manager.prefetch(PrefetchRequest("bbb", "p/", None))
    async with asyncio.timeout(PATIENCE):
        await job.ended.wait()
    assert (prefetch_status(job).state, prefetch_status(job).listed) == ("done", Totals(30, 30_000))
    assert prefetch_status(job).done == Totals(30, 30_000)
    assert rig.cache.catalog.count == 30


async def test_a_prefetch_of_no_bucket_fails_and_says_why(rig):
    job = rig.pin_manager.prefetch(PrefetchRequest("nothing-here", "", None))
    async with asyncio.timeout(PATIENCE):
        await job.ended.wait()
    assert (prefetch_status(job).state, bool(prefetch_status(job).error)) == ("failed", True)


async def test_a_prefetch_can_be_broken_off(rig):
    for number in range(8):
        await rig.there.put("bbb", f"p/{number}", b"1" * 1_000)
    # At a byte a second it does not end by itself.
    job = rig.pin_manager.prefetch(PrefetchRequest("bbb", "p/", 1))
    async with asyncio.timeout(PATIENCE):
        while not prefetch_status(job).listed.files:  # noqa: ASYNC110
            await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE):
        await rig.pin_manager.prefetches.cancel(job)
    assert prefetch_status(job).state == "cancelled"


async def test_too_many_prefetches_are_refused(rig):
    for _ in range(100):
        rig.pin_manager.prefetch(PrefetchRequest("bbb", "", None))
    with pytest.raises(S3Error) as caught:
        rig.pin_manager.prefetch(PrefetchRequest("bbb", "", None))
    assert caught.value.code == "SlowDown"


async def test_the_tag_of_an_object_pins_it_and_a_person_s_pin_stays(rig):
    through = Client(rig.cache)
    tagging = {"TagSet": [{"Key": "s3d.cache", "Value": "pin"}]}
    for key in ("tagged", "both"):
        await through.put("bbb", key, b"12345")
    rig.pin_manager.pins.add(Pin("bbb", key="both"))
    for key in ("tagged", "both"):
        await through("PutObjectTagging", Bucket="bbb", Key=key, Tagging=tagging)
    await rig.kept(Pin("bbb", "tagged", tag=True), Totals(1, 5))
    for key in ("tagged", "both"):
        await through("DeleteObjectTagging", Bucket="bbb", Key=key)
    assert list(rig.pin_manager.pins) == [Pin("bbb", key="both")]


@pytest.mark.finding("Q12")
async def test_a_pinned_prefix_is_not_listed_while_the_remote_is_away_and_seldom_otherwise(
    tmp_path,
):
    async with open_rig(tmp_path) as rig:
        steady = Time()
        await rig.there.put("bbb", "p/k", b"12345")
        pin_manager = PinManager(rig.cache, Pins(tmp_path / "pins.json"), rig.time, steady)
        pin_manager.pins.add(Pin("bbb", prefix="p/"))
        running = asyncio.get_running_loop().create_task(pin_manager.run())
        for number in range(5):
            pause = 60.0 * 1.5**number
            await rig.until(
                lambda pause=pause: pin_manager._schedule.wait(pin_manager.pins) == pause
            )
            assert rig.remote.calls["ListObjectsV2"] == number + 1
            pin_manager.wake()
        await rig.until(lambda: pin_manager._schedule.wait(pin_manager.pins) == 60.0 * 1.5**5)
        await rig.there.put("bbb", "p/k", b"new")
        pin_manager.wake()
        await rig.until(lambda: pin_manager._schedule.wait(pin_manager.pins) == 60.0)
        rig.remote.error = outage
        rig.time.now += 3_600
        pin_manager.wake()
        await rig.until(lambda: bool(pin_manager.pinned()[0].error))
        entry = rig.cache.catalog.peek("bbb", "p/k")
        assert entry is not None
        assert rig.time.now - entry.checked == 3_600  # It was not seen.
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


@pytest.mark.finding("Q12")
async def test_what_is_seen_in_a_listing_was_checked_when_it_began(tmp_path):
    async with open_rig(tmp_path) as rig:
        inner, begun = rig.remote.inner, rig.time.now

        class Slow:
            async def call(self, request):
                if request.op.name == "ListObjectsV2":
                    rig.time.now += 40
                return await inner.call(request)

        await rig.there.put("bbb", "p/k", b"12345")
        await rig.s3.read("bbb", "p/k")
        rig.time.now = begun = begun + 100
        rig.remote.inner = Slow()
        pin_manager = PinManager(rig.cache, Pins(tmp_path / "pins.json"), rig.time)
        pin_manager.pins.add(Pin("bbb", prefix="p/"))
        running = asyncio.get_running_loop().create_task(pin_manager.run())
        await rig.until(lambda: pin_manager.pinned()[0].looked is not None)
        assert rig.cache.catalog.peek("bbb", "p/k").checked == begun
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_a_large_object_in_parts_is_brought_in_steps(rig, monkeypatch):
    """What arrived before an interruption is not asked for again."""
    part, step = 5 << 20, 2 << 20
    monkeypatch.setattr("s3d.agent.stores.read_cache.prefetch.is_in_parts", lambda size: True)
    monkeypatch.setattr("s3d.agent.stores.read_cache.prefetch._STEP", step)
    upload = {"Bucket": "bbb", "Key": "large"}
    upload["UploadId"] = (await rig.there("CreateMultipartUpload", **upload))["UploadId"]
    parts = []
    for number, size in ((1, part), (2, 7)):
        sent = await rig.there("UploadPart", **upload, PartNumber=number, Body=b"x" * size)
        parts.append({"PartNumber": number, "ETag": sent["ETag"]})
    await rig.there("CompleteMultipartUpload", **upload, MultipartUpload={"Parts": parts})
    ranges = []
    inner = rig.cache.inner.call

    async def call(request):
        if request.op.name == "GetObject":
            ranges.append(request.input.get("Range"))
            if len(ranges) == 3:
                raise S3Error("AccessDenied")
        return await inner(request)

    monkeypatch.setattr(rig.cache.inner, "call", call)
    for state in ("failed", "done"):
        job = rig.pin_manager.prefetch(PrefetchRequest("bbb", "large"))
        await job.ended.wait()
        assert prefetch_status(job).state == state
    starts = [int(each.removeprefix("bytes=").partition("-")[0]) for each in ranges]
    assert starts == [0, step, 2 * step, 2 * step]
    assert await Client(rig.cache).read("bbb", "large") == b"x" * (part + 7)
    assert len(ranges) == 4
