"""The hub before a real embedded store."""

import os
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.core.client import IF_ABSENT, S3Client
from s3d.agent.core.object_info import ObjectAttributes
from s3d.agent.core.store import Layer
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody, S3Request, S3Response
from s3d.agent.s3.model import operations
from s3d.agent.sync.file_content import FileContent, signature_of
from s3d.agent.sync.interfaces import (
    ConcurrentChange,
    FileAttributes,
    PathBlocked,
    Unavailable,
)
from s3d.agent.sync.remote_tree import BucketTree, read_mode, read_mtime, write_mtime
from tests.agent.sync.conftest import BUCKET


@pytest.fixture
def remote_tree(objects):
    return BucketTree(objects, BUCKET, "p/")


@pytest.fixture
def content(tmp_path):
    def make(data: bytes) -> FileContent:
        path = tmp_path / "content"
        path.write_bytes(data)
        return FileContent(lambda: os.open(path, os.O_RDONLY), signature_of(path.stat()))

    return make


async def listed(remote_tree):
    return [row.path async for page in remote_tree.listing() for row in page]


async def test_a_file_is_stored_with_what_goes_along(remote_tree, objects, content):
    attributes = FileAttributes(1_700_000_000_123_456_789, 0o640, "5" * 64, "4" * 64, {"k": "v"})
    stored = await remote_tree.put("d/a.txt", content(b"data"), attributes, IF_ABSENT)
    info = await objects.head(BUCKET, "p/d/a.txt")
    assert info.metadata == {
        "mtime": "1700000000.123456789",
        "mode": "100640",
        "s3d-sha256": "5" * 64,
        "s3d-parent": "4" * 64,
    }
    assert (info.content_type, stored.etag, stored.sha256) == ("text/plain", info.etag, "5" * 64)
    assert await remote_tree.tags("d/a.txt") == {"k": "v"}
    found = await remote_tree.look("d/a.txt")
    assert (found.mtime_ns, found.mode, found.parent) == (attributes.mtime_ns, 0o640, "4" * 64)


async def test_a_condition_that_does_not_hold_is_told(remote_tree, content):
    first = await remote_tree.put("a", content(b"1"), FileAttributes(), IF_ABSENT)
    second = await remote_tree.put("a", content(b"2"), FileAttributes(), first.etag)
    for condition in (IF_ABSENT, first.etag):
        with pytest.raises(ConcurrentChange):
            await remote_tree.put("a", content(b"3"), FileAttributes(), condition)
    with pytest.raises(ConcurrentChange):
        await remote_tree.get("a", first.etag, 1)
    with pytest.raises(ConcurrentChange):
        await remote_tree.delete("a", first.etag)
    with pytest.raises(ConcurrentChange):
        await remote_tree.get("gone", first.etag, 1)
    assert (await remote_tree.look("a")).etag == second.etag
    await remote_tree.delete("a", second.etag)
    assert await remote_tree.look("a") is None
    await remote_tree.delete("a", second.etag)


async def test_torn_content_is_not_stored(remote_tree, tmp_path, content):
    torn = content(bytes(3 << 20))
    (tmp_path / "content").write_bytes(b"x" * (3 << 20))
    with pytest.raises(ConcurrentChange):
        await remote_tree.put("a", torn, FileAttributes(), IF_ABSENT)
    assert await remote_tree.look("a") is None


async def test_bytes_come_back(remote_tree, content):
    stored = await remote_tree.put("a", content(b"data"), FileAttributes(), IF_ABSENT)
    _, body = await remote_tree.get("a", stored.etag, 1)
    async with aclosing(body):
        assert b"".join([block async for block in body]) == b"data"


async def test_a_listing_has_the_prefix_off_and_nothing_of_ours(remote_tree, objects):
    for key in ("p/a", "p/b/", "p/.s3d/probe", "p/", "other", "p/b/c"):
        await objects.put(BUCKET, key, BytesBody(b""))
    assert await listed(remote_tree) == ["a", "b/", "b/c"]


@pytest.mark.parametrize(
    ("key", "data", "storage_class"),
    [("a//b", b"", None), ("n" * 256, b"", None), ("folder/", b"x", None), ("a", b"", "GLACIER")],
)
async def test_what_cannot_be_a_file_has_its_trouble(
    remote_tree, objects, key, data, storage_class
):
    attributes = ObjectAttributes(storage_class=storage_class)
    await objects.put(BUCKET, f"p/{key}", BytesBody(data), attributes)
    rows = [row async for page in remote_tree.listing() for row in page]
    assert [bool(row.trouble) for row in rows] == [True]


