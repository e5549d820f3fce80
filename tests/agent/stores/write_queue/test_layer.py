"""What the write queue names, and what it leaves to the settle rule."""

import time

import pytest

from s3d.agent.stores.write_queue.journal.journal_history import UnresolvedPush
from s3d.agent.stores.write_queue.journal.pending_write import PendingState, PushError
from s3d.agent.stores.write_queue.layer import WriteQueue

NAMED = {
    "AbortMultipartUpload",
    "CompleteMultipartUpload",
    "CopyObject",
    "CreateBucket",
    "CreateMultipartUpload",
    "DeleteBucket",
    "DeleteObject",
    "DeleteObjectTagging",
    "DeleteObjects",
    "GetObject",
    "GetObjectAttributes",
    "GetObjectTagging",
    "HeadObject",
    "ListMultipartUploads",
    "ListObjects",
    "ListObjectsV2",
    "ListParts",
    "PutBucketVersioning",
    "PutObject",
    "PutObjectLockConfiguration",
    "PutObjectTagging",
    "RenameObject",
    "UploadPart",
    "UploadPartCopy",
}


def test_everything_that_is_not_named_goes_by_the_settle_rule(queue):
    assert isinstance(queue.store, WriteQueue)
    assert set(queue.store._handlers) == NAMED


async def test_room_is_made_when_something_is_pushed(s3, queue, bucket):
    told = []
    queue.journal.on_change.append(lambda: told.append(1))
    await s3.put(bucket, "k", b"data")
    await queue.pusher.push_now(bucket, "k", timeout=5)
    assert told


async def test_a_bucket_with_pending_objects_is_not_empty(s3, queue, there, bucket):
    await s3.put(bucket, "k", b"data")
    await s3.refused("BucketNotEmpty", "DeleteBucket", Bucket=bucket)
    assert await there.keys(bucket) == ["k"]


async def test_a_bucket_whose_deletions_are_pending_is_empty(s3, there, bucket):
    await there.put(bucket, "k", b"data")
    await s3("DeleteObject", Bucket=bucket, Key="k")
    await s3("DeleteBucket", Bucket=bucket)
    await there.refused("NoSuchBucket", "HeadBucket", Bucket=bucket)
    await s3.refused("NoSuchBucket", "PutObject", Bucket=bucket, Key="k")


async def test_a_bucket_with_a_parked_write_stays(s3, queue, bucket):
    await s3.put(bucket, "k", b"data")
    write = queue.journal.pending.newest(bucket, "k")
    await queue.journal.outcomes.park(write.seq, PushError("AccessDenied"))
    await s3.refused("BucketNotEmpty", "DeleteBucket", Bucket=bucket)
    assert await s3.read(bucket, "k") == b"data"


@pytest.mark.parametrize(("deletes", "refusal"), [(True, ""), (False, "BucketNotEmpty")])
async def test_a_deletion_that_is_verified_does_not_keep_its_bucket(
    s3, queue, there, bucket, deletes, refusal
):
    push = UnresolvedPush(time.time() + 900, None)
    queue.journal._writes.unresolved.add((bucket, "k"), "another", push)
    await s3.put(bucket, "k", b"data")
    if deletes:
        await s3("DeleteObject", Bucket=bucket, Key="k")
    await queue.pusher.push_now(bucket, "k", timeout=5)
    await there("DeleteObject", Bucket=bucket, Key="k")  # a late request has undone the write
    assert queue.journal.pending.newest(bucket, "k").state is PendingState.VERIFYING
    assert await s3.code("DeleteBucket", Bucket=bucket) == refusal


async def test_making_the_bucket_sends_parked_writes_on_their_way(s3, queue, there):
    await s3.refused("NoSuchBucket", "PutObject", Bucket="bucket", Key="k")
    await s3("CreateBucket", Bucket="bucket")
    await s3.put("bucket", "k", b"data")
    write = queue.journal.pending.newest("bucket", "k")
    await queue.journal.outcomes.park(write.seq, PushError("NoSuchBucket"))
    await s3("CreateBucket", Bucket="bucket")
    await queue.pusher.push_now("bucket", "k", timeout=5)
    assert await there.read("bucket", "k") == b"data"


async def test_what_is_written_after_versioning_was_enabled_is_all_pushed(s3, queue, there, bucket):
    await s3.put(bucket, "k", b"before")
    enabled = {"Status": "Enabled"}
    await s3("PutBucketVersioning", Bucket=bucket, VersioningConfiguration=enabled)
    for data in (b"1", b"2", b"3"):
        await s3.put(bucket, "k", data)
    await queue.pusher.push_now(bucket, timeout=5)
    versions = await there("ListObjectVersions", Bucket=bucket)
    assert len(versions["Versions"]) == 4


async def test_settings_of_a_bucket_do_not_wait_for_its_objects(s3, queue, bucket):
    await s3.put(bucket, "k", b"data")
    await s3("GetBucketLocation", Bucket=bucket)
    await s3("HeadBucket", Bucket=bucket)
    assert queue.journal.pending.newest(bucket, "k") is not None
