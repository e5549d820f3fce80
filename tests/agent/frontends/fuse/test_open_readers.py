"""Objects are opened with as few requests as their size and place allow."""

from __future__ import annotations

import asyncio
import errno
import os
from typing import Any

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.core.store import Layer, ObjectStore, operation
from s3d.agent.frontends.fuse.directories import Resolved
from s3d.agent.frontends.fuse.folder_entries import file_entry
from s3d.agent.frontends.fuse.metadata_memory import MetadataMemory
from s3d.agent.frontends.fuse.metadata_table import FileMetadata
from s3d.agent.frontends.fuse.object_opener import ObjectOpener
from s3d.agent.frontends.fuse.open_readers import OpenReaders, OpenVersions
from s3d.agent.s3.messages import S3Request, S3Response
from tests.agent.frontends.fuse.conftest import BUCKET, World, always, never

GET = "GetObject"


def readers(world: World, *, is_local: bool) -> OpenReaders:
    opener = ObjectOpener(
        world.client, is_local=always if is_local else never, spawn=world.bridge.start
    )
    return OpenReaders(opener, world.bridge, MetadataMemory())


async def resolved(world: World, key: str) -> Resolved:
    info = await world.client.head(BUCKET, key)
    assert info is not None
    return Resolved(BUCKET, key, file_entry(key, info))


@pytest.mark.parametrize(
    ("size", "is_local", "asked"),
    [(100, False, [GET]), (2 << 20, True, [GET]), (2 << 20, False, [])],
)
async def test_the_requests_of_open(
    world: World, size: int, is_local: bool, asked: list[str]
) -> None:
    await world.put("file", b"x" * size)
    file = await resolved(world, "file")
    opening = readers(world, is_local=is_local)
    (reader, cache), operations = await world.count(opening.open, file)
    assert operations == asked
    assert (reader.size, reader.etag) == (size, file.entry.etag)
    assert not cache.direct_io
    opening.close(reader)


async def test_a_small_object_is_opened_as_it_is_now(world: World) -> None:
    await world.put("file", b"old")
    file = await resolved(world, "file")
    await world.put("file", b"newer")
    opening = readers(world, is_local=False)
    (reader, _), _ = await world.count(opening.open, file)
    assert opening.read(reader, 10, 0) == b"newer"
    assert reader.etag != file.entry.etag
    opening.close(reader)


class TouchedMeanwhile(Layer):
    """The mount sets the time of an object between a GetObject and its answer."""

    def __init__(self, inner: ObjectStore, memory: MetadataMemory) -> None:
        super().__init__(inner)
        self._memory = memory

    @operation("GetObject")
    async def get_object(self, request: S3Request[Any]) -> S3Response[Any]:
        response = await self.inner.call(request)
        self._memory.put(request.bucket, request.key, FileMetadata(response.output["ETag"], 7))
        return response


async def test_an_open_does_not_undo_a_time_that_was_set_since(world: World) -> None:
    await world.put("file")
    file = await resolved(world, "file")
    memory = MetadataMemory()
    client = S3Client(TouchedMeanwhile(world.store, memory))
    opener = ObjectOpener(client, is_local=never, spawn=world.bridge.start)
    opening = OpenReaders(opener, world.bridge, memory)
    (reader, _), _ = await world.count(opening.open, file)
    assert memory.describe(BUCKET, "file", file.entry).mtime_ns == 7
    opening.close(reader)


async def test_what_the_kernel_still_has_is_not_requested_again(world: World) -> None:
    await world.put("file", b"bytes")
    file = await resolved(world, "file")
    opening = readers(world, is_local=False)
    (first, _), _ = await world.count(opening.open, file)
    opening.close(first)
    (second, cache), asked = await world.count(opening.open, file)
    assert cache.keep_cache
    assert asked == []
    data, asked = await world.count(opening.read, second, 10, 0)
    assert (data, asked) == (b"bytes", [GET])
    opening.close(second)


async def test_a_version_that_was_promised_and_is_gone_is_stale(world: World) -> None:
    await world.put("file", b"bytes")
    file = await resolved(world, "file")
    opening = readers(world, is_local=False)
    (first, _), _ = await world.count(opening.open, file)
    opening.close(first)
    (second, _), _ = await world.count(opening.open, file)
    await world.put("file", b"other")
    with pytest.raises(OSError, match="file") as caught:
        await asyncio.to_thread(opening.read, second, 10, 0)
    assert caught.value.errno == errno.ESTALE
    opening.close(second)


async def test_what_is_about_to_go_is_read_before(world: World) -> None:
    await world.put("file", b"bytes")
    file = await resolved(world, "file")
    opening = readers(world, is_local=False)
    (first, _), _ = await world.count(opening.open, file)
    opening.close(first)
    (second, _), _ = await world.count(opening.open, file)
    await asyncio.to_thread(opening.keep, (BUCKET, "file"))
    await world.client.delete(BUCKET, "file")
    assert opening.read(second, 10, 0) == b"bytes"
    opening.close(second)


async def test_a_reader_goes_with_its_object(world: World) -> None:
    data = os.urandom(3 << 20)
    await world.put("d/file", data)
    file = await resolved(world, "d/file")
    opening = readers(world, is_local=False)
    (reader, _), _ = await world.count(opening.open, file)
    assert await asyncio.to_thread(opening.read, reader, 10, 0) == data[:10]
    source = {"Bucket": BUCKET, "Key": "e/file", "RenameSource": f"/{BUCKET}/d/file"}
    await world.client.output("RenameObject", source)
    opening.move(BUCKET, "d/", "e/")
    assert await asyncio.to_thread(opening.read, reader, 10, 2 << 20) == data[2 << 20 :][:10]
    opening.close(reader)


PLACE = ("b", "k")
FRESH, KEPT, PAST = (False, False), (False, True), (True, False)


def test_pages_are_kept_while_the_version_is_the_same() -> None:
    versions = OpenVersions()
    assert versions.open(PLACE, "1") == FRESH
    assert versions.open(PLACE, "1") == KEPT
    versions.close(PLACE, "1")
    versions.close(PLACE, "1")
    assert versions.open(PLACE, "1") == KEPT
    versions.close(PLACE, "1")
    assert versions.open(PLACE, "2") == FRESH


def test_a_newer_version_is_read_past_the_pages_of_an_open_one() -> None:
    versions = OpenVersions()
    versions.open(PLACE, "1")
    assert versions.open(PLACE, "2") == PAST
    assert versions.open(PLACE, "1") == PAST
    versions.close(PLACE, "1")
    versions.close(PLACE, "1")
    assert versions.open(PLACE, "2") == FRESH
    assert versions.open(("b", "other"), "2") == FRESH


def test_pages_that_a_program_has_written_are_of_no_version() -> None:
    versions = OpenVersions()
    versions.open(PLACE, "1")
    versions.close(PLACE, "1")
    versions.forget(PLACE)
    assert versions.open(PLACE, "1") == FRESH