async def test_a_bucket_that_is_gone_is_no_answer(remote_tree, objects, content):
    await objects.delete_bucket(BUCKET)
    calls = (
        remote_tree.look("a"),
        listed(remote_tree),
        remote_tree.get("a", '"e"', 1),
        remote_tree.tags("a"),
        remote_tree.put("a", content(b""), FileAttributes(), IF_ABSENT),
    )
    for call in calls:
        with pytest.raises(Unavailable, match="NoSuchBucket"):
            await call


class Shuffled:
    """A store that lists in an order of its own, or an old listing."""

    def __init__(self, store, keys):
        self.store, self.keys = store, keys

    async def call(self, request) -> S3Response:
        response = await self.store.call(request)
        if request.op.name == "ListObjectsV2":
            assert request.context.bypass_cache
            rows = {row["Key"]: row for row in response.output["Contents"]}
            response.output["Contents"] = [rows[key] for key in self.keys]
        return response


class FolderByFolder(Layer):
    """A store that lists as SeaweedFS does, page by page."""

    async def call(self, request) -> S3Response:
        if request.op.name != "ListObjectsV2":
            return await self.inner.call(request)
        members = dict(request.input)
        size, after = members.pop("MaxKeys"), members.pop("ContinuationToken", "")
        response = await self.inner.call(request.replace(input=members))
        rows = sorted(response.output["Contents"], key=lambda row: row["Key"].split("/"))
        left = [row for row in rows if row["Key"].split("/") > after.split("/")]
        output = {"Contents": left[:size], "IsTruncated": len(left) > size}
        if len(left) > size:
            output["NextContinuationToken"] = left[size - 1]["Key"]
        return S3Response(output)


async def test_a_listing_that_is_not_in_order_is_not_believed(objects):
    for key in "abc":
        await objects.put(BUCKET, key, BytesBody(b""))
    store = Shuffled(objects.target, ["a", "c", "b"])
    with pytest.raises(Unavailable, match="order"):
        await listed(BucketTree(S3Client(store, bypass_cache=True), BUCKET, ""))


@pytest.mark.finding("S8")
@pytest.mark.parametrize("order", ["other", ""])
async def test_a_listing_in_another_order_is_sorted(objects, monkeypatch, order):
    monkeypatch.setattr("s3d.agent.sync.remote_tree.PAGE", 2)
    keys = ["src.tar.gz", "src/a", "src-b", "z", "a"]
    for key in keys:
        await objects.put(BUCKET, f"p/{key}", BytesBody(b""))
    tree = FolderByFolder(objects.target)
    remote_tree = BucketTree(S3Client(tree, bypass_cache=True), BUCKET, "p/", order=lambda: order)
    assert await listed(remote_tree) == sorted(keys)


@pytest.mark.finding("S8")
async def test_a_key_that_is_listed_twice_makes_no_listing(objects):
    for key in "ab":
        await objects.put(BUCKET, key, BytesBody(b""))
    store = Shuffled(objects.target, ["b", "a", "b"])
    with pytest.raises(Unavailable, match="twice"):
        await listed(
            BucketTree(S3Client(store, bypass_cache=True), BUCKET, "", order=lambda: "other")
        )


@pytest.mark.finding("F3")
async def test_only_a_listing_proves_that_an_object_is_gone(remote_tree, objects):
    for key in ("p/a", "p/a/b", "p/a-c"):
        await objects.put(BUCKET, key, BytesBody(b""))
    assert not await remote_tree.is_gone("a")
    await objects.delete(BUCKET, "p/a")
    assert await remote_tree.is_gone("a")
    await objects.put(BUCKET, "p/ab", BytesBody(b""))
    assert await remote_tree.is_gone("a")


@pytest.mark.finding("F5")
@pytest.mark.parametrize(
    "text", ["9223372037", "-9223372037", "99999999999.5", "9999-12-31T23:59:59Z", "0001-01-01"]
)
def test_a_time_that_cannot_be_remembered_is_none(text):
    assert read_mtime(text) is None


async def test_a_copy_takes_everything_along_and_overwrites_nothing(remote_tree, objects, content):
    attributes = FileAttributes(5 * 10**9, 0o600, "5" * 64, tags={"k": "v"})
    stored = await remote_tree.put("ä b", content(b"1"), attributes, IF_ABSENT)
    copied = await remote_tree.copy("ä b", stored.etag, 1, "new")
    assert (copied.sha256, copied.mtime_ns) == ("5" * 64, 5 * 10**9)
    assert await remote_tree.tags("new") == {"k": "v"}
    with pytest.raises(ConcurrentChange):
        await remote_tree.copy("ä b", stored.etag, 1, "new")
    with pytest.raises(ConcurrentChange):
        await remote_tree.copy("ä b", '"other"', 1, "newer")


