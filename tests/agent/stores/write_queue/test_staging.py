"""The staging store as the queue uses it."""


async def test_buckets_of_the_stage_are_made_when_they_are_needed(s3, queue, bucket):
    assert queue.index.look(lambda reader: reader.bucket(bucket)) is None
    await s3.put(bucket, "k", b"data")
    assert queue.index.look(lambda reader: reader.bucket(bucket)) is not None


async def test_a_bucket_that_was_deleted_is_made_anew(s3, queue, bucket):
    await s3.put(bucket, "k", b"data")
    await s3("DeleteObject", Bucket=bucket, Key="k")
    await s3("DeleteBucket", Bucket=bucket)
    assert queue.index.look(lambda reader: reader.bucket(bucket)) is None
    await s3("CreateBucket", Bucket=bucket)
    await s3.put(bucket, "k", b"data")
    assert await s3.read(bucket, "k") == b"data"
