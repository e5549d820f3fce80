"""The file system of a mount as a whole, without a kernel."""

from __future__ import annotations

import asyncio
import os
import queue
import threading

import pytest

from s3d.agent.frontends.fuse.filesystem import ChangeNotifier, FileSystem
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


@pytest.mark.rule("MOUNT-7")
async def test_the_kernel_learns_what_other_clients_change(world: World, fs: FileSystem) -> None:
    notes: queue.Queue[str] = queue.Queue()
    at_once: list[str] = []
    fs.notify_changes(at_once.append, notes.put)
    await world.put("d/file")
    await asyncio.to_thread(fs.get_attributes, f"/{BUCKET}/d/file", None)

    def write() -> None:
        opened = fs.open(f"/{BUCKET}/d/file", os.O_RDWR)
        fs.write(opened.handle, b"by the mount", 0)
        fs.flush(opened.handle)
        fs.release(opened.handle)

    await asyncio.to_thread(write)
    await world.put("d/file", b"by another client")
    assert at_once == [f"/{BUCKET}/d/file"], "whoever reads it from now on sees all of it"
    assert await asyncio.to_thread(notes.get, timeout=10) == f"/{BUCKET}/d/file"
    await world.client.delete(BUCKET, "d/file")
    assert await asyncio.to_thread(notes.get, timeout=10) == f"/{BUCKET}/d/file"
    assert notes.empty()


def test_each_path_is_told_in_another_thread() -> None:
    notes: queue.Queue[tuple[str, int]] = queue.Queue()
    notifier = ChangeNotifier()
    notifier.put("/nobody-listens-yet")
    at_once: list[str] = []
    notifier.start(at_once.append, lambda path: notes.put((path, threading.get_ident())))
    for path in ("/a", "/b"):
        notifier.put(path)
        assert at_once[-1] == path
    told = [notes.get(timeout=10) for _ in range(2)]
    assert [path for path, _ in told] == ["/a", "/b"]
    assert threading.get_ident() not in {thread for _, thread in told}
    notifier.close()


def test_a_kernel_that_makes_the_thread_wait_makes_nobody_else_wait() -> None:
    blocked, released = threading.Event(), threading.Event()

    def wait(path: str) -> None:
        blocked.set()
        released.wait(10)

    notifier = ChangeNotifier()
    at_once: list[str] = []
    notifier.start(at_once.append, wait)
    notifier.put("/a")
    assert blocked.wait(10)
    for n in range(5_000):
        notifier.put(f"/{n}")
    assert len(at_once) == 5_001
    notifier.close()
    released.set()
