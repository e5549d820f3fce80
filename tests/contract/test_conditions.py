"""Conditional requests: what is read, written and deleted only if it is as the caller believes.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
The order of the conditions has its table in tests/agent/s3/test_conditions.py.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

OTHER = '"00000000000000000000000000000000"'


@pytest.fixture
async def etag(s3, bucket) -> str:
    return (await s3.put(bucket, "k", b"data"))["ETag"]


@pytest.mark.parametrize("operation", ["GetObject", "HeadObject"])
async def test_a_read_that_changed_nothing_is_304_without_a_body(s3, bucket, etag, operation):
    got = await s3(operation, Bucket=bucket, Key="k")
    modified = got["LastModified"]
    for condition in (
        {"IfNoneMatch": etag},
        {"IfNoneMatch": f"W/{etag}"},
        {"IfModifiedSince": modified},
        {"IfModifiedSince": modified + timedelta(seconds=1)},
        {"IfNoneMatch": etag, "IfModifiedSince": modified - timedelta(seconds=1)},
    ):
        same = await s3(operation, Bucket=bucket, Key="k", **condition)
        assert (same.status, same.body) == (304, b"")
        assert same["ETag"] == etag


@pytest.mark.parametrize("operation", ["GetObject", "HeadObject"])
async def test_a_read_whose_condition_fails_is_412(s3, bucket, etag, operation):
    modified = (await s3(operation, Bucket=bucket, Key="k"))["LastModified"]
    for condition in (
        {"IfMatch": OTHER},
        {"IfUnmodifiedSince": modified - timedelta(seconds=1)},
        {"IfMatch": OTHER, "IfUnmodifiedSince": modified},
        {"IfMatch": OTHER, "IfNoneMatch": etag},
    ):
        await s3.refused("PreconditionFailed", operation, Bucket=bucket, Key="k", **condition)


async def test_a_read_whose_condition_holds_gives_the_object(s3, bucket, etag):
    modified = (await s3("HeadObject", Bucket=bucket, Key="k"))["LastModified"]
    for condition in (
        {"IfMatch": etag},
        {"IfMatch": etag.strip('"')},
        {"IfMatch": "*"},
        {"IfNoneMatch": OTHER},
        {"IfUnmodifiedSince": modified},
        {"IfModifiedSince": modified - timedelta(seconds=1)},
        {"IfMatch": etag, "IfUnmodifiedSince": modified - timedelta(seconds=1)},
        {"IfNoneMatch": OTHER, "IfModifiedSince": modified + timedelta(seconds=1)},
    ):
        got = await s3("GetObject", Bucket=bucket, Key="k", **condition)
        assert (got.status, got.body) == (200, b"data")


async def test_a_condition_is_judged_before_the_range(s3, bucket, etag):
    got = await s3("GetObject", Bucket=bucket, Key="k", IfNoneMatch=etag, Range="bytes=99-")
    assert got.status == 304
    await s3.refused(
        "PreconditionFailed", "GetObject", Bucket=bucket, Key="k", IfMatch=OTHER, Range="bytes=99-"
    )


@pytest.mark.parametrize("operation", ["GetObject", "HeadObject"])
async def test_conditions_on_a_missing_object_are_404(s3, bucket, operation):
    for condition in ({"IfMatch": OTHER}, {"IfMatch": "*"}, {"IfNoneMatch": "*"}):
        await s3.refused("NoSuchKey", operation, Bucket=bucket, Key="none", **condition)


async def test_put_if_absent(s3, bucket, etag):
    await s3.refused(
        "PreconditionFailed", "PutObject", Bucket=bucket, Key="k", Body=b"x", IfNoneMatch="*"
    )
    assert await s3.read(bucket, "k") == b"data"
    await s3.put(bucket, "new", b"x", IfNoneMatch="*")
    assert await s3.read(bucket, "new") == b"x"
    await s3("DeleteObject", Bucket=bucket, Key="k")
    await s3.put(bucket, "k", b"again", IfNoneMatch="*")


async def test_put_if_unchanged(s3, bucket, etag):
    await s3.refused(
        "PreconditionFailed", "PutObject", Bucket=bucket, Key="k", Body=b"x", IfMatch=OTHER
    )
    assert await s3.read(bucket, "k") == b"data"
    await s3.put(bucket, "k", b"changed", IfMatch=etag)
    assert await s3.read(bucket, "k") == b"changed"
    await s3.refused(
        "PreconditionFailed", "PutObject", Bucket=bucket, Key="k", Body=b"x", IfMatch=etag
    )


async def test_put_if_unchanged_needs_an_object(s3, bucket):
    await s3.refused("NoSuchKey", "PutObject", Bucket=bucket, Key="none", IfMatch=OTHER)
    assert await s3.keys(bucket) == []


async def test_a_delete_marker_is_no_object_to_a_condition(s3, versioned):
    etag = (await s3.put(versioned, "k", b"1"))["ETag"]
    await s3("DeleteObject", Bucket=versioned, Key="k")
    await s3.refused("NoSuchKey", "PutObject", Bucket=versioned, Key="k", IfMatch=etag)
    await s3.put(versioned, "k", b"2", IfNoneMatch="*")


@pytest.mark.parametrize(
    "condition",
    [{"IfNoneMatch": OTHER}, {"IfMatch": "*"}, {"IfMatch": OTHER, "IfNoneMatch": "*"}],
)
async def test_conditions_that_s3_does_not_take_on_a_write_are_not_ignored(
    s3, bucket, etag, condition
):
    await s3.refused("NotImplemented", "PutObject", Bucket=bucket, Key="k", **condition)
    assert await s3.read(bucket, "k") == b"data"


async def test_delete_if_unchanged(s3, bucket, etag):
    await s3.refused("PreconditionFailed", "DeleteObject", Bucket=bucket, Key="k", IfMatch=OTHER)
    assert await s3.read(bucket, "k") == b"data"
    assert (await s3("DeleteObject", Bucket=bucket, Key="k", IfMatch=etag)).status == 204
    assert await s3.keys(bucket) == []


async def test_delete_by_size_and_time(s3, bucket, etag):
    modified = (await s3("HeadObject", Bucket=bucket, Key="k"))["LastModified"]
    for condition in (
        {"IfMatchSize": 5},
        {"IfMatchLastModifiedTime": modified - timedelta(seconds=1)},
        {"IfMatch": etag, "IfMatchSize": 5},
    ):
        await s3.refused("PreconditionFailed", "DeleteObject", Bucket=bucket, Key="k", **condition)
    held = {"IfMatchSize": 4, "IfMatchLastModifiedTime": modified, "IfMatch": etag}
    await s3("DeleteObject", Bucket=bucket, Key="k", **held)
    assert await s3.keys(bucket) == []


async def test_delete_with_a_condition_needs_an_object(s3, bucket):
    await s3.refused("NoSuchKey", "DeleteObject", Bucket=bucket, Key="none", IfMatch=OTHER)
    await s3.refused("PreconditionFailed", "DeleteObject", Bucket=bucket, Key="none", IfMatch="*")


async def outcomes(calls) -> list[str]:
    """The codes of some concurrent calls."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(call) for call in calls]
    return [task.result() for task in tasks]


