"""Look-ups and listings of a file system over a real store."""

from __future__ import annotations

import asyncio
import errno

import pytest

from s3d.agent.frontends.fuse.filesystem import FileSystem
from tests.agent.frontends.fuse.conftest import BUCKET, SIZE, World


async def test_attributes_of_folders(world: World, fs: FileSystem) -> None:
    await world.put("d/file")
    for path in ("/", f"/{BUCKET}", f"/{BUCKET}/d"):
        attributes = await asyncio.to_thread(fs.get_attributes, path, None)
        assert attributes.mode == 0o040755
        assert attributes.mtime_ns > 10**18
    inodes = [fs.get_attributes(path, None).inode for path in ("/", f"/{BUCKET}", f"/{BUCKET}/d")]
    assert len(set(inodes)) == 3


async def test_what_is_no_folder_cannot_be_listed(world: World, fs: FileSystem) -> None:
    await world.put("file")
    for path, expected in (("none", errno.ENOENT), ("file", errno.ENOTDIR)):
        listing = fs.read_directory(f"/{BUCKET}/{path}")
        with pytest.raises(OSError, match=path) as caught:
            await asyncio.to_thread(list, listing)
        assert caught.value.errno == expected


async def test_folders_have_the_attributes_of_their_place(world: World, fs: FileSystem) -> None:
    await world.put("d/file")
    assert await asyncio.to_thread(fs.list_xattrs, "/") == []
    assert await asyncio.to_thread(fs.list_xattrs, f"/{BUCKET}") == ["user.s3.bucket"]
    names = ["user.s3.bucket", "user.s3.key"]
    assert await asyncio.to_thread(fs.list_xattrs, f"/{BUCKET}/d") == names
    assert await asyncio.to_thread(fs.get_xattr, f"/{BUCKET}/d", "user.s3.key") == b"d/"


def test_free_space(fs: FileSystem) -> None:
    assert fs.size() == SIZE
