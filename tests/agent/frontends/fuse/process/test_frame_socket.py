"""Frames and descriptors over a real socket pair."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Sequence

import pytest

from s3d.agent.frontends.fuse.process.frame_socket import (
    MAX_DESCRIPTORS,
    ChannelClosed,
    FrameSocket,
    close_all,
)
from tests.agent.frontends.fuse.process.pairs import copies, new_file


class End:
    """One end, and what it has received."""

    def __init__(self, end: socket.socket) -> None:
        self.frames: list[tuple[bytes, Sequence[int]]] = []
        self.changed = asyncio.Event()
        self.closes = 0
        self.socket = FrameSocket(end, self._receive, self._end)

    def _receive(self, frame: memoryview, descriptors: Sequence[int]) -> None:
        self.frames.append((bytes(frame), descriptors))
        self.changed.set()

    def _end(self) -> None:
        self.closes += 1
        self.changed.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.frames) < count:
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture
async def ends():
    one, other = map(End, socket.socketpair())
    yield one, other
    one.socket.close()
    other.socket.close()


async def test_frames_arrive_whole_and_in_their_order(ends):
    one, other = ends
    frames = [os.urandom(size) for size in (0, 1, 5 << 20, 7, 1 << 20, 0)]
    for frame in frames:
        one.socket.send(frame)
        other.socket.send(frame[::-1])
    await other.until(len(frames))
    await one.until(len(frames))
    assert [frame for frame, _ in other.frames] == frames
    assert [frame for frame, _ in one.frames] == [frame[::-1] for frame in frames]


async def test_descriptors_come_with_their_frame_also_when_it_has_to_wait(ends):
    one, other = ends
    for number in range(20):
        fds = [os.memfd_create(f"{number}-{index}") for index in range(number % 3)]
        for index, fd in enumerate(fds):
            os.write(fd, b"%d-%d" % (number, index))
        one.socket.send(b"x" * 300_000, fds)
        close_all(fds)
    await other.until(20)
    for number, (_, fds) in enumerate(other.frames):
        found = [os.pread(fd, 100, 0) for fd in fds]
        assert found == [b"%d-%d" % (number, index) for index in range(number % 3)]
        assert not any(os.get_inheritable(fd) for fd in fds)
        close_all(fds)


async def test_the_most_descriptors_of_a_frame_arrive(ends):
    one, other = ends
    one.socket.send(b"x", [0] * MAX_DESCRIPTORS)
    await other.until(1)
    assert len(other.frames[0][1]) == MAX_DESCRIPTORS
    close_all(other.frames[0][1])


async def test_the_end_of_the_other_side_is_noticed_once_after_its_last_frame(ends):
    one, other = ends
    one.socket.send(b"last")
    one.socket.close()
    one.socket.close()
    await other.until(1)
    await asyncio.to_thread(other.changed.is_set)
    async with asyncio.timeout(20):
        while not other.closes:
            other.changed.clear()
            await other.changed.wait()
    assert (one.closes, other.closes) == (1, 1)
    with pytest.raises(ChannelClosed):
        other.socket.send(b"too late")


async def test_what_was_not_sent_leaves_no_descriptor(ends):
    one, other = ends
    fd = new_file(b"x")
    for _ in range(10):
        one.socket.send(bytes(1 << 20), [fd])
    assert copies(fd) > 1
    one.socket.close()
    other.socket.close()
    close_all([each for _, fds in other.frames for each in fds])
    assert copies(fd) == 1
    os.close(fd)
