"""What the write queue names, and what it leaves to the settle rule."""

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
