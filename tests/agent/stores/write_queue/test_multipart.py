"""Multipart uploads before a write queue."""

import asyncio

import pytest

from s3d.agent.stores.write_queue.admission import Limits
from s3d.agent.stores.write_queue.pending import Kind
from tests.contract.client import Client
from tests.contract.queued import queue_before

AT = {"Bucket": "bucket", "Key": "k"}


async def upload(s3, *bodies):
    """Begin an upload with these parts; (its place, what completes it)."""
    at = {**AT, "UploadId": (await s3("CreateMultipartUpload", **AT))["UploadId"]}
    parts = []
    for number, body in enumerate(bodies, 1):
        part = await s3("UploadPart", PartNumber=number, Body=body, **at)
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    return at, {"MultipartUpload": {"Parts": parts}}


async def test_an_upload_is_completed_here_and_pushed_with_its_etag(s3, queue, there, bucket):
    at, parts = await upload(s3, b"data")
    assert (await s3("ListParts", **at)).names("Parts", "PartNumber") == [1]
    etag = (await s3("CompleteMultipartUpload", **at, **parts))["ETag"]
    assert [write.kind for write in queue.journal.writes(bucket, "k")] == [Kind.PUT]
    assert await s3.read(bucket, "k") == b"data"
    await queue.pusher.push_now(bucket, "k", timeout=5)
    assert (await there("HeadObject", **AT))["ETag"] == etag
    assert "Uploads" not in await there("ListMultipartUploads", Bucket=bucket)


async def test_an_upload_begun_at_the_remote_ends_there(s3, queue, there, bucket):
    at, parts = await upload(there, b"data")
    assert (await s3("ListParts", **at)).names("Parts", "PartNumber") == [1]
    await s3("CompleteMultipartUpload", **at, **parts)
    assert await there.read(bucket, "k") == b"data"
    assert queue.journal.status().files == 0


async def test_parts_count_as_used_until_they_are_given_up(s3, queue, bucket):
    at, _ = await upload(s3, b"12345")
    assert queue.journal.used().size == 5
    await s3("AbortMultipartUpload", **at)
    assert queue.journal.used().size == 0


async def test_what_was_completed_counts_once(s3, queue, bucket):
    at, parts = await upload(s3, b"12345")
    await s3("CompleteMultipartUpload", **at, **parts)
    assert queue.journal.used() == (1, 5)


@pytest.mark.parametrize("condition", [{"IfNoneMatch": "*"}, {"IfMatch": '"other"'}])
async def test_a_condition_is_judged_by_what_the_remote_has(s3, there, bucket, condition):
    await s3.put(bucket, "k", b"older")
    at, parts = await upload(s3, b"data")
    await s3.refused("PreconditionFailed", "CompleteMultipartUpload", **at, **parts, **condition)
    assert await there.read(bucket, "k") == b"older"


async def test_with_a_condition_the_answer_means_that_the_remote_has_it(s3, there, bucket):
    at, parts = await upload(s3, b"data")
    await s3("CompleteMultipartUpload", **at, **parts, IfNoneMatch="*")
    assert await there.read(bucket, "k") == b"data"


@pytest.mark.finding("Q9")
async def test_the_end_of_an_upload_wakes_a_write_that_waits_for_room(remote, bucket, tmp_path):
    async with queue_before(
        remote, tmp_path / "queue", limits=Limits(max_size=10), lazy=True
    ) as queue:
        s3 = Client(queue.store)
        at, _ = await upload(s3, b"12345678")
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            group.create_task(s3.put(bucket, "other", b"123"))
            for _ in range(20):  # until it waits: nothing on its way there takes a thread
                await asyncio.sleep(0)
            await s3("AbortMultipartUpload", **at)
        assert await s3.read(bucket, "other") == b"123"


@pytest.mark.finding("Q6")
async def test_a_complete_is_answered_again_after_the_push_and_over_restarts(
    remote, there, bucket, tmp_path
):
    async with queue_before(remote, tmp_path / "queue") as queue:
        s3 = Client(queue.store)
        at = {**AT, "ChecksumAlgorithm": "CRC32"}
        at = {**AT, "UploadId": (await s3("CreateMultipartUpload", **at))["UploadId"]}
        part = await s3("UploadPart", PartNumber=1, Body=b"data", **at)
        parts = {"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}}
        first = await s3("CompleteMultipartUpload", **at, **parts)
        assert "ChecksumCRC32" in first
        await queue.pusher.push_now(bucket, timeout=5)
        assert (await s3("CompleteMultipartUpload", **at, **parts)).output == first.output
        await s3.put(bucket, "k", b"newer")
    async with queue_before(remote, tmp_path / "queue") as queue:
        s3 = Client(queue.store)
        assert (await s3("CompleteMultipartUpload", **at, **parts)).output == first.output
        assert await s3.read(bucket, "k") == b"newer"
        await s3.refused("NoSuchUpload", "AbortMultipartUpload", **at)
        other = {**at, "UploadId": at["UploadId"][::-1]}
        await s3.refused("NoSuchUpload", "CompleteMultipartUpload", **other, **parts)


@pytest.mark.finding("Q6")
async def test_a_complete_is_not_answered_again_for_what_was_discarded(s3, queue, bucket):
    at, parts = await upload(s3, b"data")
    await s3("CompleteMultipartUpload", **at, **parts)
    (write,) = queue.journal.writes(bucket, "k")
    while not await queue.journal.discard(write.seq):
        await queue.journal.give_back(write.seq, 0.0)
    await s3.refused("NoSuchUpload", "CompleteMultipartUpload", **at, **parts)
