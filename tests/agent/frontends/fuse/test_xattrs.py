"""What extended attributes say of an object, and what they cost."""

from __future__ import annotations

import asyncio
import errno

import pytest

from s3d.agent.core.object_info import ObjectAttributes
from s3d.agent.frontends.fuse.filesystem import FileSystem
from s3d.agent.s3.messages import BytesBody
from tests.agent.frontends.fuse.conftest import BUCKET, World


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
