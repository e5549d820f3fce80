"""The cache's folder: opened, damaged, unusable, somebody else's."""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress

import pytest

from s3d.agent.app.process import only_one
from s3d.agent.app.read_cache import (
    ADOPTED,
    UNUSED,
    VERSION,
    open_cache,
    publish_cache_stats,
    remove_unused,
)
from s3d.agent.app.remote_folders import FILE, claim
from s3d.agent.core.events import Events
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.stores.local.store import LocalStore
from s3d.agent.stores.remote.identity import RemoteIdentity
from s3d.shared.config.load import load_config
from s3d.shared.paths import find_places
from tests.agent.stores.read_cache.rig import outage
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
    return cache.layer.counters.hits.value


async def test_what_was_read_is_there_after_the_next_start(tmp_path, remote):
    with opened(tmp_path, remote) as cache:
        assert await read_twice(cache, remote) >= 1
    with opened(tmp_path, remote) as again:
        assert again.layer.catalog.peek("bbb", "k").size == 5


async def test_the_settings_are_its_limits(tmp_path, remote):
    env = {"S3D_READ_CACHE_MAX_FILES": "7", "S3D_READ_CACHE_MAX_AGE": "5m"}
    with opened(tmp_path, remote, S3D_READ_CACHE_MAX_SIZE="64MiB", **env) as cache:
        limits = cache.layer.catalog.room.limits
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
        assert "the read cache is disabled" in cache.trouble
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
        telling = asyncio.get_running_loop().create_task(publish_cache_stats(cache, events))
        async with asyncio.timeout(10):
            (first,) = await subscription.take()
            assert await read_twice(cache, remote) == 1
            (second,) = await subscription.take()
        assert (first.kind, first.data["hits"]) == ("cache.changed", 0)
        assert (second.data["hits"], second.data["hit_bytes"], second.data["files"]) == (1, 5, 1)
        telling.cancel()
        with suppress(asyncio.CancelledError):
            await telling


@contextmanager
def crash(tmp_path, boot_id: str = ""):
    """The next start finds the folder as it is now. boot_id: of the boot that it was used in."""
    home, image = tmp_path / "home", tmp_path / "image"
    shutil.copytree(home, image)
    yield
    shutil.rmtree(home)
    image.rename(home)
    if boot_id:
        marker = home / "cache/read_cache" / VERSION / "last-stop"
        marker.write_text(f"running {boot_id}")


class Line:
    """To the remote; counts, and may be cut."""

    def __init__(self, remote) -> None:
        self.remote = remote
        self.calls = []
        self.is_cut = False

    async def call(self, request):
        self.calls.append(request.op.name)
        if self.is_cut:
            raise outage()
        return await self.remote.call(request)


@asynccontextmanager
async def running(cache):
    task = asyncio.get_running_loop().create_task(cache.layer.run())
    await asyncio.sleep(0)
    try:
        yield Client(cache.layer)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.mark.finding("S2")
@pytest.mark.rule("AWAY-5")
@pytest.mark.parametrize(
    ("boot_id", "stale"), [("", b"12345"), ("another boot", "ServiceUnavailable")]
)
async def test_after_an_unclean_stop_nothing_is_fresh(tmp_path, remote, boot_id, stale):
    """After a kill it may be given while the remote is away; after a power cut it is proven first:
    then a row may be missing, with which an older version was forgotten."""
    line = Line(remote)
    await Client(remote)("CreateBucket", Bucket="bbb")
    await Client(remote).put("bbb", "k", b"12345")
    with ExitStack() as crashing, opened(tmp_path, line, S3D_READ_CACHE_MAX_AGE="1h") as cache:
        async with running(cache) as s3:
            await s3.read("bbb", "k")
            await cache.layer.catalog.rows.committed()
            crashing.enter_context(crash(tmp_path, boot_id))
    line.is_cut = True
    with opened(tmp_path, line, S3D_READ_CACHE_MAX_AGE="1h") as cache:
        async with running(cache) as s3:
            line.calls.clear()
            if isinstance(stale, bytes):
                assert await s3.read("bbb", "k") == stale
            else:
                await s3.refused(stale, "GetObject", Bucket="bbb", Key="k")
            assert line.calls == ["HeadObject"]
    line.is_cut = False
    with opened(tmp_path, line, S3D_READ_CACHE_MAX_AGE="1h") as cache:  # It stopped well meanwhile.
        async with running(cache) as s3:
            line.calls.clear()
            assert await s3.read("bbb", "k") == await s3.read("bbb", "k") == b"12345"
            assert line.calls == ["HeadObject"]


@pytest.mark.finding("S2")
async def test_after_a_clean_stop_it_is_as_fresh_as_before(tmp_path, remote):
    line = Line(remote)
    await Client(remote)("CreateBucket", Bucket="bbb")
    await Client(remote).put("bbb", "k", b"12345")
    for _ in range(2):
        with opened(tmp_path, line, S3D_READ_CACHE_MAX_AGE="1h") as cache:
            async with running(cache) as s3:
                assert await s3.read("bbb", "k") == b"12345"
    assert line.calls == ["GetObject"]


@pytest.mark.finding("S2")
async def test_a_cache_of_the_first_layout_is_taken_over_unconfirmed(tmp_path, remote):
    """It has no note of how its agent stopped."""
    line = Line(remote)
    await Client(remote)("CreateBucket", Bucket="bbb")
    await Client(remote).put("bbb", "k", b"12345")
    with opened(tmp_path, line) as cache:
        async with running(cache) as s3:
            await s3.read("bbb", "k")
    folder = tmp_path / "home/cache/read_cache"
    (folder / VERSION / "last-stop").unlink()
    (folder / VERSION).rename(folder / ADOPTED)
    with opened(tmp_path, line) as cache:
        async with running(cache) as s3:
            assert await s3.read("bbb", "k") == b"12345"
    assert line.calls == ["GetObject", "HeadObject"]
    assert [each.name for each in folder.iterdir()] == [VERSION]


async def test_caches_of_remotes_that_were_not_in_use_for_long_are_removed(tmp_path):
    base = tmp_path / "read_cache"
    claim(base, RemoteIdentity("first", "http://first", "http://first"))
    for name in ("second", "third", "used"):
        url = f"http://{name}"
        (claim(base, RemoteIdentity(name, url, url)) / VERSION).mkdir()
    (base / VERSION).mkdir()
    now = (base / FILE).stat().st_mtime + UNUSED + 1
    os.utime(base / "remotes" / "third" / FILE, (now, now))
    remove_unused(base, base / "remotes" / "used", now)
    left = sorted(path.parent.name for path in base.rglob(VERSION))
    assert left == ["third", "used"]
