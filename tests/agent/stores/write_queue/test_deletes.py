"""DeleteObjects before a write queue."""

from s3d.agent.stores.write_queue.pending import Kind


def delete(*objects, **further):
    return {"Bucket": "bucket", "Delete": {"Objects": list(objects), **further}}


async def test_each_key_is_a_write_of_its_own(s3, queue, there, bucket):
    await there.put(bucket, "a", b"data")
    await s3.put(bucket, "b", b"data")
    answer = await s3("DeleteObjects", **delete({"Key": "a"}, {"Key": "b"}, {"Key": "b"}))
    assert answer.names("Deleted", "Key") == ["a", "b", "b"]
    newest = [queue.journal.pending(bucket, key).kind for key in "ab"]
    assert newest == [Kind.DELETE, Kind.DELETE]
    assert await s3.keys(bucket) == []
    await queue.pusher.push_now(bucket, timeout=5)
    assert await there.keys(bucket) == []


async def test_a_key_that_cannot_be_one_is_refused_by_itself(s3, queue, bucket):
    answer = await s3("DeleteObjects", **delete({"Key": "k" * 1025}, {"Key": "k"}, Quiet=True))
    assert answer.names("Errors", "Code") == ["KeyTooLongError"]
    assert "Deleted" not in answer
    assert queue.journal.pending(bucket, "k") is not None


async def test_conditions_and_versions_are_judged_by_the_remote(s3, queue, there, bucket):
    await s3.put(bucket, "a", b"data")
    await there.put(bucket, "b", b"data")
    answer = await s3(
        "DeleteObjects",
        **delete({"Key": "a", "ETag": '"other"'}, {"Key": "b", "VersionId": "null"}, {"Key": "c"}),
    )
    assert answer.names("Errors", "Key") == ["a"]
    assert sorted(answer.names("Deleted", "Key")) == ["b", "c"]
    assert await there.keys(bucket) == ["a"]
    assert queue.journal.pending(bucket, "c").kind is Kind.DELETE


async def test_none_and_too_many_are_malformed(s3, bucket):
    await s3.refused("MalformedXML", "DeleteObjects", **delete())
    await s3.refused("MalformedXML", "DeleteObjects", **delete(*[{"Key": "k"}] * 1001))
