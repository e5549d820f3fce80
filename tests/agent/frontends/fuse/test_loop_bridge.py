"""Threads call coroutines of the loop: results, errors, the time limit, interrupts and the end."""

from __future__ import annotations

import asyncio
import errno
import threading
import time
from collections.abc import AsyncIterator

import pytest

from s3d.agent.frontends.fuse.loop_bridge import LoopBridge
from s3d.agent.s3.errors import S3Error


@pytest.fixture
async def bridge() -> AsyncIterator[LoopBridge]:
    bridge = LoopBridge(asyncio.get_running_loop())
    yield bridge
    bridge.close()


class Endless:
    """A coroutine that waits until it is cancelled."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.cancelled = asyncio.Event()

    async def run(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()


async def test_a_thread_gets_the_result(bridge: LoopBridge) -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return threading.get_ident()

    assert await asyncio.to_thread(bridge.call, work) == threading.get_ident()


async def test_an_error_of_s3_becomes_an_errno(bridge: LoopBridge) -> None:
    async def work() -> None:
        raise S3Error("AccessDenied")

    with pytest.raises(PermissionError, match="AccessDenied"):
        await asyncio.to_thread(bridge.call, work)


async def test_a_call_that_takes_too_long_is_an_error_and_is_cancelled() -> None:
    endless = Endless()
    bridge = LoopBridge(asyncio.get_running_loop(), limit=0.05)
    with pytest.raises(OSError, match="no answer within") as caught:
        await asyncio.to_thread(bridge.call, endless.run)
    assert caught.value.errno == errno.EIO
    await endless.cancelled.wait()


async def test_a_blocked_loop_does_not_block_the_thread_for_longer() -> None:
    bridge = LoopBridge(asyncio.get_running_loop(), limit=0.01)
    endless = Endless()
    outcome: list[OSError] = []

    def call() -> None:
        try:
            bridge.call(endless.run)
        except OSError as error:
            outcome.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join(10)  # on the loop, which is blocked meanwhile
    assert [error.errno for error in outcome] == [errno.EIO]


async def test_an_interrupted_call_ends_and_is_cancelled() -> None:
    endless = Endless()
    bridge = LoopBridge(asyncio.get_running_loop(), is_interrupted=endless.begun.is_set)
    begun = time.monotonic()
    with pytest.raises(InterruptedError):
        await asyncio.to_thread(bridge.call, endless.run)
    assert time.monotonic() - begun < 4
    await endless.cancelled.wait()


async def test_the_end_of_the_mount_ends_its_calls(bridge: LoopBridge) -> None:
    endless = Endless()

    def end() -> None:
        endless.begun.wait(10)
        bridge.close()

    ending = asyncio.to_thread(end)
    call = asyncio.to_thread(bridge.call, endless.run)
    async with asyncio.TaskGroup() as group:
        group.create_task(ending)
        with pytest.raises(OSError, match="the mount has ended"):
            await call
    with pytest.raises(OSError, match="the mount has ended") as caught:
        await asyncio.to_thread(bridge.call, endless.run)
    assert caught.value.errno == errno.ENOTCONN
