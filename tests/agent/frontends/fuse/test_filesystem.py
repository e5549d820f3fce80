"""The file system of a mount as a whole, without a kernel."""

from __future__ import annotations

import asyncio
import os
import queue

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


async def test_the_kernel_learns_what_other_clients_change(world: World, fs: FileSystem) -> None:
    notes: queue.Queue[str] = queue.Queue()
    fs.notify_changes(notes.put)
    await world.put("d/file")
    await asyncio.to_thread(fs.get_attributes, f"/{BUCKET}/d/file", None)

    def write() -> None:
        opened = fs.open(f"/{BUCKET}/d/file", os.O_RDWR)
        fs.write(opened.handle, b"by the mount", 0)
        fs.flush(opened.handle)
        fs.release(opened.handle)

    await asyncio.to_thread(write)
    await world.put("d/file", b"by another client")
    assert await asyncio.to_thread(notes.get, timeout=10) == f"/{BUCKET}/d/file"
    await world.client.delete(BUCKET, "d/file")
    assert await asyncio.to_thread(notes.get, timeout=10) == f"/{BUCKET}/d/file"
    assert notes.empty()
