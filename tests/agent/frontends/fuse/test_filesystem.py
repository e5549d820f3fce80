"""The file system of a mount as a whole, without a kernel."""

from __future__ import annotations

import asyncio

import pytest

from s3d.agent.frontends.fuse.filesystem import FileSystem
from s3d.agent.frontends.fuse.fs_ops import FsOps
from tests.agent.frontends.fuse.conftest import BUCKET, SIZE, World


def test_it_is_what_a_binding_needs(fs: FileSystem) -> None:
    operations: FsOps = fs
    assert operations.size() == SIZE


async def test_nothing_can_be_asked_of_a_mount_that_has_ended(world: World, fs: FileSystem) -> None:
    await world.put("file")
    await asyncio.to_thread(fs.close)
    with pytest.raises(OSError, match="the mount has ended"):
        await asyncio.to_thread(fs.get_attributes, f"/{BUCKET}/file", None)
