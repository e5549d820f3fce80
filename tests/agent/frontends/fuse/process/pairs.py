"""Two ends of a channel in one process, and what they leave open."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from s3d.agent.frontends.fuse.process.channel import Channel, Handler, Listener

MANY_SECONDS = 20


@dataclass
class Pair:
    """`near` calls, and `far` answers, unless a test says otherwise."""

    near: Channel
    far: Channel


def connect(
    handlers: Mapping[str, Handler] | None = None,
    listeners: Mapping[str, Listener] | None = None,
    *,
    near: Mapping[str, Handler] | None = None,
    **settings: Any,
) -> Pair:
    """handlers, listeners: of the far end. near: handlers of the near one."""
    ends = socket.socketpair()
    return Pair(
        Channel(ends[0], handlers=near or {}, listeners={}),
        Channel(ends[1], handlers=handlers or {}, listeners=listeners or {}, **settings),
    )


@asynccontextmanager
async def connected(
    handlers: Mapping[str, Handler] | None = None,
    listeners: Mapping[str, Listener] | None = None,
    *,
    near: Mapping[str, Handler] | None = None,
    opens_files: bool = False,
    **settings: Any,
) -> AsyncIterator[Pair]:
    """As connect(); both are closed at the end, and nothing is left open.

    opens_files: what the handlers call keeps further files open.
    """
    before = open_descriptors()
    pair = connect(handlers, listeners, near=near, **settings)
    try:
        async with asyncio.timeout(MANY_SECONDS):
            yield pair
    finally:
        pair.near.close()
        pair.far.close()
        await turns()
    assert opens_files or {*open_descriptors()} <= {*before}
    for channel in (pair.near, pair.far):
        assert (channel._pending, channel._tasks) == ({}, {})


async def turns(number: int = 10) -> None:
    """Let everything run that is ready."""
    for _ in range(number):
        await asyncio.sleep(0)


async def quiet(*channels: Channel) -> None:
    """Return when nobody waits for an answer of these, and nobody works on one."""
    await until(lambda: not any(channel._pending or channel._tasks for channel in channels))


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until something has happened."""
    async with asyncio.timeout(MANY_SECONDS):
        for _ in iter(condition, True):
            await asyncio.sleep(0)


def open_descriptors() -> list[int]:
    """Of this process, without that of the look itself."""
    return sorted(each for each in map(int, os.listdir("/proc/self/fd")) if _is_open(each))


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def copies(descriptor: int) -> int:
    """How many descriptors of this process are of the same file."""
    found = identity(descriptor)
    return sum(_is_open(each) and identity(each) == found for each in open_descriptors())


def new_file(data: bytes) -> int:
    """A descriptor of a file with these bytes."""
    descriptor = os.memfd_create("test", os.MFD_CLOEXEC)
    os.write(descriptor, data)
    return descriptor


def identity(descriptor: int) -> tuple[int, int]:
    """Which file it is."""
    shown = os.fstat(descriptor)
    return shown.st_dev, shown.st_ino
