"""Bytes that arrive on the loop are read by threads as far as they have arrived."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Future

import pytest

from s3d.agent.frontends.fuse.held_file import HeldFile
from s3d.agent.frontends.fuse.read_window import ReadWindow
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody, StreamBody


class Chunks:
    """A body whose chunks arrive when the test says so."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self.closed = asyncio.Event()
        self.body = StreamBody(self._chunks())

    async def _chunks(self) -> AsyncIterator[bytes]:
        try:
            while (chunk := await self.queue.get()) is not None:
                if isinstance(chunk, Exception):
                    raise chunk
                yield chunk
        finally:
            self.closed.set()


@pytest.fixture
def window() -> ReadWindow:
    return ReadWindow(100, 110)


async def arrived(future: Future[None] | None) -> None:
    assert future is not None
    await asyncio.wrap_future(future)


async def test_a_read_takes_its_bytes_from_as_many_chunks_as_it_needs(window: ReadWindow) -> None:
    chunks, data = Chunks(), b"abcdefghij"
    for chunk in (b"a", b"bcd", b"", b"efghi", b"j", None):
        chunks.queue.put_nowait(chunk)
    await window.fill(chunks.body)
    for start in range(10):
        for size in range(1, 12):
            assert window.read(size, 100 + start) == data[start : start + size]


async def test_bytes_can_be_read_before_the_last_has_arrived(window: ReadWindow) -> None:
    chunks = Chunks()
    first, rest = window.arrival_of(104), window.arrival_of(110)
    async with asyncio.TaskGroup() as group:
        group.create_task(window.fill(chunks.body))
        chunks.queue.put_nowait(b"abc")
        chunks.queue.put_nowait(b"def")
        await arrived(first)
        assert rest is not None
        assert not rest.done()
        assert window.read(3, 101) == b"bcd"
        assert window.arrival_of(106) is None
        chunks.queue.put_nowait(b"ghij")
        chunks.queue.put_nowait(None)
        await arrived(rest)
    assert window.read(100, 100) == b"abcdefghij"
    assert chunks.closed.is_set()


@pytest.mark.parametrize("end", [None, S3Error("AccessDenied"), b"too many bytes"])
async def test_an_answer_that_fails_wakes_those_who_wait(
    window: ReadWindow, end: bytes | Exception | None
) -> None:
    chunks = Chunks()
    rest = window.arrival_of(110)
    chunks.queue.put_nowait(b"abc")
    chunks.queue.put_nowait(end)
    await window.fill(chunks.body)
    await arrived(rest)
    assert window.read(100, 100) == b"abc"
    assert not window.covers(105)
    with pytest.raises((S3Error, ValueError)):
        window.read(5, 105)
    assert chunks.closed.is_set()


async def test_a_cancelled_window_wakes_those_who_wait(window: ReadWindow) -> None:
    chunks = Chunks()
    rest = window.arrival_of(110)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await window.fill(chunks.body)
    await arrived(rest)
    with pytest.raises(S3Error, match="cancelled"):
        window.read(5, 105)


async def test_a_thread_that_gave_up_does_not_hinder_the_others(window: ReadWindow) -> None:
    gave_up, waits = window.arrival_of(110), window.arrival_of(110)
    assert gave_up is not None
    assert window.is_awaited
    gave_up.cancel()
    await window.fill(BytesBody(b"0123456789"))
    await arrived(waits)
    assert window.read(2, 108) == b"89"


def test_a_file_that_comes_after_the_end_is_not_kept(window: ReadWindow) -> None:
    file = HeldFile(BytesBody(b""), [])
    assert window.close() is None
    assert not window.hold(file)
    other = ReadWindow(0, 1)
    assert other.hold(file)
    assert other.close() is file
