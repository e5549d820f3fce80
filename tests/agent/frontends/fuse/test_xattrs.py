"""What extended attributes say of an object, and what they cost."""

from __future__ import annotations

import asyncio
import errno
import os

import pytest

from s3d.agent.core.object_info import ObjectAttributes
from s3d.agent.frontends.fuse.filesystem import FileSystem
from s3d.agent.s3.messages import BytesBody
from tests.agent.frontends.fuse.conftest import BUCKET, World, number_of


async def test_extended_attributes(world: World, fs: FileSystem) -> None:
    await world.client.store(
        BUCKET,
        "tagged",
        BytesBody(b"data"),
        ObjectAttributes("text/plain", {"colour": "red"}, {"team": "blue"}),
    )
    path = f"/{BUCKET}/tagged"
    names = await asyncio.to_thread(fs.list_xattrs, path)
    values = {name: await asyncio.to_thread(fs.get_xattr, path, name) for name in names}
    assert values == {
        "user.s3.bucket": BUCKET.encode(),
        "user.s3.key": b"tagged",
        "user.s3.etag": b"8d777f385d3dfec8815d20f7496026dc",
        "user.s3.content-type": b"text/plain",
        "user.s3.storage-class": b"STANDARD",
        "user.s3.meta.colour": b"red",
        "user.s3.tag.team": b"blue",
        "user.s3.cache": b"cached",
        "user.s3d.state": b"clean",
        "user.s3d.pin": b"0",
    }
    for name in ("user.s3.meta.none", "user.s3.tag.none", "security.selinux", "user.other"):
        with pytest.raises(OSError, match=name) as caught:
            await asyncio.to_thread(fs.get_xattr, path, name)
        assert caught.value.errno == errno.ENODATA


async def test_attributes_of_other_programs_cost_no_request(world: World, fs: FileSystem) -> None:
    await world.put("file")
    await asyncio.to_thread(fs.get_attributes, f"/{BUCKET}/file", None)

    def ask() -> None:
        with pytest.raises(OSError, match="selinux"):
            fs.get_xattr(f"/{BUCKET}/file", "security.selinux")

    assert (await world.count(ask))[1] == []


async def test_metadata_tags_and_the_pin_can_be_changed(world: World, fs: FileSystem) -> None:
    await world.put("file")
    path = f"/{BUCKET}/file"

    def work() -> None:
        for name in ("user.s3.meta.colour", "user.s3.tag.team"):
            fs.set_xattr(path, name, b"red", 0)
            assert fs.get_xattr(path, name) == b"red"
            fs.set_xattr(path, name, b"blue", os.XATTR_REPLACE)
            assert fs.get_xattr(path, name) == b"blue"
            assert number_of(fs.set_xattr, path, name, b"x", os.XATTR_CREATE) == errno.EEXIST
            fs.remove_xattr(path, name)
            assert number_of(fs.get_xattr, path, name) == errno.ENODATA
            assert number_of(fs.remove_xattr, path, name) == errno.ENODATA
            assert number_of(fs.set_xattr, path, name, b"x", os.XATTR_REPLACE) == errno.ENODATA
        fs.set_xattr(path, "user.s3d.pin", b"1", 0)
        assert fs.get_xattr(path, "user.s3d.pin") == b"1"
        fs.remove_xattr(path, "user.s3d.pin")
        assert fs.get_xattr(path, "user.s3d.pin") == b"0"

    await asyncio.to_thread(work)


async def test_what_cannot_be_set(world: World, fs: FileSystem) -> None:
    await world.put("file")
    path = f"/{BUCKET}/file"

    def work() -> None:
        for name in ("user.s3.etag", "user.other", "user.s3d.state"):
            assert number_of(fs.set_xattr, path, name, b"x", 0) == errno.EOPNOTSUPP
            assert number_of(fs.remove_xattr, path, name) == errno.EOPNOTSUPP
        assert number_of(fs.set_xattr, path, "user.s3.meta.a", b"\xff", 0) == errno.EINVAL
        for name in ("é", "a b", "a:b", "a\nb", ""):
            assert number_of(fs.set_xattr, path, f"user.s3.meta.{name}", b"x", 0) == errno.EINVAL
        assert number_of(fs.set_xattr, f"/{BUCKET}", "user.s3.tag.a", b"x", 0) == errno.EOPNOTSUPP
        for n in range(10):
            fs.set_xattr(path, f"user.s3.tag.{n}", b"x", 0)
        assert number_of(fs.set_xattr, path, "user.s3.tag.more", b"x", 0) == errno.E2BIG

    await asyncio.to_thread(work)


async def test_refreshing_a_file_forgets_what_the_mount_remembers(
    world: World, fs: FileSystem
) -> None:
    await world.put("file")
    path = f"/{BUCKET}/file"
    await asyncio.to_thread(fs.get_attributes, path, None)
    assert (await world.count(fs.get_attributes, path, None))[1] == []
    await asyncio.to_thread(fs.set_xattr, path, "user.s3d.refresh", b"1", 0)
    assert (await world.count(fs.get_attributes, path, None))[1] != []
