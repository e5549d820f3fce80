from __future__ import annotations

import errno
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.core.client import S3Client
from s3d.agent.core.failures import Reason, Unreachable
from s3d.agent.s3.checksums import hasher, multipart_etag
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, BytesBody, Members, StreamBody
from s3d.agent.storage.records import (
    Checksum,
    Description,
    Extent,
    Layout,
    ObjectRecord,
    PartSize,
    Stored,
)
from s3d.agent.stores.write_queue.push.verify_push import (
    SMALL,
    IntegrityCheck,
    PushThrottle,
    StagedDataCorrupt,
    VerifiedBody,
    compare_answer,
    compare_content,
    count_small,
    etag_of,
    is_our_write,
    lost_as_corrupt,
    md5_of,
    open_staged,
    verified_payload,
)
from s3d.shared.config.values import Timetable
from tests.agent.stores.write_queue.rig import Rig, Time, open_rig
from tests.contract.client import chunks, read

VALUE = b"value"
PLACE = {"Bucket": "bbb", "Key": "k"}


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with open_rig(tmp_path) as opened:
        yield opened


def crc(data: bytes) -> str:
    running = hasher("CRC32")
    running.update(data)
    return running.b64()


def stored(**record: Any) -> Stored:
    given = {"key": "k", "size": 5, "etag": f'"{hashlib.md5(VALUE).hexdigest()}"', **record}
    return Stored(ObjectRecord(**given), Layout((Extent(1, 0, 5),)))


def value(layout: Layout) -> Body:
    return BytesBody(VALUE)


@pytest.mark.parametrize(
    ("answer", "proof"),
    [
        ({"ETag": f'"{hashlib.md5(VALUE).hexdigest()}"'}, IntegrityCheck.SAME),
        ({"ETag": hashlib.md5(VALUE).hexdigest()}, IntegrityCheck.SAME),
        ({"ETag": '"opaque"'}, IntegrityCheck.UNKNOWN),
        ({}, IntegrityCheck.UNKNOWN),
        ({"ETag": '"opaque"', "ContentLength": 4}, IntegrityCheck.OTHER),
        ({"ETag": '"opaque"', "ChecksumCRC32": crc(VALUE)}, IntegrityCheck.SAME),
        ({"ETag": '"opaque"', "ChecksumCRC32": crc(b"other")}, IntegrityCheck.OTHER),
        ({"ChecksumCRC32": crc(VALUE), "ChecksumType": "COMPOSITE"}, IntegrityCheck.UNKNOWN),
        ({"ChecksumCRC32C": "another algorithm"}, IntegrityCheck.UNKNOWN),
    ],
)
def test_what_an_answer_proves(answer: Members, proof: IntegrityCheck) -> None:
    assert compare_answer(stored(checksum=Checksum("CRC32", crc(VALUE))).record, answer) is proof


@pytest.mark.parametrize(("there", "same"), [(VALUE, True), (b"other", False), (b"longer", False)])
@pytest.mark.parametrize("checksum", ["", "CRC32", "SHA256"])
async def test_an_opaque_etag_is_looked_behind(
    rig: Rig, there: bytes, same: bool, checksum: str
) -> None:
    more = {"ChecksumAlgorithm": checksum} if checksum else {}
    await rig.there.put("bbb", "k", there, **more)
    rig.remote.edit = lambda name, answer: (
        answer | {"ETag": '"opaque"'} if "ETag" in answer else answer
    )
    assert await compare_content(S3Client(rig.remote), value, PLACE, stored()) == (same, '"opaque"')
    reads = rig.remote.names().count("GetObject")
    assert reads == (0 if checksum or len(there) != len(VALUE) else 1)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=5), st.integers(1, 12))
async def test_the_etag_of_parts_however_the_bytes_come(sizes: list[int], step: int) -> None:
    parts = [bytes([number]) * size for number, size in enumerate(sizes)]
    whole = b"".join(parts)
    layout = Layout(parts=tuple(PartSize(n, size) for n, size in enumerate(sizes, 1)))
    pieces = [whole[at : at + step] for at in range(0, len(whole), step)]
    wanted = multipart_etag([hashlib.md5(part).digest() for part in parts])
    given = Stored(ObjectRecord("k", size=len(whole)), layout)
    assert await etag_of(StreamBody(chunks(*pieces)), given) == wanted
    assert await etag_of(BytesBody(whole + b"more"), given) != wanted


HEAD = {
    "LastModified": datetime.fromtimestamp(stored().record.modified, UTC),
    "ETag": stored().record.etag,
    "ContentLength": 5,
    "ContentType": "a",
    "Metadata": {"m": "1"},
}


