"""Room in the queue."""

import asyncio

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import StreamBody
from s3d.agent.stores.write_queue.admission import Admission, Limits, Usage
from tests.contract.client import Client, chunks
from tests.contract.queued import queue_before


class Pending:
    """What is pending, as a test says."""

    def __init__(self):
        self.files, self.size, self.first, self.now = 0, 0, None, 0.0

    def admission(self, **limits):
        return Admission(
            Limits(**limits),
            lambda: Usage(self.files, self.size),
            lambda: self.first,
            lambda: self.now,
        )


async def enter(admission, size, entered, name):
    async with admission.reserve(size):
        entered.append(name)


@pytest.mark.parametrize(
    ("limits", "used", "word"),
    [
        ({"max_size": 10}, {"size": 8}, "is full: it holds 8 bytes .*MAX_SIZE"),
        ({"max_files": 1}, {"files": 1}, "is full: it holds 1 writes .*MAX_FILES"),
        ({"max_age": 5}, {"first": 0.0, "now": 6.0}, "accepts no further writes: .* 6 s .*MAX_AGE"),
    ],
)
async def test_without_room_a_write_is_refused_and_told_why(limits, used, word):
    pending = Pending()
    for name, value in used.items():
        setattr(pending, name, value)
    admission = pending.admission(wait=0, **limits)
    with pytest.raises(S3Error, match=word) as refused:
        async with admission.reserve(3):
            pass
    assert (refused.value.code, refused.value.detail) == ("SlowDown", {"RetryAfter": 5})


async def test_writes_that_are_received_count_as_well():
    admission = Pending().admission(max_size=10, wait=0)
    async with admission.reserve(8):
        with pytest.raises(S3Error):
            async with admission.reserve(3):
                pass
    async with admission.reserve(10):
        pass


async def test_the_first_to_come_is_the_first_to_enter():
    pending, entered = Pending(), []
    pending.size = 10
    admission = pending.admission(max_size=10)
    async with asyncio.TaskGroup() as group:
        for size, name in ((9, "large"), (1, "small")):
            group.create_task(enter(admission, size, entered, name))
        await asyncio.sleep(0)
        pending.size = 5
        admission.admit_waiting()
        await asyncio.sleep(0)
        assert entered == []
        pending.size = 0
        admission.admit_waiting()
    assert entered == ["large", "small"]


async def test_who_gives_up_leaves_the_line_to_others():
    pending, entered = Pending(), []
    pending.size = 5
    admission = pending.admission(max_size=10)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(enter(admission, 9, entered, "first"))
        await asyncio.sleep(0)
        group.create_task(enter(admission, 1, entered, "second"))
        await asyncio.sleep(0)
        first.cancel()
    assert entered == ["second"]
    pending.size = 0
    async with admission.reserve(10):
        pass


def test_what_would_not_fit_into_an_empty_queue_is_too_large():
    admission = Pending().admission(max_size=10)
    assert [admission.is_too_large(size) for size in (None, 10, 11)] == [False, False, True]


@pytest.mark.finding("D27")
async def test_a_body_of_unknown_size_takes_the_room_of_what_has_come():
    admission = Pending().admission(max_size=10, wait=0)
    async with admission.reserve(None) as first, admission.reserve(None) as second:
        await first.receive(4)
        await first.receive(2)
        await second.receive(4)
        with pytest.raises(S3Error, match="full") as refused:
            await second.receive(1)
        assert refused.value.code == "SlowDown"
        with pytest.raises(S3Error, match="Content-Length") as refused:
            await first.receive(5)
        assert refused.value.code == "EntityTooLarge"
    async with admission.reserve(10):
        pass


@pytest.mark.finding("D27")
async def test_a_body_that_has_begun_gets_room_before_one_that_waits():
    pending, entered = Pending(), []
    admission = pending.admission(max_size=10)
    pending.size = 5

    async def receive():
        async with admission.reserve(None) as room:
            await room.receive(4)
            pending.size = 8
            await room.receive(2)
            entered.append("begun")

    async with asyncio.TaskGroup() as group:
        group.create_task(receive())
        await asyncio.sleep(0)
        group.create_task(enter(admission, 4, entered, "waiting"))
        await asyncio.sleep(0)
        pending.size = 4
        admission.admit_waiting()
    assert entered == ["begun", "waiting"]


async def test_buckets_of_the_stage_are_made_when_they_are_needed(s3, queue, bucket):
    assert queue.index.read_inline(lambda reader: reader.bucket(bucket)) is None
    await s3.put(bucket, "k", b"data")
    assert queue.index.read_inline(lambda reader: reader.bucket(bucket)) is not None


async def test_a_bucket_that_was_deleted_is_made_anew(s3, queue, bucket):
    await s3.put(bucket, "k", b"data")
    await s3("DeleteObject", Bucket=bucket, Key="k")
    await s3("DeleteBucket", Bucket=bucket)
    assert queue.index.read_inline(lambda reader: reader.bucket(bucket)) is None
    await s3("CreateBucket", Bucket=bucket)
    await s3.put(bucket, "k", b"data")
    assert await s3.read(bucket, "k") == b"data"


@pytest.mark.finding("D27")
async def test_bodies_of_unknown_size_share_a_small_queue(remote, bucket, tmp_path):
    limits = Limits(max_size=10 << 20, wait=0)
    async with queue_before(remote, tmp_path / "queue", limits=limits, lazy=True) as queue:
        s3 = Client(queue.store)
        large = StreamBody(chunks(*[bytes(1 << 20)] * 11))
        await s3.refused("EntityTooLarge", "PutObject", Bucket=bucket, Key="c", Body=large)
        for key in ("a", "b"):
            await s3.put(bucket, key, StreamBody(chunks(b"1", b"2")))
        assert await s3.read(bucket, "a") == await s3.read(bucket, "b") == b"12"
        assert queue.journal.used() == (2, 4)
        assert await s3.keys(bucket) == ["a", "b"]
