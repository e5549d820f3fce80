"""What makes the cache forget; every operation of the model is judged."""

from __future__ import annotations

import asyncio
import threading

import pytest

from s3d.agent.core.failures import Reason, Unreachable
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody, S3Request, S3Response, StreamBody, WireResponse
from s3d.agent.s3.model import operations
from s3d.agent.s3.named_objects import written_objects
from s3d.agent.stores.read_cache.invalidation import HARMLESS
from s3d.agent.stores.read_cache.listings import STALE_HEADER
from tests.agent.stores.read_cache.rig import outage

PLACE = {"Bucket": "b", "Key": "k"}


def forgets(name: str, members: dict) -> list[tuple[str, str]]:
    return list(written_objects(S3Request(operations()[name], members)))


@pytest.mark.parametrize(
    ("name", "members", "forgotten"),
    [
        ("PutObject", PLACE, [("b", "k")]),
        ("DeleteObject", PLACE, [("b", "k")]),
        ("CopyObject", PLACE | {"CopySource": "b/other"}, [("b", "k")]),
        ("CompleteMultipartUpload", PLACE, [("b", "k")]),
        ("PutObjectTagging", PLACE, [("b", "k")]),
        ("DeleteObjects", {"Bucket": "b", "Delete": {"Objects": [{"Key": "1"}, {"Key": "2"}]}},
         [("b", "1"), ("b", "2")]),
        ("DeleteBucket", {"Bucket": "b"}, [("b", "")]),
        ("PutBucketPolicy", {"Bucket": "b"}, []),
    ],
)  # fmt: skip
def test_what_is_forgotten(name, members, forgotten):
    assert forgets(name, members) == forgotten


@pytest.mark.parametrize("name", sorted(operations()))
def test_every_operation_of_objects_that_is_no_read_makes_forget_or_is_known_as_harmless(name):
    op = operations()[name]
    if op.access in ("read", "list") or name in HARMLESS:
        return
    if op.scope == "object":
        assert ("b", "k") in forgets(name, PLACE)
    elif name != "DeleteObjects":
        assert forgets(name, {"Bucket": "b"}) or "Bucket" in name


def test_the_harmless_ones_are_these():
    assert sorted(HARMLESS) == [
        "AbortMultipartUpload",
        "CreateBucket",
        "CreateMultipartUpload",
        "UploadPart",
        "UploadPartCopy",
    ]


OBJECT = {"Bucket": "bbb", "Key": "k"}
TAGGING = {"TagSet": [{"Key": "a", "Value": "1"}]}


def lost() -> S3Error:
    error = S3Error("ServiceUnavailable", "The answer was lost")
    error.failure = Unreachable(Reason.TIMEOUT, "nothing", sent=True)
    return error


def refused() -> S3Error:
    return S3Error("AccessDenied")


@pytest.fixture
async def cached(rig):
    await rig.there.put("bbb", "k", b"12345")
    await rig.s3.read("bbb", "k")
    rig.remote.calls.clear()
    return rig


async def fails(rig, error, name="PutObjectTagging", **members) -> None:
    rig.remote.error = error
    with pytest.raises(S3Error):
        await rig.s3(name, **members)


@pytest.mark.finding("D7")
@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("PutObjectTagging", OBJECT | {"Tagging": TAGGING}),
        ("PutObject", OBJECT | {"Body": b"new"}),
        ("DeleteObject", OBJECT),
        ("DeleteObjects", {"Bucket": "bbb", "Delete": {"Objects": [{"Key": "k"}]}}),
        ("DeleteBucket", {"Bucket": "bbb"}),
    ],
)
async def test_a_write_that_never_reached_the_remote_changes_nothing(cached, name, members):
    await fails(cached, outage, name, **members)
    assert await cached.s3.read("bbb", "k") == b"12345"
    assert cached.remote.calls == {name: 1}


@pytest.mark.finding("D7")
@pytest.mark.parametrize("error", [lost, refused])
@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("PutObjectTagging", OBJECT | {"Tagging": TAGGING}),
        ("PutObject", OBJECT | {"Body": b"new"}),
        ("DeleteBucket", {"Bucket": "bbb"}),
    ],
)
async def test_after_a_write_in_doubt_the_remote_is_asked(cached, error, name, members):
    await fails(cached, error, name, **members)
    cached.remote.error = outage
    response = await cached.cache.call(S3Request(operations()["GetObject"], OBJECT))
    assert response.headers[STALE_HEADER] == "1"
    cached.remote.error = None
    cached.time.now += 6
    await cached.there("PutObjectTagging", **OBJECT, Tagging=TAGGING)  # it was carried out
    cached.remote.calls.clear()
    answer = await cached.s3("GetObject", **OBJECT)
    assert answer.output.get("TagCount") == (None if name == "DeleteBucket" else 1)
    assert cached.remote.calls == {"HeadObject": 1}


