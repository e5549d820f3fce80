from __future__ import annotations

import errno
import hashlib
from collections.abc import AsyncIterator

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, BytesBody, StreamBody
from s3d.agent.stores.write_queue.staged_body import (
    SMALL,
    StagedDataCorrupt,
    Throttle,
    VerifiedBody,
    lost_as_corrupt,
    md5_of,
    ready,
)
from s3d.shared.config.values import Timetable
from tests.agent.stores.write_queue.rig import Time
from tests.contract.client import read

LARGE = bytes(range(256)) * (SMALL // 256 + 1)


class Sink:
    """Counts what moved."""

    def __init__(self) -> None:
        self.size = 0

    def __call__(self, size: int) -> None:
        self.size += size


def free() -> Throttle:
    return Throttle(Timetable(), Time().clock)


def large() -> Body:
    async def chunks() -> AsyncIterator[bytes]:
        yield LARGE[:100_000]
        yield LARGE[100_000:]

    return StreamBody(chunks(), len(LARGE))


def md5(data: bytes) -> bytes:
    return hashlib.md5(data).digest()


async def test_a_small_payload_is_checked_before_it_goes_and_can_go_twice() -> None:
    moved = Sink()
    body = await ready(BytesBody(b"value"), md5(b"value"), free(), moved)
    assert (await read(body), await read(body), moved.size) == (b"value", b"value", 5)
    with pytest.raises(StagedDataCorrupt):
        await ready(BytesBody(b"value"), md5(b"other"), free(), moved)


async def test_a_large_payload_is_checked_while_it_goes() -> None:
    moved = Sink()
    body = await ready(large(), md5(LARGE), free(), moved)
    assert isinstance(body, VerifiedBody)
    assert (await read(body), moved.size, body.size) == (LARGE, len(LARGE), len(LARGE))
    with pytest.raises(StagedDataCorrupt):
        await read(await ready(large(), md5(b"other"), free(), moved))


async def test_the_md5_of_a_payload() -> None:
    assert await md5_of(large()) == md5(LARGE)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOENT, StagedDataCorrupt),
        (errno.EIO, StagedDataCorrupt),
        (errno.EMFILE, S3Error),
        (None, StagedDataCorrupt),
    ],
)
def test_a_file_that_is_lost_is_not_one_that_cannot_be_opened_now(
    number: int | None, kind: type[S3Error]
) -> None:
    def fail() -> None:
        cause = None if number is None else OSError(number, "no")
        with lost_as_corrupt():
            raise S3Error("InternalError") from cause

    with pytest.raises(S3Error) as caught:
        fail()
    assert type(caught.value) is kind


async def test_bytes_go_no_faster_than_the_rate_and_smoothly() -> None:
    time = Time()

    async def sleep(seconds: float) -> None:
        time.passed += seconds

    clock = type(time.clock)(
        now=time.clock.now, steady=time.clock.steady, minute=time.clock.minute, sleep=sleep
    )
    throttle = Throttle(Timetable(((0, 100_000),)), clock)
    pieces = [piece async for piece in throttle.slices(bytes(1_000_000))]
    assert (sum(map(len, pieces)), max(map(len, pieces))) == (1_000_000, 25_000)
    assert time.passed == pytest.approx(9.5, abs=0.3)


async def test_the_rate_is_that_of_the_time_of_the_day() -> None:
    time = Time()
    throttle = Throttle(Timetable(((0, 1024), (60, None))), time.clock)
    assert throttle.rate == 1024
    time.advance(3600)
    assert throttle.rate is None
