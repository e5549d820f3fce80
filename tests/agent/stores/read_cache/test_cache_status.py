"""What people see of the cache."""

import pytest

from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.stores.local.store import LocalStore
from s3d.agent.stores.read_cache.cache_status import (
    CacheParts,
    cache_counts,
    cache_entry,
    cache_state,
    cache_status,
    entries_after,
)
from s3d.agent.stores.read_cache.catalog.entry import AFTER_KILL, AFTER_POWER_CUT, UNCHECKED
from s3d.agent.stores.read_cache.pins import Pins
from s3d.agent.stores.read_cache.prefetch import PinManager
from s3d.shared.caching import CacheStatus, Pin
from tests.contract.cached import cache_before
from tests.contract.client import Client


@pytest.fixture
async def cached(tmp_path):
    """A cache that has read p/0 to p/2 and the first megabyte of a large object."""
    index = Index.open(tmp_path / "index.sqlite", ephemeral=True)
    inner = LocalStore(index, Blobs(tmp_path / "blobs", ephemeral=True))
    async with cache_before(inner, tmp_path / "cache") as cache:
        s3 = Client(cache)
        await s3("CreateBucket", Bucket="bbb")
        for number in range(3):
            await s3("PutObject", Bucket="bbb", Key=f"p/{number}", Body=b"data")
            await s3("GetObject", Bucket="bbb", Key=f"p/{number}")
        await s3("PutObject", Bucket="bbb", Key="large", Body=bytes(2_500_000))
        await s3("GetObject", Bucket="bbb", Key="large", Range="bytes=0-9")
        yield CacheParts(cache, PinManager(cache, Pins(tmp_path / "pins.json")), tmp_path)
    index.close()


async def test_the_state_of_one_object(cached):
    large = cache_state(cached, "bbb", "large")
    assert (large.held, large.size, large.pinned) == (1 << 20, 2_500_000, False)
    assert cache_state(cached, "bbb", "nothing").held == 0
    assert cache_state(None, "bbb", "large") is None


async def test_entries_follow_a_name_in_order(cached):
    entries = entries_after(cached.layer, ("bbb", "p/"), "bbb/p/0", 9)
    assert [entry.key for entry in entries] == ["p/1", "p/2"]
    assert len(entries_after(cached.layer, ("", ""), "", 2)) == 2


async def test_the_status_has_the_counts(cached):
    status = cache_status(cached)
    assert (status.files, status.pins, status.path) == (4, 0, str(cached.folder))
    assert cache_counts(cached)["files"] == 4


async def test_an_entry_is_shown_with_its_pin(cached):
    cached.pin_manager.pins.add(Pin("bbb", "", "p/"))
    (entry,) = entries_after(cached.layer, ("bbb", "p/2"), "", 1)
    shown = cache_entry(entry, cached.pin_manager)
    assert (shown.key, shown.size, shown.pinned) == ("p/2", 4, True)


@pytest.mark.parametrize("mark", [UNCHECKED, AFTER_KILL, AFTER_POWER_CUT])
async def test_an_entry_without_a_valid_check_shows_no_time(cached, mark):
    cached.layer.catalog.peek("bbb", "p/2").checked = mark
    (entry,) = entries_after(cached.layer, ("bbb", "p/2"), "", 1)
    assert cache_entry(entry, cached.pin_manager).checked == 0.0
    assert cache_state(cached, "bbb", "p/2").checked == 0.0


def test_a_cache_that_could_not_be_opened_says_why(tmp_path):
    broken = CacheParts(None, None, tmp_path, "no space")
    assert cache_status(broken) == CacheStatus(str(tmp_path), 0, 0, 0, 0, 0.0, trouble="no space")
    assert cache_counts(broken) == {}
    assert cache_state(broken, "bbb", "k") is None
