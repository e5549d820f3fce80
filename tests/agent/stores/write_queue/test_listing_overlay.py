"""What a merged listing hides and shows; pages are in test_listings.py."""

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.listing import OTHER
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
        input = request.input
        after, size = input.get("StartAfter", ""), input.get("MaxKeys", 1_000)
        after = input.get("ContinuationToken", after)
        found = [key for key in self.keys if key.split("/") > after.split("/")]
        rows = [{"Key": key, "ETag": "", "Size": 0} for key in found[:size]]
        more = {"NextContinuationToken": rows[-1]["Key"]} if len(found) > size else {}
        return S3Response({"Contents": rows, "IsTruncated": bool(more), **more})


async def all_pages(s3, size, *, by_token):
    found, place = [], {}
    while True:
        page = await s3("ListObjectsV2", Bucket="bucket", MaxKeys=size, **place)
        found += page.names("Contents", "Key")
        if not page["IsTruncated"]:
            return found
        place = (
            {"ContinuationToken": page["NextContinuationToken"]}
            if by_token
            else {"StartAfter": page["Contents"][-1]["Key"]}
        )


@pytest.mark.finding("S8")
@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("by_token", [True, False])
async def test_a_remote_with_another_order_is_listed_in_the_order_of_the_keys(
    tmp_path, size, by_token
):
    keys = [
        "logs/1",
        "logs/2",
        "logs-old/1",
        "x",
        *(f"many/{n:04}" for n in range(1_010 * (size == 5))),
    ]
    async with queue_before(Tree(keys), tmp_path) as queue:
        s3 = Client(queue.store)
        await queue.journal.control.pause()
        await s3.put("bucket", "z", b"data")
        await s3("DeleteObject", Bucket="bucket", Key="x")
        expected = sorted({*keys, "z"} - {"x"})
        assert await all_pages(s3, 1_000 if size == 5 else size, by_token=by_token) == expected


@pytest.mark.finding("S8")
async def test_a_token_of_a_remote_with_another_order_misses_nothing(tmp_path):
    keys = ["logs/1", "logs/2", "logs-old/1", "x"]
    async with queue_before(Tree(keys), tmp_path) as queue:
        s3 = Client(queue.store)
        first = await s3("ListObjectsV2", Bucket="bucket", MaxKeys=1)
        assert first.names("Contents", "Key") == ["logs/1"]
        await queue.journal.control.pause()
        await s3.put("bucket", "a", b"data")
        await s3.put("bucket", "z", b"data")
        queue.store.lists.listing_order = lambda bucket: OTHER
        token = first["NextContinuationToken"]
        page = await s3("ListObjectsV2", Bucket="bucket", ContinuationToken=token)
        assert set(page.names("Contents", "Key")) >= {*keys[1:], "a", "z"}


class Endless(Tree):
    """A remote whose pages do not say how they go on."""

    async def call(self, request):
        response = await super().call(request)
        response.output.pop("NextContinuationToken", None)
        return response


@pytest.mark.finding("F7")
async def test_a_listing_that_does_not_go_on_is_not_whole(tmp_path):
    async with queue_before(Endless([str(n) for n in range(1_100)]), tmp_path) as queue:
        s3 = Client(queue.store)
        await queue.journal.control.pause()
        await s3.put("bucket", "z", b"data")
        queue.store.lists.listing_order = lambda bucket: OTHER
        with pytest.raises(S3Error, match="has no continuation token"):
            await s3("ListObjectsV2", Bucket="bucket")
