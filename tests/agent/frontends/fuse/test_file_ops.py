"""Open files of a file system over a real store."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.frontends.fuse.filesystem import FileSystem
from s3d.agent.frontends.fuse.fs_ops import OpenFile
from s3d.agent.s3.messages import BytesBody
from tests.agent.frontends.fuse.conftest import BUCKET, World


async def test_a_file_is_listed_opened_and_read(world: World, fs: FileSystem) -> None:
    await world.put("d/file", b"0123456789")
    listed = await asyncio.to_thread(lambda: list(fs.read_directory(f"/{BUCKET}/d")))
    assert [entry.name for entry in listed] == ["file"]
    attributes = await asyncio.to_thread(fs.get_attributes, f"/{BUCKET}/d/file", None)
    assert attributes == listed[0].attributes
    assert (attributes.size, attributes.links) == (10, 1)
    opened = await asyncio.to_thread(fs.open, f"/{BUCKET}/d/file", os.O_RDONLY)
    assert fs.read(opened.handle, 4, 3) == b"3456"
    fs.flush(opened.handle)
    fs.release(opened.handle)
    with pytest.raises(OSError, match="Bad file descriptor"):
        fs.read(opened.handle, 4, 3)


async def test_the_page_cache_is_kept_for_the_same_version_only(
    world: World, fs: FileSystem
) -> None:
    path = f"/{BUCKET}/file"

    async def opened() -> OpenFile:
        return await asyncio.to_thread(fs.open, path, os.O_RDONLY)

    await world.put("file", b"one")
    first, second = await opened(), await opened()
    assert (first.keep_cache, second.keep_cache) == (False, True)
    await world.put("file", b"two")
    third = await opened()
    assert (third.direct_io, third.keep_cache) == (True, False)
    assert fs.read(first.handle, 3, 0) == b"one"
    assert fs.read(third.handle, 3, 0) == b"two"
    with pytest.raises(OSError, match="file") as caught:  # nothing of it was read in time
        await asyncio.to_thread(fs.read, second.handle, 3, 0)
    assert caught.value.errno == errno.ESTALE
    for each in (first, second, third):
        fs.release(each.handle)
    fourth = await opened()
    assert (fourth.direct_io, fourth.keep_cache) == (False, False)
    fs.release(fourth.handle)


@pytest.mark.rule("MOUNT-6")
async def test_a_version_that_is_newer_than_the_look_up_is_not_clipped_to_its_size(
    world: World, fs: FileSystem
) -> None:
    """Another client has replaced the object after the name was looked up."""
    path, forgotten = f"/{BUCKET}/file", list[str]()
    fs.notify_changes(forgotten.append, lambda path: None)
    await world.put("file", b"0123456789")
    assert (await asyncio.to_thread(fs.get_attributes, path, None)).size == 10
    await S3Client(world.unseen).store(BUCKET, "file", BytesBody(b"longer" * 10))
    opened = await asyncio.to_thread(fs.open, path, os.O_RDONLY)
    assert forgotten == [path]
    assert (await asyncio.to_thread(fs.get_attributes, path, opened.handle)).size == 60
    assert fs.read(opened.handle, 100, 0) == b"longer" * 10
    fs.release(opened.handle)


def open_blobs(folder: Path) -> int:
    """Files of the store in this folder that this process has open; there may be other stores."""
    links = [os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.exists()]
    return sum(link.startswith(f"{folder}/") and "/blobs/" in link for link in links)


async def test_what_is_open_at_the_end_is_closed(
    world: World, fs: FileSystem, tmp_path: Path
) -> None:
    await world.put("file", os.urandom(1 << 20))
    await asyncio.to_thread(fs.open, f"/{BUCKET}/file", os.O_RDONLY)
    assert open_blobs(tmp_path) == 1
    await asyncio.to_thread(fs.close_files)
    async with asyncio.timeout(10):
        while open_blobs(tmp_path):  # noqa: ASYNC110 - nobody says when a body is closed
            await asyncio.sleep(0)


def write_file(fs: FileSystem, path: str, data: bytes, flags: int = 0) -> None:
    opened = fs.create(path, os.O_WRONLY | flags, 0o644)
    assert fs.write(opened.handle, data, 0) == len(data)
    fs.flush(opened.handle)
    fs.release(opened.handle)


def read_file(fs: FileSystem, path: str) -> bytes:
    opened = fs.open(path, os.O_RDONLY)
    try:
        return fs.read(opened.handle, 1 << 20, 0)
    finally:
        fs.release(opened.handle)


async def test_a_new_file_is_seen_before_a_store_has_it(world: World, fs: FileSystem) -> None:
    path = f"/{BUCKET}/d/new"
    opened = await asyncio.to_thread(fs.create, path, os.O_RDWR, 0o640)
    await asyncio.to_thread(fs.write, opened.handle, b"0123456789", 0)
    assert await world.client.head(BUCKET, "d/new") is None
    attributes = await asyncio.to_thread(fs.get_attributes, path, None)
    assert (attributes.size, attributes.mode) == (10, 0o100640)
    assert await asyncio.to_thread(read_file, fs, path) == b"0123456789"
    await asyncio.to_thread(fs.flush, opened.handle)
    info = await world.client.head(BUCKET, "d/new")
    assert info is not None
    assert info.size == 10
    await asyncio.to_thread(fs.release, opened.handle)
    listed = await asyncio.to_thread(lambda: list(fs.read_directory(f"/{BUCKET}/d")))
    assert [(each.name, each.attributes) for each in listed] == [
        ("new", fs.get_attributes(path, None))
    ]
    assert listed[0].attributes._replace(mtime_ns=0) == attributes._replace(mtime_ns=0)


async def test_a_file_that_was_written_is_known_without_a_request(
    world: World, fs: FileSystem
) -> None:
    path = f"/{BUCKET}/file"
    await asyncio.to_thread(write_file, fs, path, b"0123456789")
    attributes, asked = await world.count(fs.get_attributes, path, None)
    assert attributes.size == 10
    assert asked == []


async def test_appending_overwriting_and_truncating(world: World, fs: FileSystem) -> None:
    await world.put("file", b"0123456789")
    path = f"/{BUCKET}/file"

    def change() -> None:
        appending = fs.open(path, os.O_WRONLY | os.O_APPEND)
        fs.write(appending.handle, b"ab", 0)
        writing = fs.open(path, os.O_RDWR)
        fs.write(writing.handle, b"XY", 3)
        assert fs.read(writing.handle, 100, 0) == b"012XY56789ab"
        fs.truncate(path, writing.handle, 11)
        for each in (appending, writing):
            fs.flush(each.handle)
            fs.release(each.handle)

    await asyncio.to_thread(change)
    assert await asyncio.to_thread(read_file, fs, path) == b"012XY56789a"
    await asyncio.to_thread(fs.truncate, path, None, 4)
    assert await asyncio.to_thread(read_file, fs, path) == b"012X"
    opened = await asyncio.to_thread(fs.open, path, os.O_WRONLY | os.O_TRUNC)
    await asyncio.to_thread(fs.flush, opened.handle)
    await asyncio.to_thread(fs.release, opened.handle)
    info = await world.client.head(BUCKET, "file")
    assert info is not None
    assert info.size == 0


async def test_what_open_and_create_refuse(world: World, fs: FileSystem) -> None:
    await world.put("d/file")
    refused = [
        (fs.open, ("/", os.O_RDONLY), IsADirectoryError),
        (fs.open, (f"/{BUCKET}/d", os.O_RDONLY), IsADirectoryError),
        (fs.open, (f"/{BUCKET}/none", os.O_RDWR), FileNotFoundError),
        (fs.create, (f"/{BUCKET}/d/file", os.O_RDWR | os.O_EXCL, 0o644), FileExistsError),
        (fs.create, ("/file", os.O_RDWR, 0o644), PermissionError),
    ]
    for call, arguments, error in refused:
        with pytest.raises(error):
            await asyncio.to_thread(call, *arguments)
    opened = await asyncio.to_thread(fs.open, f"/{BUCKET}/d/file", os.O_RDONLY)
    with pytest.raises(OSError, match="Bad file descriptor"):
        fs.write(opened.handle, b"data", 0)
    fs.release(opened.handle)


async def test_a_hidden_object_can_be_written(world: World, fs: FileSystem) -> None:
    await world.put("a", b"object")
    await world.put("a/b", b"below")
    path = f"/{BUCKET}/a%s3d-object"
    opened = await asyncio.to_thread(fs.open, path, os.O_WRONLY)
    await asyncio.to_thread(fs.write, opened.handle, b"O", 0)
    await asyncio.to_thread(fs.flush, opened.handle)
    await asyncio.to_thread(fs.release, opened.handle)
    assert await asyncio.to_thread(read_file, fs, path) == b"Object"
    assert await asyncio.to_thread(read_file, fs, f"/{BUCKET}/a/b") == b"below"


async def test_a_file_that_is_removed_while_it_is_open_does_not_come_back(
    world: World, fs: FileSystem
) -> None:
    path = f"/{BUCKET}/file"

    def work() -> None:
        opened = fs.create(path, os.O_RDWR, 0o644)
        fs.write(opened.handle, b"data", 0)
        fs.unlink(path)
        fs.flush(opened.handle)
        fs.release(opened.handle)
        with pytest.raises(FileNotFoundError):
            fs.get_attributes(path, None)
        write_file(fs, path, b"another")
        assert read_file(fs, path) == b"another"

    await asyncio.to_thread(work)


@pytest.mark.rule("MOUNT-6")
async def test_a_reader_sees_what_another_program_writes(world: World, fs: FileSystem) -> None:
    """As `tail -f` expects it."""
    path = f"/{BUCKET}/log"

    def work() -> None:
        write_file(fs, path, b"one\n")
        reading = fs.open(path, os.O_RDONLY)
        assert fs.read(reading.handle, 100, 0) == b"one\n"
        writing = fs.open(path, os.O_WRONLY | os.O_APPEND)
        fs.write(writing.handle, b"two\n", 0)
        assert fs.read(reading.handle, 100, 0) == b"one\ntwo\n"
        fs.flush(writing.handle)
        fs.release(writing.handle)
        assert fs.read(reading.handle, 100, 4) == b"two\n"
        fs.release(reading.handle)

    await asyncio.to_thread(work)
