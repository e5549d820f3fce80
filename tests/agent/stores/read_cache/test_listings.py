"""Listings while the remote is away."""

from __future__ import annotations

import asyncio

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody, S3Request, S3Response, WireRequest, WireResponse
from s3d.agent.s3.model import operations
from s3d.agent.stores.read_cache import listings
from s3d.agent.stores.read_cache.layer import CacheBypass
from s3d.agent.stores.read_cache.listings import STALE_HEADER
from s3d.agent.stores.read_cache.revalidate import Freshness
from tests.agent.stores.read_cache.rig import answer_lost, open_rig, outage
from tests.contract.client import Client, read


async def page(rig, **members):
    request = S3Request(operations()["ListObjectsV2"], {"Bucket": "bbb", **members})
    return await rig.cache.call(request)


async def test_the_last_answer_is_given_marked_also_after_a_restart(rig):
    for key in ("a", "b", "c"):
        await rig.there.put("bbb", key, b"1")
    first = await page(rig, MaxKeys=2)
    token = first.output["NextContinuationToken"]
    second = await page(rig, MaxKeys=2, ContinuationToken=token)
    assert STALE_HEADER not in first.headers
    rig.remote.error = outage
    await rig.restart()
    again = await page(rig, MaxKeys=2)
    assert (again.output, again.headers) == (first.output, {STALE_HEADER: "1"})
    assert (await page(rig, MaxKeys=2, ContinuationToken=token)).output == second.output
    with pytest.raises(S3Error) as caught:
        await page(rig, Bucket="never-asked")
    assert caught.value.status == 503


async def test_with_the_remote_there_it_is_always_asked(rig):
    for key in ("a", "b"):
        await rig.there.put("bbb", key, b"1")
        assert [row["Key"] for row in (await page(rig)).output["Contents"]][-1] == key
    assert rig.remote.calls["ListObjectsV2"] == 2


async def test_a_forwarded_page_comes_back_as_it_was(rig):
    class Wire:
        async def call(self, request):
            if rig.remote.error:
                raise outage()
            headers = (("content-type", "application/xml"),)
            return S3Response({}, BytesBody(b"<x/>"), 200, WireResponse(200, headers))

    rig.remote.inner = Wire()
    wire = WireRequest("GET", "/bbb", "list-type=2", ())
    request = S3Request(operations()["ListObjectsV2"], {"Bucket": "bbb"}, wire=wire)
    assert await read((await rig.cache.call(request)).body) == b"<x/>"
    await rig.cache.catalog.index.write(lambda tx: None)  # the row is written behind the answer
    rig.remote.error = outage
    stale = await rig.cache.call(request)
    assert await read(stale.body) == b"<x/>"
    assert stale.wire == WireResponse(
        200, (("content-type", "application/xml"), (STALE_HEADER, "1"))
    )


async def test_nothing_is_kept_where_nothing_stale_is_wanted(tmp_path):
    async with open_rig(tmp_path, freshness=Freshness(serve_stale=False)) as rig:
        await page(rig)
        rig.remote.error = outage
        with pytest.raises(S3Error):
            await page(rig)


async def test_a_refusal_is_no_reason_for_an_old_page(rig):
    await page(rig)
    rig.remote.error = lambda: S3Error("AccessDenied")
    with pytest.raises(S3Error) as caught:
        await page(rig)
    assert caught.value.code == "AccessDenied"


def keys(response) -> list[str]:
    return [row["Key"] for row in response.output.get("Contents", ())]


def groups(response) -> list[str]:
    return [one["Prefix"] for one in response.output.get("CommonPrefixes", ())]


async def list_all(rig, **members) -> list[str]:
    """Page by page."""
    found, token = [], {}
    while True:
        response = await page(rig, **members, **token)
        found += keys(response) + groups(response)
        if not response.output["IsTruncated"]:
            return found
        token = {"ContinuationToken": response.output["NextContinuationToken"]}


