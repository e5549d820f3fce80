"""RenameObject: an extension of ours in buckets without versioning."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

PAST, FUTURE = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


async def rename(s3, bucket, source="a", **members):
    return await s3("RenameObject", Bucket=bucket, Key="b", RenameSource=source, **members)


@pytest.fixture
async def a(s3, bucket) -> str:
    await s3.put(bucket, "a", b"data", Metadata={"m": "1"}, Tagging="t=1")
    return bucket


@pytest.mark.parametrize("source", ["a", "/a", "bucket/a", "/bucket/a", "%61"])
async def test_an_object_gets_another_key_and_keeps_all_else(s3, a, source):
    before = await s3("HeadObject", Bucket=a, Key="a")
    await rename(s3, a, source)
    after = await s3("GetObject", Bucket=a, Key="b")
    assert after.body == b"data"
    for member in ("ETag", "LastModified", "Metadata"):
        assert after[member] == before[member]
    assert await s3.keys(a) == ["b"]
    await s3.refused("NoSuchKey", "HeadObject", Bucket=a, Key="a")


async def test_the_object_that_has_the_key_is_replaced(s3, a):
    await s3.put(a, "b", b"x" * 100_000)
    await rename(s3, a)
    assert await s3.read(a, "b") == b"data"
    await s3.put(a, "b", b"again")
    assert await s3.read(a, "b") == b"again"


async def test_a_source_that_is_not_there(s3, bucket):
    members = {"Bucket": bucket, "Key": "b", "RenameSource": "a"}
    await s3.refused("NoSuchKey", "RenameObject", **members)


async def test_an_object_is_not_renamed_to_its_own_key(s3, a):
    members = {"Bucket": a, "Key": "a", "RenameSource": "a"}
    await s3.refused("InvalidRequest", "RenameObject", **members)


@pytest.mark.parametrize(
    "condition",
    [
        {"DestinationIfNoneMatch": "*"},
        {"DestinationIfMatch": '"other"'},
        {"DestinationIfModifiedSince": FUTURE},
        {"DestinationIfUnmodifiedSince": PAST},
        {"SourceIfMatch": '"other"'},
        {"SourceIfNoneMatch": "*"},
        {"SourceIfModifiedSince": FUTURE},
        {"SourceIfUnmodifiedSince": PAST},
    ],
)
async def test_a_condition_that_does_not_hold(s3, a, condition):
    await s3.put(a, "b", b"old")
    members = {"Bucket": a, "Key": "b", "RenameSource": "a", **condition}
    await s3.refused("PreconditionFailed", "RenameObject", **members)
    assert await s3.keys(a) == ["a", "b"]


@pytest.mark.parametrize(
    "condition",
    [{"DestinationIfMatch": "*"}, {"DestinationIfModifiedSince": PAST}],
)
async def test_a_destination_that_is_not_there_meets_no_condition_but_its_absence(s3, a, condition):
    members = {"Bucket": a, "Key": "b", "RenameSource": "a"}
    await s3.refused("PreconditionFailed", "RenameObject", **members, **condition)
    await s3("RenameObject", **members, DestinationIfNoneMatch="*")


async def test_a_repeated_request_succeeds_by_its_token(s3, a):
    await rename(s3, a, ClientToken="one")
    await rename(s3, a, ClientToken="one")
    members = {"Bucket": a, "Key": "c", "RenameSource": "a", "ClientToken": "one"}
    await s3.refused("IdempotencyParameterMismatch", "RenameObject", **members)


async def test_a_bucket_with_versioning_renames_nothing(s3, a):
    await s3("PutBucketVersioning", Bucket=a, VersioningConfiguration={"Status": "Enabled"})
    members = {"Bucket": a, "Key": "b", "RenameSource": "a"}
    await s3.refused("NotImplemented", "RenameObject", **members)