@pytest.mark.finding("D7")
async def test_a_bucket_that_is_not_deleted_keeps_its_entries(cached):
    await cached.s3.refused("BucketNotEmpty", "DeleteBucket", Bucket="bbb")
    assert cached.cache.catalog.peek("bbb", "k") is not None


@pytest.mark.finding("S2")
async def test_while_a_write_is_under_way_the_remote_is_asked(cached):
    writing = asyncio.Event()
    inner = cached.remote.inner

    class Slow:
        async def call(self, request):
            if request.op.name == "PutObject":
                await writing.wait()
            return await inner.call(request)

    cached.remote.inner = Slow()
    put = asyncio.get_running_loop().create_task(cached.s3.put("bbb", "k", b"new"))
    await cached.until(lambda: cached.remote.calls["PutObject"] == 1)
    for _ in range(2):
        assert await cached.s3.read("bbb", "k") == b"12345"
    assert cached.remote.calls == {"PutObject": 1, "HeadObject": 2}
    writing.set()
    await put
    assert await cached.s3.read("bbb", "k") == b"new"


@pytest.mark.finding("S2")
@pytest.mark.parametrize("name", ["PutObject", "DeleteObject"])
async def test_a_write_is_answered_when_no_row_of_the_old_version_is_left(cached, name):
    """So an agent that is killed right after it does not bring the old version back."""
    await cached.cache.catalog.rows.committed()
    written = threading.Event()
    cached.cache.catalog.index.post(lambda tx: written.wait(10))
    members = OBJECT | ({"Body": b"new"} if name == "PutObject" else {})
    writing = asyncio.get_running_loop().create_task(cached.s3(name, **members))
    await cached.until(lambda: cached.remote.calls[name] == 1)
    done, _ = await asyncio.wait((writing,), timeout=0.1)
    assert not done
    written.set()
    await writing


@pytest.mark.finding("S2")
@pytest.mark.parametrize("chunks", [[b"<a/>"], [b" ", b" ", b"<a/>"]])
async def test_an_answer_that_begins_before_the_deed_ends_after_the_old_version_is_gone(
    cached, chunks
):
    async def body():
        for chunk in chunks[:-1]:
            yield chunk
        await cached.there.put("bbb", "k", b"new")
        yield chunks[-1]

    inner = cached.remote.inner

    class Forwarded:
        async def call(self, request):
            if request.op.name != "CompleteMultipartUpload":
                return await inner.call(request)
            return S3Response({}, StreamBody(body()), 200, WireResponse(200, ()))

    cached.remote.inner = Forwarded()
    request = S3Request(operations()["CompleteMultipartUpload"], OBJECT | {"UploadId": "1"})
    response = await cached.cache.call(request)
    assert response.body is not None
    assert [chunk async for chunk in response.body] == chunks
    await response.body.aclose()
    assert await cached.s3.read("bbb", "k") == b"new"


@pytest.mark.finding("D7")
async def test_a_refusal_that_is_forwarded_leaves_the_entry(cached):
    class Refusing:
        async def call(self, request):
            return S3Response({}, BytesBody(b"<Error/>"), 403, WireResponse(403, ()))

    inner, cached.remote.inner = cached.remote.inner, Refusing()
    await cached.cache.call(S3Request(operations()["DeleteObject"], OBJECT))
    cached.remote.inner = inner
    assert cached.cache.catalog.peek("bbb", "k") is not None
    assert await cached.s3.read("bbb", "k") == b"12345"


@pytest.mark.finding("Q3")
async def test_a_404_that_comes_after_a_write_is_not_believed(rig):
    answering = asyncio.Event()
    inner = rig.remote.inner

    class Slow:
        async def call(self, request):
            try:
                return await inner.call(request)
            except S3Error:
                await answering.wait()
                raise

    rig.remote.inner = Slow()
    reading = asyncio.get_running_loop().create_task(rig.s3.code("GetObject", **OBJECT))
    await rig.until(lambda: rig.remote.gets() == 1)
    await rig.s3.put("bbb", "k", b"12345")
    answering.set()
    assert await reading == "NoSuchKey"
    assert await rig.s3.read("bbb", "k") == b"12345"
