"""The cache's folder: opened, damaged, unusable, somebody else's."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, contextmanager, suppress

import pytest

from s3d.agent.app.process import only_one
from s3d.agent.app.read_cache import VERSION, open_cache, tell
from s3d.agent.core.events import Events
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.stores.local.store import LocalStore
from s3d.shared.config import load_config
from s3d.shared.paths import find_places
from tests.contract.client import Client


@pytest.fixture
def remote(tmp_path):
    index = Index.open(tmp_path / "remote.sqlite", ephemeral=True)
    yield LocalStore(index, Blobs(tmp_path / "remote", ephemeral=True))
    index.close()


@contextmanager
def opened(tmp_path, remote, **env):
    env["S3D_LOCAL_DIR"] = str(tmp_path / "home")
    config = load_config(None, env, {})
    with ExitStack() as closing:
        yield open_cache(config.read_cache, find_places(config, env), remote, closing)


async def read_twice(cache, remote) -> int:
    """How often it was answered from the cache."""
    client = Client(cache.layer)
    if await client.code("HeadBucket", Bucket="bbb"):
        await client("CreateBucket", Bucket="bbb")
    await Client(remote).put("bbb", "k", b"12345")
    running = asyncio.get_running_loop().create_task(cache.layer.run())
    await asyncio.sleep(0)
    assert await client.read("bbb", "k") == await client.read("bbb", "k") == b"12345"
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    return cache.layer.counts.hits


async def test_what_was_read_is_there_after_the_next_start(tmp_path, remote):
    with opened(tmp_path, remote) as cache:
        assert await read_twice(cache, remote) >= 1
    with opened(tmp_path, remote) as again:
        assert again.layer.catalog.peek("bbb", "k").size == 5


async def test_the_settings_are_its_limits(tmp_path, remote):
    env = {"S3D_READ_CACHE_MAX_FILES": "7", "S3D_READ_CACHE_MAX_AGE": "5m"}
    with opened(tmp_path, remote, S3D_READ_CACHE_MAX_SIZE="64MiB", **env) as cache:
        limits = cache.layer.catalog.limits
        assert (limits.size, limits.files, cache.layer.freshness.max_age) == (64 << 20, 7, 300.0)


@pytest.mark.parametrize("garbage", [b"no database at all, " * 400, b"SQLite format 3\0" * 400])
async def test_a_damaged_index_begins_anew(tmp_path, remote, garbage):
    with opened(tmp_path, remote):
        pass
    path = tmp_path / "home/cache/read_cache" / VERSION / "index.sqlite"
    for each in path.parent.glob("index.sqlite*"):
        each.unlink()
    path.write_bytes(garbage)
    with opened(tmp_path, remote) as cache:
        assert cache.trouble == ""
        assert await read_twice(cache, remote) >= 1


async def test_a_folder_that_cannot_be_made_is_no_reason_to_stop(tmp_path, remote):
    (tmp_path / "file").write_bytes(b"")
    with opened(tmp_path, remote, S3D_READ_CACHE_DIR=str(tmp_path / "file/cache")) as cache:
        assert cache.layer is None
        assert "there is no read cache" in cache.trouble
        assert str(tmp_path / "file") in cache.trouble


async def test_another_agent_s_folder_is_left_alone(tmp_path, remote):
    folder = tmp_path / "shared"
    folder.mkdir()
    held = only_one(folder / "agent.lock", tmp_path / "agent.sock")
    with held, opened(tmp_path, remote, S3D_READ_CACHE_DIR=str(folder)) as cache:
        assert cache.layer is None
        assert "already running" in cache.trouble


async def test_numbers_are_told_when_they_have_changed(tmp_path, remote):
    events = Events()
    with opened(tmp_path, remote) as cache, events.subscribe(["cache"]) as subscription:
        telling = asyncio.get_running_loop().create_task(tell(cache, events))
        async with asyncio.timeout(10):
            (first,) = await subscription.take()
            assert await read_twice(cache, remote) == 1
            (second,) = await subscription.take()
        assert (first.kind, first.data["hits"]) == ("cache.changed", 0)
        assert (second.data["hits"], second.data["hit_bytes"], second.data["files"]) == (1, 5, 1)
        telling.cancel()
        with suppress(asyncio.CancelledError):
            await telling
