"""What open() gets of an object: its bytes, a file, a window on its way, or nothing yet."""

from __future__ import annotations

import asyncio
import os

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.frontends.fuse.held_file import HeldFile
from s3d.agent.frontends.fuse.object_opener import SMALL, Changed, ObjectOpener
from s3d.agent.frontends.fuse.read_window import ReadWindow
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody
from tests.agent.frontends.fuse.conftest import BUCKET, World, always, never
from tests.agent.frontends.fuse.streamed import Streamed

DATA = os.urandom(3 << 20)


def opener(
    world: World, *, streamed: Streamed | None = None, is_local: bool = True
) -> ObjectOpener:
    client = world.client if streamed is None else S3Client(streamed)
    return ObjectOpener(client, is_local=always if is_local else never, spawn=world.bridge.start)


async def test_a_small_object_is_in_memory(world: World) -> None:
    await world.put("small", b"123")
    await world.put("medium", DATA[:200_000])
    assert (await opener(world).open(BUCKET, "small")).content == b"123"
    opened = await opener(world, streamed=Streamed(world.store)).open(BUCKET, "medium")
    assert opened.content == DATA[:200_000]
    assert opened.info.size == 200_000


async def test_an_object_of_this_machine_is_a_file(world: World) -> None:
    await world.put("big", DATA)
    opened = await opener(world).open(BUCKET, "big")
    assert isinstance(opened.content, HeldFile)
    assert opened.content.read(10, 2_000_000) == DATA[2_000_000:2_000_010]
    await opened.content.body.aclose()


async def test_what_comes_as_a_stream_is_a_window(world: World) -> None:
    await world.put("stream", DATA[:500_000])
    opened = await opener(world, streamed=Streamed(world.store)).open(BUCKET, "stream")
    assert isinstance(opened.content, ReadWindow)
    arrival = opened.content.arrival_of(500_000)
    if arrival is not None:
        await asyncio.wrap_future(arrival)
    assert opened.content.read(500_000, 0) == DATA[:500_000]


async def test_a_large_stream_is_not_begun(world: World) -> None:
    await world.put("big", DATA)
    streamed = Streamed(world.store)
    assert (await opener(world, streamed=streamed).open(BUCKET, "big")).content is None
    assert not streamed.begun.is_set()


async def test_what_is_read_at_once(world: World) -> None:
    assert await opener(world).is_read_at_once(BUCKET, "k", 1 << 40)
    remote = opener(world, is_local=False)
    assert await remote.is_read_at_once(BUCKET, "k", SMALL)
    assert not await remote.is_read_at_once(BUCKET, "k", SMALL + 1)


async def test_an_encrypted_object_is_read_through_the_store(world: World) -> None:
    members = {"Bucket": BUCKET, "Key": "secret", "ServerSideEncryption": "AES256"}
    await world.client.output("PutObject", members, BytesBody(DATA))
    opened = await opener(world).open(BUCKET, "secret")
    assert opened.content is None
    window = ReadWindow(1_000_000, 1_000_100)
    await opener(world).fill((BUCKET, "secret"), opened.info.etag, window)
    assert window.read(100, 1_000_000) == DATA[1_000_000:1_000_100]


async def test_a_window_has_bytes_of_its_version_only(world: World) -> None:
    await world.put("big", DATA)
    info = await world.client.head(BUCKET, "big")
    assert info is not None
    for streamed in (None, Streamed(world.store)):
        window = ReadWindow(1 << 20, 2 << 20)
        await opener(world, streamed=streamed).fill((BUCKET, "big"), info.etag, window)
        assert window.read(2 << 20, 1 << 20) == DATA[1 << 20 : 2 << 20]
        released: list[HeldFile] = []
        window.close(released.append)
        for held in released:
            await held.body.aclose()
    await world.put("big", DATA[::-1])
    window = ReadWindow(1 << 20, 2 << 20)
    await opener(world).fill((BUCKET, "big"), info.etag, window)
    with pytest.raises(Changed):
        window.read(10, 1 << 20)
    await world.client.delete(BUCKET, "big")
    window = ReadWindow(1 << 20, 2 << 20)
    await opener(world).fill((BUCKET, "big"), info.etag, window)
    with pytest.raises(Changed):
        window.read(10, 1 << 20)


async def test_an_object_that_is_not_there(world: World) -> None:
    with pytest.raises(S3Error, match="NoSuchKey"):
        await opener(world).open(BUCKET, "missing")
