"""DeleteObjects: many keys in one request, each with an answer of its own.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
"""

from __future__ import annotations

import pytest


async def delete(s3, bucket, *objects, **members):
    request = {"Objects": list(objects), **members}
    return await s3("DeleteObjects", Bucket=bucket, Delete=request)


async def test_keys_are_deleted_whether_they_were_there_or_not(s3, bucket):
    for key in ("a", "b", "c"):
        await s3.put(bucket, key)
    answer = await delete(s3, bucket, {"Key": "a"}, {"Key": "none"}, {"Key": "c"})
    assert sorted(answer.names("Deleted", "Key")) == ["a", "c", "none"]
    assert not answer.get("Errors")
    assert await s3.keys(bucket) == ["b"]


async def test_quiet_tells_errors_alone(s3, bucket):
    await s3.put(bucket, "a")
    answer = await delete(
        s3, bucket, {"Key": "a"}, {"Key": "b", "VersionId": "no such version"}, Quiet=True
    )
    assert not answer.get("Deleted")
    assert await s3.keys(bucket) == []


async def test_a_key_named_twice_is_deleted_once(s3, bucket):
    await s3.put(bucket, "a")
    answer = await delete(s3, bucket, {"Key": "a"}, {"Key": "a"})
    assert set(answer.names("Deleted", "Key")) == {"a"}
    assert await s3.keys(bucket) == []


async def test_a_condition_fails_for_its_key_alone(s3, bucket):
    etag = (await s3.put(bucket, "a", b"1"))["ETag"]
    await s3.put(bucket, "b", b"2")
    answer = await delete(s3, bucket, {"Key": "a", "ETag": etag}, {"Key": "b", "ETag": etag})
    assert answer.names("Deleted", "Key") == ["a"]
    (error,) = answer["Errors"]
    assert (error["Key"], error["Code"]) == ("b", "PreconditionFailed")
    assert await s3.keys(bucket) == ["b"]


async def test_a_thousand_keys_and_no_more(s3, bucket):
    await s3.put(bucket, "k0500")
    objects = [{"Key": f"k{number:04}"} for number in range(1000)]
    answer = await delete(s3, bucket, *objects)
    assert len(answer["Deleted"]) == 1000
    assert await s3.keys(bucket) == []
    await s3.refused(
        "MalformedXML", "DeleteObjects", Bucket=bucket, Delete={"Objects": [*objects, {"Key": "x"}]}
    )


@pytest.mark.parametrize("objects", [[], [{"VersionId": "null"}], [{"Key": ""}]])
async def test_a_request_that_names_no_key_is_malformed(s3, bucket, objects):
    code = await s3.code("DeleteObjects", Bucket=bucket, Delete={"Objects": objects})
    assert code in ("MalformedXML", "UserKeyMustBeSpecified")
