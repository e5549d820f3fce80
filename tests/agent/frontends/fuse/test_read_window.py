"""Bytes that arrive on the loop are read by threads as far as they have arrived."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import cast

import pytest

from s3d.agent.frontends.fuse.held_file import ArrivingFile, HeldFile, arriving_file
from s3d.agent.frontends.fuse.read_window import ReadWindow
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, BytesBody, Piece, StreamBody


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


class Arriving:
    """A body of the read cache whose bytes come into a file, at its offset 3, when the test says
    so."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(b"###")
        self.fd = os.open(path, os.O_RDONLY)
        self.queue: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()

    def file(self) -> Piece:
        return Piece(self.fd, 3, 10)

    async def arrivals(self) -> AsyncIterator[int]:
        while (data := await self.queue.get()) is not None:
            if isinstance(data, Exception):
                raise data
            with self.path.open("ab") as file:
                file.write(data)
            yield self.path.stat().st_size

    async def aclose(self) -> None:
        os.close(self.fd)


@pytest.fixture
def arriving(tmp_path: Path) -> Arriving:
    return Arriving(tmp_path / "file")


def arriving_file_of(body: object) -> ArrivingFile:
    found = arriving_file(cast("Body", body))
    assert found is not None
    return found


async def test_bytes_are_read_in_the_file_to_which_they_come(
    window: ReadWindow, arriving: Arriving
) -> None:
    file = arriving_file_of(arriving)
    first, rest = window.arrival_of(104), window.arrival_of(110)
    async with asyncio.TaskGroup() as group:
        following = group.create_task(window.follow(file))
        arriving.queue.put_nowait(b"abcd")
        await arrived(first)
        assert window.read(10, 101) == b"bcd"
        arriving.queue.put_nowait(b"efghij")
        arriving.queue.put_nowait(None)
        await arrived(rest)
    assert following.result()
    assert window.read(3, 108) == b"ij"
    released: list[HeldFile] = []
    window.close(released.append)
    assert released == [file]
    await arriving.aclose()


@pytest.mark.parametrize("end", [None, S3Error("AccessDenied")])
async def test_what_does_not_come_into_the_file_is_an_error(
    window: ReadWindow, arriving: Arriving, end: Exception | None
) -> None:
    rest = window.arrival_of(110)
    arriving.queue.put_nowait(b"abc")
    arriving.queue.put_nowait(end)
    assert await window.follow(arriving_file_of(arriving))
    await arrived(rest)
    assert window.read(100, 100) == b"abc"
    assert not window.covers(105)
    with pytest.raises(S3Error):
        window.read(5, 105)
    await arriving.aclose()


def test_a_file_that_comes_after_the_end_is_not_kept(
    window: ReadWindow, arriving: Arriving
) -> None:
    file, released = HeldFile(BytesBody(b""), []), list[HeldFile]()
    window.close(released.append)
    assert not window.hold(file)
    assert not asyncio.run(window.follow(arriving_file_of(arriving)))
    asyncio.run(arriving.aclose())
    assert released == []
    other = ReadWindow(0, 1)
    assert other.hold(file)
    other.close(released.append)
    assert released == [file]


def test_a_file_stays_open_while_a_thread_reads_in_it(window: ReadWindow, tmp_path: Path) -> None:
    """Its descriptor would be that of another file otherwise, and its bytes those of that one."""
    begun, may_end, released = Event(), Event(), list[HeldFile]()

    def check(start: int, end: int) -> int:
        begun.set()
        assert may_end.wait(10)
        return end

    (tmp_path / "file").write_bytes(b"0123456789")
    with (tmp_path / "file").open("rb") as file, ThreadPoolExecutor() as threads:
        held = HeldFile(BytesBody(b""), [Piece(file.fileno(), 0, 10, check)])
        assert window.hold(held)
        reading = threads.submit(window.read, 10, 100)
        assert begun.wait(10)
        window.close(released.append)
        assert released == []
        assert window.read(10, 100) == b"", "it is requested anew"
        may_end.set()
        assert reading.result() == b"0123456789"
        assert released == [held]
