"""Listings of what is pending over what is there: equal to brute force, page by page."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from s3d.agent.s3.listing import url_encode
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.stores.local.store import LocalStore
from tests.contract.client import Client
from tests.contract.queued import queue_before

KEYS = st.text("ab/\u00e9", min_size=1, max_size=4)
DELIMITERS = st.sampled_from(["", "/", "a", "//", "b/"])


def brute_force(objects, prefix, delimiter):
    """Every item in order: (name, size), size None for a common prefix."""
    items = {}
    for key, data in objects.items():
        if key.startswith(prefix):
            cut = key.find(delimiter, len(prefix)) if delimiter else -1
            if cut < 0:
                items[key] = len(data)
            else:
                items[key[: cut + len(delimiter)]] = None
    return sorted(items.items(), key=lambda item: item[0].encode())


def items_of(answer):
    rows = [(row["Key"], row["Size"]) for row in answer.get("Contents", [])]
    groups = [(one["Prefix"], None) for one in answer.get("CommonPrefixes", [])]
    return sorted(rows + groups, key=lambda item: item[0].encode())


async def pages_v2(s3, size, **members):
    found, token = [], {}
    while True:
        page = await s3("ListObjectsV2", MaxKeys=size, **members, **token)
        items = items_of(page)
        assert page["KeyCount"] == len(items) <= size
        found += items
        if not page["IsTruncated"]:
            return found
        assert len(items) == size
        token = {"ContinuationToken": page["NextContinuationToken"]}


async def pages_v1(s3, size, **members):
    found, marker = [], {}
    while True:
        page = await s3("ListObjects", MaxKeys=size, **members, **marker)
        found += items_of(page)
        if not page["IsTruncated"]:
            return found
        marker = {"Marker": page.get("NextMarker") or found[-1][0]}


async def compare(there, pending, prefix, delimiter):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        index = Index.open(folder / "remote.sqlite", ephemeral=True)
        try:
            remote = LocalStore(index, Blobs(folder / "blobs", ephemeral=True))
            async with queue_before(remote, folder / "queue", lazy=True) as queue:
                await fill(Client(remote), Client(queue.store), there, pending)
                final = {k: v for k, v in (there | pending).items() if v is not None}
                expected = brute_force(final, prefix, delimiter)
                members = {"Bucket": "bucket", "Prefix": prefix, "Delimiter": delimiter}
                s3 = Client(queue.store)
                for size in range(1, 6):
                    assert await pages_v2(s3, size, **members) == expected
                    assert await pages_v1(s3, size, **members) == expected
        finally:
            index.close()


async def fill(remote, s3, there, pending):
    await remote("CreateBucket", Bucket="bucket")
    for key, data in there.items():
        await remote.put("bucket", key, data)
    for key, data in pending.items():
        if data is None:
            await s3("DeleteObject", Bucket="bucket", Key=key)
        else:
            await s3.put("bucket", key, data)


@settings(max_examples=40, deadline=None)
@given(
    there=st.dictionaries(KEYS, st.just(b"old"), max_size=8),
    pending=st.dictionaries(KEYS, st.sampled_from([b"newer", None]), max_size=8),
    prefix=st.sampled_from(["", "a", "a/", "/", "b"]),
    delimiter=DELIMITERS,
)
@example({"a/": b"old"}, {"a/": None}, "", "/")
@example({"a/b": b"old", "a/": b"old"}, {"a/": None}, "", "/")
@example({"a/b": b"old"}, {"a/b": None, "a/c": b"newer"}, "", "/")
@example({"a": b"old", "b": b"old"}, {"a": None, "b": None}, "", "")
@pytest.mark.slow
def test_a_listing_is_that_of_the_final_state_at_every_page_size(there, pending, prefix, delimiter):
    asyncio.run(compare(there, pending, prefix, delimiter))


async def test_with_nothing_pending_below_the_prefix_the_request_goes_as_it_came(
    s3, queue, there, bucket
):
    await s3.put(bucket, "other/k", b"data")
    await there.put(bucket, "k", b"data")
    asked = []
    call = queue.store.inner.call
    for settler in {id(queue.store): queue.store}.values():
        settler.inner.call = lambda request: asked.append(request.input) or call(request)
    await s3("ListObjectsV2", Bucket=bucket, Prefix="k", MaxKeys=7)
    assert asked == [{"Bucket": bucket, "Prefix": "k", "MaxKeys": 7}]


async def test_a_listing_begun_before_a_write_goes_on_after_it(s3, there, bucket):
    for key in "abcdef":
        await there.put(bucket, key, b"old")
    first = await s3("ListObjectsV2", Bucket=bucket, MaxKeys=2)
    await s3("DeleteObject", Bucket=bucket, Key="d")
    await s3.put(bucket, "c", b"newer")
    await s3.put(bucket, "g", b"newer")
    rest = await s3(
        "ListObjectsV2", Bucket=bucket, ContinuationToken=first["NextContinuationToken"]
    )
    assert items_of(rest) == [("c", 5), ("e", 3), ("f", 3), ("g", 5)]


async def test_a_listing_goes_on_when_nothing_is_pending_any_more(s3, queue, there, bucket):
    for key in "abc":
        await there.put(bucket, key, b"old")
    await s3.put(bucket, "d", b"newer")
    first = await s3("ListObjectsV2", Bucket=bucket, MaxKeys=2)
    await queue.pusher.push_now(bucket, timeout=5)
    assert queue.journal.totals().files == 0
    rest = await s3(
        "ListObjectsV2", Bucket=bucket, ContinuationToken=first["NextContinuationToken"]
    )
    assert items_of(rest) == [("c", 3), ("d", 5)]


async def test_names_are_encoded_when_asked_for(s3, bucket):
    await s3.put(bucket, "a b/c", b"data")
    await s3.put(bucket, "a b", b"data")
    page = await s3("ListObjectsV2", Bucket=bucket, Delimiter="/", EncodingType="url")
    assert page.names("Contents", "Key") == [url_encode("a b")]
    assert page.names("CommonPrefixes", "Prefix") == [url_encode("a b/")]


async def test_version_1_names_owners_and_version_2_when_asked(s3, bucket):
    await s3.put(bucket, "k", b"data")
    assert (await s3("ListObjects", Bucket=bucket))["Contents"][0]["Owner"]
    assert "Owner" not in (await s3("ListObjectsV2", Bucket=bucket))["Contents"][0]
    page = await s3("ListObjectsV2", Bucket=bucket, FetchOwner=True)
    assert page["Contents"][0]["Owner"]


async def test_what_is_not_right_is_the_remotes_to_refuse(s3, bucket):
    await s3.put(bucket, "k", b"data")
    await s3.refused("InvalidArgument", "ListObjectsV2", Bucket=bucket, MaxKeys=-1)
    await s3.refused("InvalidArgument", "ListObjectsV2", Bucket=bucket, EncodingType="x")
    await s3.refused("InvalidArgument", "ListObjectsV2", Bucket=bucket, ContinuationToken="s3d?")
