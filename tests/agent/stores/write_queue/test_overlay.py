"""What is hidden and what shines through; pages are in test_listings.py."""

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Response
from tests.contract.client import Client
from tests.contract.queued import queue_before


async def groups(s3, bucket):
    return (await s3("ListObjectsV2", Bucket=bucket, Delimiter="/")).names(
        "CommonPrefixes", "Prefix"
    )


async def test_a_folder_whose_keys_are_about_to_go_is_gone(s3, there, bucket):
    for key in ("a/1", "a/2", "b/1"):
        await there.put(bucket, key, b"data")
    await s3("DeleteObject", Bucket=bucket, Key="a/1")
    assert await groups(s3, bucket) == ["a/", "b/"]
    await s3("DeleteObject", Bucket=bucket, Key="a/2")
    assert await groups(s3, bucket) == ["b/"]
    await s3.put(bucket, "a/3", b"data")
    assert await groups(s3, bucket) == ["a/", "b/"]


async def test_a_pending_object_shows_its_own_facts(s3, there, bucket):
    await there.put(bucket, "k", b"old")
    etag = (await s3.put(bucket, "k", b"newer", StorageClass="STANDARD_IA"))["ETag"]
    (row,) = (await s3("ListObjectsV2", Bucket=bucket))["Contents"]
    assert (row["ETag"], row["Size"], row["StorageClass"]) == (etag, 5, "STANDARD_IA")
    assert row["LastModified"] == (await s3("HeadObject", Bucket=bucket, Key="k"))["LastModified"]


async def test_many_deletions_are_hidden_on_a_page_of_one(s3, there, bucket):
    for number in range(20):
        await there.put(bucket, f"{number:02d}", b"data")
        if number < 19:
            await s3("DeleteObject", Bucket=bucket, Key=f"{number:02d}")
    page = await s3("ListObjectsV2", Bucket=bucket, MaxKeys=1)
    assert (page.names("Contents", "Key"), page["IsTruncated"]) == (["19"], False)


class Tree:
    """A remote that lists folder by folder, as SeaweedFS does: `a/b` before `a-`."""

    def __init__(self, keys):
        self.keys = sorted(keys, key=lambda key: key.split("/"))

    async def call(self, request):
        if request.op.name != "ListObjectsV2":
            return S3Response({})
        after, size = request.input.get("StartAfter", ""), request.input["MaxKeys"]
        found = [key for key in self.keys if key.split("/") > after.split("/")]
        rows = [{"Key": key, "ETag": "", "Size": 0} for key in found[:size]]
        return S3Response({"Contents": rows, "IsTruncated": len(found) > size})


async def all_pages(s3, size):
    after = ""
    while True:
        page = await s3("ListObjectsV2", Bucket="bucket", MaxKeys=size, StartAfter=after)
        if not page["IsTruncated"]:
            return
        after = page["Contents"][-1]["Key"]


@pytest.mark.parametrize("size", [1, 2, 3])
async def test_a_listing_that_cannot_be_merged_is_refused_and_not_cut_short(tmp_path, size):
    async with queue_before(Tree(["logs/1", "logs/2", "logs-old/1", "x"]), tmp_path) as queue:
        s3 = Client(queue.store)
        await queue.journal.pause()
        await s3.put("bucket", "z", b"data")
        page = await s3("ListObjectsV2", Bucket="bucket")
        assert page.names("Contents", "Key") == ["logs-old/1", "logs/1", "logs/2", "x", "z"]
        with pytest.raises(S3Error, match="order of the keys"):
            await all_pages(s3, size)