@pytest.mark.parametrize(
    ("about", "ours"),
    [
        (Description({"ContentType": "a"}, {"m": "1"}), True),
        (Description({"ContentType": "b"}, {"m": "1"}), False),
        (Description({"ContentType": "a"}, {}), False),
        (Description({"ContentType": "a"}, {"m": "1"}, {"tag": "1"}), False),
        (Description({"ContentType": "a"}, {"m": "1"}, acl={}), False),
    ],
)
def test_our_own_write_is_known_by_content_and_description(about: Description, ours: bool) -> None:
    assert is_our_write(stored(description=about), HEAD) is ours
    assert not is_our_write(stored(description=about), HEAD | {"ETag": '"other"'})
    assert not is_our_write(stored(description=about), HEAD | {"ContentLength": 6})


@pytest.mark.parametrize(
    "older",
    [
        {"CacheControl": "max-age=1"},
        {"ContentEncoding": "gzip"},
        {"WebsiteRedirectLocation": "/"},
        {"TagCount": 1},
        {"StorageClass": "GLACIER"},
        {"LastModified": HEAD["LastModified"] - timedelta(seconds=3)},
    ],
)
def test_the_same_bytes_under_another_description_are_another_write(older: Members) -> None:
    ours = stored(description=Description({"ContentType": "a"}, {"m": "1"}))
    assert is_our_write(ours, HEAD)
    assert not is_our_write(ours, HEAD | older)


LARGE = bytes(range(256)) * (SMALL // 256 + 1)


class Sink:
    """Counts what moved."""

    def __init__(self) -> None:
        self.size = 0

    def __call__(self, size: int) -> None:
        self.size += size


def free() -> PushThrottle:
    return PushThrottle(Timetable(), Time().clock)


def large() -> Body:
    async def chunks() -> AsyncIterator[bytes]:
        yield LARGE[:100_000]
        yield LARGE[100_000:]

    return StreamBody(chunks(), len(LARGE))


def md5(data: bytes) -> bytes:
    return hashlib.md5(data).digest()


async def test_a_small_payload_is_checked_before_it_goes_and_can_go_twice() -> None:
    moved = Sink()
    body = await verified_payload(
        BytesBody(b"value"), md5(b"value"), throttle=free(), on_sent=moved
    )
    assert (await read(body), await read(body), moved.size) == (b"value", b"value", 0)
    with count_small(body, moved):
        pass
    assert moved.size == 5
    with pytest.raises(StagedDataCorrupt):
        await verified_payload(BytesBody(b"value"), md5(b"other"), throttle=free(), on_sent=moved)


@pytest.mark.parametrize(
    ("cause", "size"),
    [
        (Unreachable(Reason.CONNECT, "refused", sent=False), 0),
        (Unreachable(Reason.LOST, "reset", sent=True), 5),
        (None, 5),
    ],
)
def test_a_small_payload_counts_unless_the_remote_was_out_of_reach(
    cause: Unreachable | None, size: int
) -> None:
    moved, error = Sink(), S3Error("ServiceUnavailable")
    error.failure = cause
    with pytest.raises(S3Error), count_small(BytesBody(b"value"), moved):
        raise error
    assert moved.size == size


async def test_a_large_payload_is_checked_while_it_goes() -> None:
    moved = Sink()
    body = await verified_payload(large(), md5(LARGE), throttle=free(), on_sent=moved)
    assert isinstance(body, VerifiedBody)
    assert (await read(body), moved.size, body.size) == (LARGE, len(LARGE), len(LARGE))
    with pytest.raises(StagedDataCorrupt):
        await read(await verified_payload(large(), md5(b"other"), throttle=free(), on_sent=moved))


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
    throttle = PushThrottle(Timetable(((0, 100_000),)), clock)
    pieces = [piece async for piece in throttle.slices(bytes(1_000_000))]
    assert (sum(map(len, pieces)), max(map(len, pieces))) == (1_000_000, 25_000)
    assert time.passed == pytest.approx(9.5, abs=0.3)


async def test_the_rate_is_that_of_the_time_of_the_day() -> None:
    time = Time()
    throttle = PushThrottle(Timetable(((0, 1024), (60, None))), time.clock)
    assert throttle.rate == 1024
    time.advance(3600)
    assert throttle.rate is None
    throttle.timetable = Timetable(((0, 4096),))
    assert throttle.rate == 4096


async def test_an_empty_layout_has_no_bytes_to_open() -> None:
    def lost(layout: Layout) -> Body:
        raise S3Error("InternalError", "gone")

    assert await read(open_staged(lost, Layout())) == b""
    with pytest.raises(StagedDataCorrupt):
        open_staged(lost, Layout((Extent(1, 0, 1),)))
