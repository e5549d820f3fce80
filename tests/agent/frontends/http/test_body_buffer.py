"""The buffer between the parser and the handler."""

from __future__ import annotations

import asyncio

import pytest

from s3d.agent.frontends.http.body_buffer import EMPTY_BODY, HIGH_WATER, BodyBuffer, ClientWait
from s3d.agent.s3.errors import S3Error


@pytest.fixture
def room() -> list[int]:
    return []


@pytest.fixture
def body(room: list[int]) -> BodyBuffer:
    return BodyBuffer(lambda: room.append(1))


async def test_pieces_come_as_they_arrived_and_then_nothing(body: BodyBuffer) -> None:
    body.feed(b"ab")
    body.feed(b"c")
    body.complete()
    assert [await body.read() for _ in range(3)] == [b"ab", b"c", b""]
    assert body.received == 3


async def test_a_reader_waits_for_a_piece_and_for_the_end(body: BodyBuffer) -> None:
    async with asyncio.TaskGroup() as group:
        first = group.create_task(body.read())
        await asyncio.sleep(0)
        body.feed(b"ab")
        assert await first == b"ab"
        second = group.create_task(body.read())
        await asyncio.sleep(0)
        body.complete()
    assert second.result() == b""


async def test_a_failure_wakes_the_reader(body: BodyBuffer) -> None:
    reading = asyncio.get_running_loop().create_task(body.read())
    await asyncio.sleep(0)
    body.fail(S3Error("RequestTimeout"))
    with pytest.raises(S3Error, match="RequestTimeout"):
        await reading


async def test_a_complete_body_does_not_fail(body: BodyBuffer) -> None:
    body.feed(b"a")
    body.complete()
    body.fail(S3Error("RequestTimeout"))
    assert (await body.read(), await body.read()) == (b"a", b"")


def test_room_is_announced_once_when_a_full_buffer_was_read(
    body: BodyBuffer, room: list[int]
) -> None:
    half = bytes(HIGH_WATER // 2)
    for _ in range(3):
        body.feed(half)
    assert (body.is_over_high_water, room) == (True, [])
    assert len(body.read_now()) == 3 * len(half)
    assert (body.is_over_high_water, room) == (False, [1])
    body.feed(b"a")
    assert (body.read_now(), room) == (b"a", [1])


def test_what_is_discarded_takes_no_room(body: BodyBuffer, room: list[int]) -> None:
    body.feed(bytes(HIGH_WATER + 1))
    body.discard()
    body.feed(bytes(HIGH_WATER + 1))
    assert (body.is_over_high_water, body.read_now(), room) == (False, b"", [1])
    assert body.received == 2 * HIGH_WATER + 2


async def test_the_empty_body_is_complete() -> None:
    assert EMPTY_BODY.is_complete
    assert (await EMPTY_BODY.read(), EMPTY_BODY.read_now()) == (b"", b"")


def waits(pieces: list[tuple[float, int]], rate: float = 100.0) -> float:
    """How long the server waits for the piece after these: (seconds of waiting, bytes)."""
    wait, now, received = ClientWait(), 1_000.0, 0
    for seconds, size in pieces:
        wait.begin(now, received, patience=30.0, rate=rate, longest=30.0)
        wait.end(now + seconds)
        received += size
        now += seconds + 500.0  # the server has other things to do
    return wait.begin(now, received, patience=30.0, rate=rate, longest=30.0) - now


def test_what_came_faster_than_the_rate_allows_a_pause() -> None:
    wait = ClientWait()
    limits = {"patience": 60.0, "rate": 100.0, "longest": 900.0}
    assert wait.begin(0.0, 0, **limits) == 60.0
    wait.end(10.0)
    assert wait.begin(10.0, 5_000, **limits) == 10.0 + 60.0 + 50.0 - 10.0
    wait.end(20.0)
    assert wait.begin(20.0, 10**9, **limits) == 20.0 + 900.0
    wait.end(800.0)
    assert wait.begin(800.0, 10**9, **limits) == 800.0 + 900.0 - 780.0, "without any byte"
    wait.end(920.0)
    assert wait.begin(920.0, 10**9, **limits) == 920.0
    assert wait.begin(920.0, 10**9 + 1, **limits) == 920.0 + 900.0, "one byte more"


def test_a_body_is_waited_for_as_long_as_it_keeps_to_a_rate() -> None:
    assert waits([]) == 30.0
    assert waits([(5.0, 1)] * 5) == pytest.approx(5.05)
    assert waits([(5.0, 1)] * 7) == 0.0
    assert waits([(5.0, 600)] * 50) == 30.0
    assert waits([(29.0, 1), (0.0, 10_000)]) == 30.0