LOST = {"PreconditionFailed", "ConditionalRequestConflict"}


@pytest.mark.parametrize("size", [10, 200_000])
async def test_of_concurrent_puts_if_absent_exactly_one_wins(s3, bucket, size):
    bodies = [bytes([number]) * size for number in range(8)]
    ended = await outcomes(
        s3.code("PutObject", Bucket=bucket, Key="k", Body=body, IfNoneMatch="*") for body in bodies
    )
    assert ended.count("") == 1
    assert set(ended) - {""} <= LOST
    assert await s3.read(bucket, "k") == bodies[ended.index("")]


async def test_of_concurrent_puts_if_unchanged_exactly_one_wins(s3, bucket, etag):
    bodies = [b"writer %d" % number for number in range(8)]
    ended = await outcomes(
        s3.code("PutObject", Bucket=bucket, Key="k", Body=body, IfMatch=etag) for body in bodies
    )
    assert ended.count("") == 1
    assert set(ended) - {""} <= LOST
    assert await s3.read(bucket, "k") == bodies[ended.index("")]


async def test_compare_and_swap_loses_no_update(s3, bucket):
    await s3.put(bucket, "counter", b"0")

    async def count() -> None:
        while True:
            got = await s3("GetObject", Bucket=bucket, Key="counter")
            body = b"%d" % (int(got.body) + 1)
            swap = {"Bucket": bucket, "Key": "counter", "Body": body, "IfMatch": got["ETag"]}
            code = await s3.code("PutObject", **swap)
            assert code in {"", *LOST}
            if not code:
                return

    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(count())
    assert await s3.read(bucket, "counter") == b"10"


async def test_of_concurrent_deletes_if_unchanged_exactly_one_wins(s3, versioned):
    etag = (await s3.put(versioned, "k", b"data"))["ETag"]
    calls = [s3.code("DeleteObject", Bucket=versioned, Key="k", IfMatch=etag) for _ in range(5)]
    ended = await outcomes(calls)
    assert ended.count("") == 1
    assert set(ended) - {""} <= LOST | {"NoSuchKey"}


async def test_of_concurrent_copies_if_absent_exactly_one_wins(s3, bucket, etag):
    copy = {"Bucket": bucket, "Key": "copy", "CopySource": f"{bucket}/k", "IfNoneMatch": "*"}
    ended = await outcomes(s3.code("CopyObject", **copy) for _ in range(5))
    assert ended.count("") == 1
    assert set(ended) - {""} <= LOST


async def test_of_concurrent_creations_of_a_bucket_the_bucket_is_one(s3, name):
    ended = await outcomes(s3.code("CreateBucket", Bucket=name) for _ in range(5))
    assert "" in ended
    assert set(ended) - {""} <= {"BucketAlreadyOwnedByYou", "OperationAborted"}
    assert (await s3("ListBuckets", Prefix=name)).names("Buckets", "Name") == [name]
