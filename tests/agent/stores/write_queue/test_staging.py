"""The staging store as the queue uses it."""

import pytest

from s3d.agent.s3.messages import StreamBody
from s3d.agent.stores.write_queue.admission import Limits
from tests.contract.client import Client, chunks
from tests.contract.queued import queue_before


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
