"""Listings while the remote is away."""

from __future__ import annotations

import asyncio

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody, S3Request, S3Response, WireRequest, WireResponse
from s3d.agent.s3.model import operations
from s3d.agent.stores.read_cache.listings import STALE
from s3d.agent.stores.read_cache.revalidate import Freshness
from tests.agent.stores.read_cache.rig import away, open_rig
from tests.contract.client import read


async def page(rig, **members):
    request = S3Request(operations()["ListObjectsV2"], {"Bucket": "bbb", **members})
    return await rig.cache.call(request)


async def test_the_last_answer_is_given_marked_also_after_a_restart(rig):
    for key in ("a", "b", "c"):
        await rig.there.put("bbb", key, b"1")
    first = await page(rig, MaxKeys=2)
    token = first.output["NextContinuationToken"]
    second = await page(rig, MaxKeys=2, ContinuationToken=token)
    assert STALE not in first.headers
    rig.remote.error = away
    await rig.restart()
    again = await page(rig, MaxKeys=2)
    assert (again.output, again.headers) == (first.output, {STALE: "1"})
    assert (await page(rig, MaxKeys=2, ContinuationToken=token)).output == second.output
    with pytest.raises(S3Error) as caught:
        await page(rig, Prefix="never-asked")
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
                raise away()
            headers = (("content-type", "application/xml"),)
            return S3Response({}, BytesBody(b"<x/>"), 200, WireResponse(200, headers))

    rig.remote.inner = Wire()
    wire = WireRequest("GET", "/bbb", "list-type=2", ())
    request = S3Request(operations()["ListObjectsV2"], {"Bucket": "bbb"}, wire=wire)
    assert await read((await rig.cache.call(request)).body) == b"<x/>"
    await rig.cache.catalog.index.write(lambda tx: None)  # the row is written behind the answer
    rig.remote.error = away
    stale = await rig.cache.call(request)
    assert await read(stale.body) == b"<x/>"
    assert stale.wire == WireResponse(200, (("content-type", "application/xml"), (STALE, "1")))


async def test_nothing_is_kept_where_nothing_stale_is_wanted(tmp_path):
    async with open_rig(tmp_path, freshness=Freshness(serve_stale=False)) as rig:
        await page(rig)
        rig.remote.error = away
        with pytest.raises(S3Error):
            await page(rig)


async def test_a_refusal_is_no_reason_for_an_old_page(rig):
    await page(rig)
    rig.remote.error = lambda: S3Error("AccessDenied")
    with pytest.raises(S3Error) as caught:
        await page(rig)
    assert caught.value.code == "AccessDenied"


async def test_a_write_makes_the_pages_of_its_bucket_go(rig):
    await rig.there("CreateBucket", Bucket="other")
    for bucket in ("bbb", "other"):
        await page(rig, Bucket=bucket)
    await rig.s3.put("bbb", "new", b"1")
    await rig.cache.catalog.index.write(lambda tx: None)  # the rows are written behind the answers
    rig.remote.error = away
    with pytest.raises(S3Error):
        await page(rig)
    assert (await page(rig, Bucket="other")).headers == {STALE: "1"}


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
    rig.remote.error = away
    with pytest.raises(S3Error):
        await page(rig)