@pytest.mark.finding("D4")
@pytest.mark.parametrize("is_restarted", [False, True])
async def test_a_complete_listing_answers_for_all_that_is_in_it(rig, is_restarted):
    names = [f"{group}/{number}" for group in "abc" for number in range(5)] + ["d", "ü x"]
    for name in names:
        await rig.there.put("bbb", name, b"1")
    await list_all(rig, MaxKeys=4)
    expected = {}
    requests = (
        {},
        {"Prefix": "b/"},
        {"Prefix": "b/3"},
        {"Delimiter": "/"},
        {"Prefix": "a/", "Delimiter": "/"},
        {"StartAfter": "b/2"},
        {"EncodingType": "url"},
        {"Prefix": "nothing"},
    )
    for number, members in enumerate(requests):
        for limit in (1, 3, 1_000):
            expected[number, limit] = await list_all(Elsewhere(rig), MaxKeys=limit, **members)
    rig.remote.error = outage
    if is_restarted:
        await rig.restart()
    for number, members in enumerate(requests):
        for limit in (1, 3, 1_000):
            found = await list_all(rig, MaxKeys=limit, **members)
            assert found == expected[number, limit]


class Elsewhere:
    """Lists the store behind the cache."""

    def __init__(self, rig) -> None:
        self.cache = rig.remote.inner


@pytest.mark.finding("D4")
@pytest.mark.rule("AWAY-4")
async def test_what_was_written_since_is_in_the_last_listing(rig):
    for key in ("a", "b/1", "c"):
        await rig.there.put("bbb", key, b"1")
    await page(rig)
    await page(rig, Delimiter="/")
    await rig.s3.put("bbb", "new", b"12345")
    await rig.s3.put("bbb", "e/f", b"1")
    await rig.s3("DeleteObject", Bucket="bbb", Key="a")
    await rig.s3("DeleteObjects", Bucket="bbb", Delete={"Objects": [{"Key": "c"}]})
    await rig.s3("PutObjectTagging", Bucket="bbb", Key="new", Tagging={"TagSet": []})
    rig.remote.error = outage
    for _ in range(2):
        response = await page(rig)
        assert (keys(response), response.headers) == (["b/1", "e/f", "new"], {STALE_HEADER: "1"})
        row = response.output["Contents"][-1]
        there = await rig.there("HeadObject", Bucket="bbb", Key="new")
        assert (row["ETag"], row["Size"]) == (there["ETag"], 5)
        assert groups(await page(rig, Delimiter="/")) == ["b/", "e/"]
        await rig.restart()


@pytest.mark.finding("D4")
@pytest.mark.rule("AWAY-4")
async def test_a_write_of_which_a_listing_would_say_what_nobody_knows_ends_it(rig):
    await rig.there("CreateBucket", Bucket="other")
    await rig.there.put("bbb", "old", b"1")
    for bucket in ("bbb", "other"):
        await page(rig, Bucket=bucket)
    await rig.s3("CopyObject", Bucket="bbb", Key="new", CopySource="bbb/old")
    await rig.cache.catalog.rows.committed()
    rig.remote.error = outage
    with pytest.raises(S3Error):
        await page(rig)
    assert (await page(rig, Bucket="other")).headers == {STALE_HEADER: "1"}


@pytest.mark.finding("D7")
async def test_a_write_that_fails_does_not_end_the_last_listing(rig):
    await rig.there.put("bbb", "old", b"1")
    await page(rig)
    rig.remote.error = outage
    for name in ("CopyObject", "DeleteObject"):
        with pytest.raises(S3Error):
            await rig.s3(name, Bucket="bbb", Key="k", CopySource="bbb/old")
    assert keys(await page(rig)) == ["old"]


@pytest.mark.finding("D4")
@pytest.mark.rule("AWAY-4")
@pytest.mark.parametrize("name", ["DeleteObject", "PutObject"])
@pytest.mark.parametrize("error", [answer_lost, lambda: S3Error("InternalError")])
async def test_a_write_whose_outcome_is_unknown_ends_the_last_listing(rig, name, error):
    """Until the remote has listed again."""
    await rig.there.put("bbb", "a", b"1")
    await page(rig)
    rig.remote.error_after = error
    with pytest.raises(S3Error):
        await rig.s3(name, Bucket="bbb", Key="a")
    rig.remote.error_after, rig.remote.error = None, outage
    with pytest.raises(S3Error):
        await page(rig)
    rig.remote.error = None
    expected = keys(await page(rig))
    rig.remote.error = outage
    assert keys(await page(rig)) == expected