async def test_only_a_bucket_with_versions_knows_what_it_held(objects, remote_tree, content):
    first = content(b"1")
    stored = await remote_tree.put("a", first, FileAttributes(), IF_ABSENT)
    await remote_tree.put("a", content(b"2"), FileAttributes(), stored.etag)
    assert not await remote_tree.landed("a", first.sha256, first.etag)
    enabled = {"Bucket": BUCKET, "VersioningConfiguration": {"Status": "Enabled"}}
    await objects.target.call(S3Request(operations()["PutBucketVersioning"], enabled))
    remote_tree = BucketTree(objects, BUCKET, "p/")
    second = await remote_tree.look("a")
    third = content(b"3")
    await remote_tree.put("a", third, FileAttributes(), second.etag)
    await remote_tree.delete("a", (await remote_tree.look("a")).etag)
    assert await remote_tree.landed("a", third.sha256, third.etag)
    assert not await remote_tree.landed("a", first.sha256, "0" * 32)


class Unconditional:
    """A store that answers 200 to conditions which it ignores."""

    def __init__(self, store):
        self.store = store

    async def call(self, request) -> S3Response:
        if request.op.name in ("PutObject", "DeleteObject"):
            kept = {k: v for k, v in request.input.items() if k not in ("IfMatch", "IfNoneMatch")}
            request = request.replace(input=kept)
        return await self.store.call(request)


@pytest.mark.parametrize("deed", ["put", "delete"])
async def test_what_was_overwritten_unseen_is_kept_where_there_are_versions(objects, content, deed):
    enabled = {"Bucket": BUCKET, "VersioningConfiguration": {"Status": "Enabled"}}
    await objects.target.call(S3Request(operations()["PutBucketVersioning"], enabled))
    loose = S3Client(Unconditional(objects.target), bypass_cache=True)
    remote_tree = BucketTree(
        loose, BUCKET, "p/", level=lambda: "B", beside=lambda path: path + " aside"
    )
    first = await remote_tree.put("a", content(b"1"), FileAttributes(), IF_ABSENT)
    await objects.put(BUCKET, "p/a", BytesBody(b"unseen"))
    if deed == "put":
        await remote_tree.put("a", content(b"2"), FileAttributes(), first.etag)
    else:
        await remote_tree.delete("a", first.etag)
    assert await listed(remote_tree) == (["a", "a aside"] if deed == "put" else ["a aside"])
    _, body = await objects.get(BUCKET, "p/a aside")
    assert b"".join([block async for block in body]) == b"unseen"
    seen = await remote_tree.look("a aside")
    await remote_tree.put("a aside", content(b"3"), FileAttributes(), seen.etag)
    assert len(await listed(remote_tree)) == (2 if deed == "put" else 1)


class Failing:
    def __init__(self, error):
        self.error = error

    async def call(self, request):
        raise self.error


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (S3Error("SlowDown"), Unavailable),
        (S3Error("InternalError"), Unavailable),
        (S3Error("ServiceUnavailable"), Unavailable),
        (S3Error("PreconditionFailed"), ConcurrentChange),
        (S3Error("KeyTooLongError"), PathBlocked),
        (ConnectionError("lost"), Unavailable),
    ],
)
async def test_errors_are_told_apart(error, wanted):
    remote_tree = BucketTree(S3Client(Failing(error)), BUCKET, "")
    with pytest.raises(wanted):
        await remote_tree.delete("a", '"e"')
    with pytest.raises(Unavailable):
        await listed(remote_tree)


@given(st.integers(-(10**18), 4 * 10**18))
def test_a_time_is_written_as_it_is_read(mtime_ns):
    assert read_mtime(write_mtime(mtime_ns)) == mtime_ns


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("1700000000", 1_700_000_000 * 10**9), ("1.5", 1_500_000_000), ("", None), ("x", None),
     ("2023-11-14T22:13:20Z", 1_700_000_000 * 10**9), ("2023-11-14T22:13:20", None),
     ("1.", None), ("1.x", None), ("9" * 30, None), ("-1.5", -1_500_000_000)],
)  # fmt: skip
def test_times_of_other_programs_are_read(text, wanted):
    assert read_mtime(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("100644", 0o644), ("33188", 0o644), ("644", 0o644), ("104755", 0o755), ("", None),
     ("x", None), ("9", None), ("-1", None)],
)  # fmt: skip
def test_modes_of_other_programs_are_read(text, wanted):
    assert read_mode(text) == wanted
