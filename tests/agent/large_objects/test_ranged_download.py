"""Downloads in ranges: continued where they were, of one version, verified, with holes."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.large_objects.part_map import MapName
from s3d.agent.large_objects.ranged_download import MAP
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody
from tests.agent.gated_threads import GatedThreads, cancel_while_held
from tests.agent.large_objects.conftest import BUCKET, PART, SIZE, away_at, noted_in

ALL = [number * PART for number in range(6)]


@pytest.fixture
async def info(store, data):
    return await S3Client(store.inner).put(BUCKET, "film.mkv", BytesBody(data))


@pytest.fixture
def name(tmp_path):
    (tmp_path / "down").mkdir()
    return MapName(str(tmp_path / "down" / "film.part"))


async def download(transfers, name, info, also=()):
    moved = []
    file = await transfers.download(name, info, moved.append, also)
    file.finish()
    file.close()
    assert sum(moved) == info.size
    return Path(name.name).read_bytes()


def left(name):
    return sorted(os.listdir(os.path.dirname(name.name)))


async def test_a_download_has_the_bytes_and_feeds_hashers(transfers, name, info, store, data):
    sha256 = hashlib.sha256()
    assert await download(transfers, name, info, [sha256.update]) == data
    assert sha256.digest() == hashlib.sha256(data).digest()
    assert (store.take(), left(name)) == (ALL, ["film.part"])


@pytest.mark.parametrize("lost", [1, 3, 6])
async def test_an_interrupted_download_asks_only_for_the_missing_parts(
    transfers, name, info, store, data, lost
):
    store.fails = away_at("GetObject", lost)
    with pytest.raises(S3Error, match="away"):
        await download(transfers, name, info)
    noted = noted_in(Path(name.name + MAP))
    assert len(noted) <= lost - 1
    store.take()
    store.fails = lambda request: None
    assert await download(transfers, name, info) == data
    assert store.take() == [(number - 1) * PART for number in range(1, 7) if number not in noted]


async def test_a_cancelled_download_writes_before_its_file_is_closed(
    transfers, name, info, store, data
):
    threads, arrived = GatedThreads(), asyncio.Event()

    def moved(size):
        if size and not arrived.is_set():
            arrived.set()
            threads.shut()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(transfers.download(name, info, moved))
        await arrived.wait()
        is_early = await cancel_while_held(threads, task)
        threads.open()
    assert not is_early
    assert await download(transfers, name, info) == data


async def test_a_new_version_starts_over(transfers, name, info, store, data):
    store.fails = away_at("GetObject", 4)
    with pytest.raises(S3Error):
        await download(transfers, name, info)
    store.fails = lambda request: None
    store.take()
    newer = await S3Client(store.inner).put(BUCKET, "film.mkv", BytesBody(data[::-1]))
    with pytest.raises(S3Error) as caught:
        await download(transfers, name, info)
    assert (caught.value.code, left(name)) == ("PreconditionFailed", [])
    assert await download(transfers, name, newer) == data[::-1]


async def test_a_map_does_not_vouch_for_another_file(transfers, name, info, store, data):
    store.fails = away_at("GetObject", 6)
    with pytest.raises(S3Error):
        await download(transfers, name, info)
    store.fails = lambda request: None
    store.take()
    os.rename(name.name, name.name + ".old")
    Path(name.name).write_bytes(bytes(SIZE))
    assert await download(transfers, name, info) == data
    assert store.take() == ALL


async def test_bytes_that_were_damaged_are_noticed_and_brought_again(
    transfers, name, info, store, data
):
    store.fails = away_at("HeadObject", 1)
    with pytest.raises(S3Error):
        await download(transfers, name, info)
    damaged = os.open(name.name, os.O_WRONLY)
    os.pwrite(damaged, b"damage", PART)
    os.close(damaged)
    store.fails = lambda request: None
    with pytest.raises(S3Error) as caught:
        await download(transfers, name, info)
    assert (caught.value.code, left(name)) == ("BadDigest", [])
    assert await download(transfers, name, info) == data


async def test_zeros_become_holes(transfers, name, store):
    zeros = bytes(4 << 20) + b"end"
    info = await S3Client(store.inner).put(BUCKET, "image", BytesBody(zeros))
    assert await download(transfers, name, info) == zeros
    assert os.stat(name.name).st_blocks * 512 <= 128 << 10
