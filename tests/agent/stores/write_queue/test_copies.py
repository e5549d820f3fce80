"""Copies from and onto pending keys."""

import pytest

from tests.contract.client import Client
from tests.contract.queued import queue_before


def copy(source, key, **members):
    return {"Bucket": "bucket", "Key": key, "CopySource": source, **members}


async def test_a_pending_source_is_copied_here(s3, queue, there, bucket):
    await s3.put(bucket, "k", b"data", Metadata={"a": "b"})
    await s3("CopyObject", **copy("bucket/k", "copy"))
    assert await s3.read(bucket, "copy") == b"data"
    assert await there.keys(bucket) == []
    await s3("DeleteObject", Bucket=bucket, Key="k")
    await queue.pusher.push_now(bucket, timeout=5)
    assert await there.keys(bucket) == ["copy"]
    assert (await there("HeadObject", Bucket=bucket, Key="copy"))["Metadata"] == {"a": "b"}


async def test_a_source_of_the_remote_is_copied_there_after_what_is_pending(s3, there, bucket):
    await there.put(bucket, "k", b"new")
    await s3.put(bucket, "copy", b"older")
    await s3("CopyObject", **copy("bucket/k", "copy"))
    assert await s3.read(bucket, "copy") == b"new"
    assert await there.read(bucket, "copy") == b"new"


async def test_a_source_that_is_about_to_go_is_not_there(s3, there, bucket):
    await there.put(bucket, "k", b"data")
    await s3("DeleteObject", Bucket=bucket, Key="k")
    await s3.refused("NoSuchKey", "CopyObject", **copy("bucket/k", "copy"))


async def test_a_part_is_made_of_an_object_of_the_remote(s3, there, bucket):
    await there.put(bucket, "k", b"0123456789")
    made = await s3("CreateMultipartUpload", Bucket=bucket, Key="copy")
    at = {"UploadId": made["UploadId"]}
    part = await s3(
        "UploadPartCopy",
        **copy("bucket/k", "copy", PartNumber=1, CopySourceRange="bytes=2-4", **at),
    )
    etag = part["CopyPartResult"]["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    await s3("CompleteMultipartUpload", Bucket=bucket, Key="copy", MultipartUpload=parts, **at)
    assert await s3.read(bucket, "copy") == b"234"


async def test_a_part_is_made_of_a_pending_object(s3, bucket):
    await s3.put(bucket, "k", b"0123456789")
    made = await s3("CreateMultipartUpload", Bucket=bucket, Key="copy")
    at = {"UploadId": made["UploadId"], "PartNumber": 1}
    part = await s3("UploadPartCopy", **copy("bucket/k", "copy", **at))
    assert part["CopyPartResult"]["ETag"]


async def test_conditions_on_the_source_of_a_part_hold(s3, there, bucket):
    await there.put(bucket, "k", b"0123456789")
    made = await s3("CreateMultipartUpload", Bucket=bucket, Key="copy")
    at = {"UploadId": made["UploadId"], "PartNumber": 1}
    for condition in ({"CopySourceIfMatch": '"x"'}, {"CopySourceIfNoneMatch": "*"}):
        await s3.refused(
            "PreconditionFailed", "UploadPartCopy", **copy("bucket/k", "copy", **at, **condition)
        )


@pytest.mark.finding("Q4")
@pytest.mark.parametrize("where", ["remote", "queue"])
@pytest.mark.parametrize(
    "header",
    ["foo", "bytes=5-", "bytes=-5", "bytes=5-2", "bytes=0-1,3-4", "bytes=0-10", "bytes=10-11"],
)
async def test_a_part_is_not_made_of_a_range_that_is_none(s3, there, bucket, where, header):
    await (there if where == "remote" else s3).put(bucket, "k", b"0123456789")
    made = await s3("CreateMultipartUpload", Bucket=bucket, Key="copy")
    at = {"UploadId": made["UploadId"], "PartNumber": 1}
    request = copy("bucket/k", "copy", CopySourceRange=header, **at)
    await s3.refused("InvalidArgument", "UploadPartCopy", **request)
    assert "Parts" not in await s3("ListParts", Bucket=bucket, Key="copy", UploadId=at["UploadId"])


class WithoutRanges:
    """A remote that sends the whole object whatever range it is asked for."""

    def __init__(self, inner):
        self.inner = inner

    async def call(self, request):
        members = {name: value for name, value in request.input.items() if name != "Range"}
        return await self.inner.call(request.replace(input=members))


@pytest.mark.finding("Q4")
async def test_a_part_of_a_range_that_the_remote_ignores_is_refused(
    remote, there, bucket, tmp_path
):
    await there.put(bucket, "k", b"0123456789")
    async with queue_before(WithoutRanges(remote), tmp_path / "queue", lazy=True) as queue:
        s3 = Client(queue.store)
        made = await s3("CreateMultipartUpload", Bucket=bucket, Key="copy")
        at = {"UploadId": made["UploadId"], "PartNumber": 1}
        request = copy("bucket/k", "copy", CopySourceRange="bytes=0-1", **at)
        await s3.refused("InternalError", "UploadPartCopy", **request)
        whole = copy("bucket/k", "copy", CopySourceRange="bytes=0-9", **at)
        assert (await s3("UploadPartCopy", **whole))["CopyPartResult"]
