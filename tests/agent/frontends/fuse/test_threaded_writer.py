"""How threads hand files to the loop, and how those that wait for a remote are sent home."""

import asyncio
import errno
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from s3d.agent.core.object_info import ObjectAttributes
from s3d.agent.frontends.fuse.hand_over import ObjectName, ObjectWriter, Written
from s3d.agent.frontends.fuse.loop_bridge import LoopBridge
from s3d.agent.frontends.fuse.object_patcher import NotPatched, ObjectPatcher
from s3d.agent.frontends.fuse.staged_file import FrozenFile
from s3d.agent.frontends.fuse.threaded_writer import ThreadedWriter
from tests.agent.frontends.fuse.store_thread import until

PLACE = ObjectName("bbb", "key")


class SlowPatcher:
    """Waits for a remote that does not answer."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.abandoned: list[ObjectName] = []
        self.error: Exception | None = None

    async def may_patch(self, *args: Any) -> bool:
        return True

    async def patch(self, *args: Any) -> Written:
        if self.error is not None:
            raise self.error
        self.begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def abandon(self, place: ObjectName) -> None:
        self.abandoned.append(place)


@pytest.fixture
def patcher() -> SlowPatcher:
    return SlowPatcher()


@pytest.fixture
def writer(patcher: SlowPatcher) -> Iterator[ThreadedWriter]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    writer = cast(ObjectWriter, None)
    bridge = LoopBridge(loop)
    yield ThreadedWriter(bridge, writer, cast(ObjectPatcher, patcher))
    bridge.close()
    try:
        asyncio.run_coroutine_threadsafe(settle(), loop).result(20)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def settle() -> None:
    """Wait for the tasks that were cancelled."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others)


def patch(writer: ThreadedWriter) -> int | None:
    """The errno that a patch ends with."""
    try:
        file = FrozenFile(Path("1"), 10, 1, 1, [(0, 5)])
        writer.patch_object(PLACE, file, ObjectAttributes(), '"etag"')
    except OSError as error:
        return error.errno
    return None


@pytest.mark.parametrize("ends_by", ["stop", "abandon"])
def test_a_patch_that_waits_is_ended(writer, patcher, ends_by):
    seen: list[int | None] = []
    waiting = threading.Thread(target=lambda: seen.append(patch(writer)))
    waiting.start()
    assert patcher.begun.wait(20)
    writer.stop() if ends_by == "stop" else writer.abandon(PLACE)
    waiting.join(20)
    assert seen == [errno.ENOTCONN]
    until(lambda: patcher.abandoned == ([PLACE] if ends_by == "abandon" else []))


def test_the_loop_is_asked_whether_to_patch(writer):
    assert writer.may_patch(PLACE, {})


def test_no_patch_begins_after_the_end(writer, patcher):
    writer.stop()
    assert patch(writer) == errno.ENOTCONN
    assert not patcher.begun.is_set()


def test_a_refusal_arrives_as_it_is(writer, patcher):
    patcher.error = NotPatched(errno.ENOTSUP, "no")
    file = FrozenFile(Path("1"), 10, 1, 1, [(0, 5)])
    with pytest.raises(NotPatched):
        writer.patch_object(PLACE, file, ObjectAttributes(), '"etag"')