@pytest.mark.finding("D4")
@pytest.mark.rule("AWAY-4")
@pytest.mark.parametrize("is_restarted", [False, True])
@pytest.mark.parametrize("name", ["DeleteObject", "PutObject"])
async def test_a_push_whose_answer_was_lost_is_in_the_last_listing(rig, name, is_restarted):
    """Pending writes are in every listing; when the queue has looked at the object, it is here."""
    await rig.there.put("bbb", "a", b"1")
    await rig.there.put("bbb", "b", b"2")
    await page(rig)
    rig.remote.error_after = answer_lost
    with pytest.raises(S3Error):
        await Client(CacheBypass(rig.cache))(name, Bucket="bbb", Key="a")
    rig.remote.error_after, rig.remote.error = None, outage
    assert keys(await page(rig)) == ["a", "b"]  # and the queue knows better
    rig.remote.error = None
    if is_restarted:
        await rig.restart()
    await Client(CacheBypass(rig.cache)).code("HeadObject", Bucket="bbb", Key="a")
    expected = (await rig.there("ListObjectsV2", Bucket="bbb"))["Contents"]
    rig.remote.error = outage
    members = "Key", "ETag", "Size"
    for _ in range(2):
        listed = (await page(rig)).output["Contents"]
        assert [[row[m] for m in members] for row in listed] == [
            [row[m] for m in members] for row in expected
        ]
        await rig.restart()


@pytest.mark.finding("D4")
@pytest.mark.rule("AWAY-4")
async def test_buckets_are_listed_as_they_are_now(rig):
    async def names() -> list[str]:
        response = await rig.cache.call(S3Request(operations()["ListBuckets"], {}))
        return [row["Name"] for row in response.output["Buckets"]]

    await rig.there("CreateBucket", Bucket="gone")
    assert await names() == ["bbb", "gone"]
    await rig.s3("CreateBucket", Bucket="aaa")
    await rig.s3("DeleteBucket", Bucket="gone")
    rig.remote.error = outage
    with pytest.raises(S3Error):
        await rig.s3("CreateBucket", Bucket="ccc")
    for _ in range(2):
        assert await names() == ["aaa", "bbb"]
        await rig.restart()


@pytest.mark.finding("S9")
async def test_a_remote_that_says_nothing_is_waited_for_shortly(rig, monkeypatch):
    monkeypatch.setattr(listings, "_TIMEOUT", 0.05)
    await rig.there.put("bbb", "k", b"1")
    await page(rig)
    rig.remote.mute = "ListObjectsV2"
    for members in ({}, {"Prefix": "k"}):
        assert keys(await page(rig, **members)) == ["k"]
    assert rig.remote.calls["ListObjectsV2"] == 2  # It is away for a moment then.


async def test_a_slow_remote_is_waited_for_where_nothing_can_be_said(rig, monkeypatch):
    monkeypatch.setattr(listings, "_TIMEOUT", 0.01)
    await rig.there("CreateBucket", Bucket="other")
    inner = rig.remote.inner

    class Slow:
        async def call(self, request):
            await asyncio.sleep(0.1)
            return await inner.call(request)

    await page(rig, Prefix="x")
    rig.remote.inner = Slow()
    assert keys(await page(rig, Prefix="y")) == []


async def test_a_token_of_the_last_listing_goes_on_when_the_remote_is_back(rig):
    for key in "abcd":
        await rig.there.put("bbb", key, b"1")
    await page(rig)
    rig.remote.error = outage
    first = await page(rig, MaxKeys=2)
    rig.remote.error = None
    rig.time.now += 6
    second = await page(rig, ContinuationToken=first.output["NextContinuationToken"])
    assert (keys(first), keys(second), second.headers) == (["a", "b"], ["c", "d"], {})


async def test_an_answer_from_before_a_write_is_not_kept(rig):
    inner, gate = rig.remote.inner, asyncio.Event()

    class Slow:
        async def call(self, request):
            response = await inner.call(request)
            if request.op.name == "ListObjectsV2":
                await gate.wait()
            return response

    rig.remote.inner = Slow()
    listing = asyncio.get_running_loop().create_task(page(rig))
    await rig.until(lambda: rig.remote.calls["ListObjectsV2"] > 0)
    await rig.s3.put("bbb", "new", b"1")
    gate.set()
    await listing
    rig.remote.error = outage
    with pytest.raises(S3Error):
        await page(rig)
