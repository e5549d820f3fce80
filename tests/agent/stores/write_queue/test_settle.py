"""The settle rule."""

import pytest

from s3d.agent.s3.messages import S3Request
from s3d.agent.s3.model import UNKNOWN, operations
from s3d.agent.stores.write_queue.settle import is_judged, places_of

AT = {"Bucket": "bbb", "Key": "k"}


def request(name, **members):
    return S3Request(operations()[name] if name else UNKNOWN, members)


@pytest.mark.parametrize(
    ("name", "members", "places"),
    [
        ("ListBuckets", {}, []),
        ("HeadBucket", {"Bucket": "bbb"}, []),
        ("GetBucketPolicy", {"Bucket": "bbb"}, []),
        ("ListObjectVersions", {"Bucket": "bbb"}, [("bbb", "")]),
        ("PutBucketPolicy", {"Bucket": "bbb"}, [("bbb", "")]),
        ("PutObjectAcl", AT, [("bbb", "k")]),
        ("GetObject", {**AT, "VersionId": "1"}, []),
        ("GetObject", {**AT, "VersionId": "null"}, [("bbb", "k")]),
        ("DeleteObject", {**AT, "VersionId": "1"}, [("bbb", "k")]),
        ("CopyObject", {**AT, "CopySource": "other/x"}, [("bbb", "k"), ("other", "x")]),
        ("RenameObject", {**AT, "RenameSource": "/x"}, [("bbb", "k"), ("bbb", "x")]),
        ("", AT, [("bbb", "k")]),
    ],
)
def test_where_a_request_depends_on_what_is_pending(name, members, places):
    assert places_of(request(name, **members)) == places


def test_writes_with_conditions_locks_and_keys_are_judged_by_the_remote():
    assert is_judged(request("PutObject", **AT, IfNoneMatch="*"))
    assert is_judged(request("PutObject", **AT, ObjectLockMode="GOVERNANCE"))
    assert not is_judged(request("PutObject", **AT, IfMatch=None, ContentType="a/b"))


def test_writes_that_the_stage_would_not_keep_whole_are_carried_out_by_the_remote():
    assert is_judged(request("PutObject", **AT, SSEKMSEncryptionContext="e30="))
    assert is_judged(request("PutObject", **AT, RequestPayer="requester"))
    assert is_judged(request("PutObject", **AT, ACL="bucket-owner-full-control"))
    assert not is_judged(request("PutObject", **AT, ACL="public-read"))


async def test_without_anything_pending_the_request_goes_as_it_came(s3, queue, bucket):
    answer = queue.store.call(request("HeadBucket", Bucket=bucket))
    assert answer.response.output["BucketRegion"]


async def test_a_paused_queue_says_so(s3, queue, bucket):
    await queue.journal.pause()
    await s3.put(bucket, "k", b"data")
    error = await s3.refused("ServiceUnavailable", "GetObjectAcl", Bucket=bucket, Key="k")
    assert "paused" in error.message
