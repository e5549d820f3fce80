import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from s3d.agent.core.client import IF_ABSENT, S3Client
from s3d.agent.core.object_info import ObjectAttributes
from s3d.agent.core.store import Layer
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody, StreamBody
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.stores.local.store import LocalStore


@pytest.fixture
async def objects(tmp_path) -> AsyncIterator[S3Client]:
    index = Index.open(tmp_path / "index.sqlite", ephemeral=True)
    found = S3Client(LocalStore(index, Blobs(tmp_path / "blobs", ephemeral=True)))
    await found.create_bucket("bucket")
    yield found
    index.close()


async def put(objects, key, data=b"data", *arguments, **options):
    return await objects.put("bucket", key, BytesBody(data), *arguments, **options)


async def read(objects, key, **options) -> bytes:
    _, body = await objects.get("bucket", key, **options)
    data = b"".join([chunk async for chunk in body])
    await body.aclose()
    return data


class Without(Layer):
    """A store whose pages lack some members, or that answers with the same ones again."""

    def __init__(self, inner, *names, **always):
        super().__init__(inner)
        self.names, self.always = names, always

    async def call(self, request):
        response = await self.inner.call(request)
        kept = {n: v for n, v in response.output.items() if n not in self.names}
        again = self.always if kept.get("IsTruncated") else {}
        return replace(response, output=kept | again)


async def test_buckets_come_by_name_with_their_dates(objects):
    await objects.create_bucket("another")
    one, two = await objects.buckets()
    assert (one.name, two.name) == ("another", "bucket")
    assert one.created >= two.created > 1.7e9
    await objects.delete_bucket("another")
    assert [bucket.name for bucket in await objects.buckets()] == ["bucket"]


@pytest.mark.parametrize("name", ["", "Upper", "a", "192.168.0.1", "a..b"])
async def test_a_bucket_needs_a_legal_name(objects, name):
    with pytest.raises(S3Error) as caught:
        await objects.create_bucket(name)
    assert caught.value.code == "InvalidBucketName"


async def test_what_is_put_is_what_is_there(objects):
    attributes = ObjectAttributes(
        content_type="text/plain",
        metadata={"a": "b"},
        tags={"t": "ä =+"},
        headers={
            "cache-control": "no-store",
            "content-disposition": "inline",
            "expires": "Thu, 01 Dec 2033 16:00:00 GMT",
        },
    )
    stored = await put(objects, "k", b"12345", attributes)
    assert stored == await objects.head("bucket", "k")
    assert (stored.size, stored.content_type, stored.metadata) == (5, "text/plain", {"a": "b"})
    assert stored.headers == attributes.headers
    assert stored.storage_class == "STANDARD"
    assert await objects.tags("bucket", "k") == {"t": "ä =+"}


async def test_an_expires_that_is_no_date_is_refused(objects):
    with pytest.raises(S3Error, match="HTTP date"):
        await put(objects, "k", b"", ObjectAttributes(headers={"expires": "soon"}))


async def test_a_body_of_unknown_size_is_put(objects):
    async def chunks():
        yield b"123"
        yield b"45"

    stored = await objects.put("bucket", "k", StreamBody(chunks()))
    assert stored.size == 5
    assert await read(objects, "k") == b"12345"


async def test_a_body_that_fails_is_closed_and_changes_nothing(objects):
    closed = asyncio.Event()

    async def chunks():
        try:
            yield b"123"
            raise S3Error("IncompleteBody")
        finally:
            closed.set()

    with pytest.raises(S3Error):
        await objects.put("bucket", "k", StreamBody(chunks()))
    assert closed.is_set()
    assert await objects.head("bucket", "k") is None


async def test_head_of_nothing_is_none_but_of_no_bucket_an_error(objects):
    assert await objects.head("bucket", "nothing") is None
    with pytest.raises(S3Error) as caught:
        await objects.head("nothing", "k")
    assert caught.value.code == "NoSuchBucket"


async def test_get_gives_the_whole_size_also_for_a_range(objects):
    await put(objects, "k", b"0123456789")
    info, body = await objects.get("bucket", "k", byte_range="bytes=2-4")
    assert (info.size, body.size) == (10, 3)
    await body.aclose()
    assert await read(objects, "k", byte_range="bytes=2-4") == b"234"
    assert await read(objects, "k") == b"0123456789"


async def test_get_can_insist_on_an_etag(objects):
    etag = (await put(objects, "k")).etag
    assert await read(objects, "k", if_match=etag) == b"data"
    with pytest.raises(S3Error) as caught:
        await objects.get("bucket", "k", if_match='"other"')
    assert caught.value.code == "PreconditionFailed"


async def test_put_can_insist_on_an_etag_or_on_nothing(objects):
    etag = (await put(objects, "k", if_match=IF_ABSENT)).etag
    for condition in (IF_ABSENT, '"other"'):
        with pytest.raises(S3Error) as caught:
            await put(objects, "k", b"new", if_match=condition)
        assert caught.value.code == "PreconditionFailed"
    await put(objects, "k", b"new", if_match=etag)
    assert await read(objects, "k") == b"new"


async def test_delete_can_insist_on_an_etag(objects):
    etag = (await put(objects, "k")).etag
    with pytest.raises(S3Error):
        await objects.delete("bucket", "k", if_match='"other"')
    await objects.delete("bucket", "k", if_match=etag)
    assert await objects.head("bucket", "k") is None
    await objects.delete("bucket", "k")


async def test_list_is_in_the_order_of_utf8_with_prefixes_among_the_keys(objects):
    for key in ("b", "a/1", "a/2", "c/1", "ä", "a", "\U0001f600", "\uffff"):
        await put(objects, key)
    rows = [row async for row in objects.list("bucket", delimiter="/")]
    names = [row if isinstance(row, str) else row.key for row in rows]
    assert names == ["a", "a/", "b", "c/", "ä", "\uffff", "\U0001f600"]
    assert [row.key async for row in objects.list("bucket", "a/")] == ["a/1", "a/2"]


async def test_pages_go_on_where_the_last_one_ended(objects):
    for key in "abcde":
        await put(objects, key)
    keys, cursor = [], None
    while cursor != "":
        page = await objects.page("bucket", cursor=cursor or "", limit=2)
        keys.append([row.key for row in page.objects])
        cursor = page.cursor
    assert keys == [["a", "b"], ["c", "d"], ["e"]]


async def test_tags_are_changed_one_by_one(objects):
    await put(objects, "k", b"", ObjectAttributes(tags={"a": "1", "b": "2"}))
    assert await objects.set_tags("bucket", "k", {"b": None, "c": "3"}) == {"a": "1", "c": "3"}
    assert await objects.set_tags("bucket", "k", {"never": None}) == {"a": "1", "c": "3"}
    assert await objects.tags("bucket", "k") == {"a": "1", "c": "3"}
    assert await objects.set_tags("bucket", "k", {"a": None, "c": None}) == {}
    assert await objects.tags("bucket", "k") == {}


async def test_tags_of_a_bucket(objects):
    assert await objects.tags("bucket") == {}
    assert await objects.set_tags("bucket", "", {"a": "1"}) == {"a": "1"}
    assert await objects.tags("bucket") == {"a": "1"}
    assert await objects.set_tags("bucket", "", {"a": None}) == {}
    assert await objects.tags("bucket") == {}


async def test_tags_of_nothing_are_an_error(objects):
    for bucket, key in (("nothing", ""), ("nothing", "k"), ("bucket", "nothing")):
        with pytest.raises(S3Error):
            await objects.tags(bucket, key)


async def test_a_key_that_is_too_long_is_refused(objects):
    with pytest.raises(S3Error) as caught:
        await put(objects, "ä" * 513)
    assert caught.value.code == "KeyTooLongError"


async def test_versioning_is_told(objects):
    assert await objects.versioning("bucket") == ""


async def test_versions_come_page_by_page_with_their_markers(objects):
    await objects.create_bucket("bucket")
    await objects._call(
        "PutBucketVersioning", Bucket="bucket", VersioningConfiguration={"Status": "Enabled"}
    )
    for key in ("a", " b"):
        await objects.put("bucket", key, BytesBody(b"data"))
        await objects.delete("bucket", key)
    found, cursor = [], ""
    while True:
        page = await objects.versions("bucket", cursor=cursor, limit=1)
        found += [(row.key, row.size, bool(row.etag)) for row in page.objects]
        assert all(row.version_id for row in page.objects)
        if not (cursor := page.cursor):
            break
    assert found == [(" b", 0, False), (" b", 4, True), ("a", 0, False), ("a", 4, True)]


@pytest.mark.finding("F7")
async def test_a_page_that_does_not_say_how_to_go_on_is_not_the_last(objects):
    for key in ("a", "b", "c"):
        await put(objects, key)
    store = Without(objects.target, "NextContinuationToken")
    with pytest.raises(S3Error, match="truncated but has no continuation token"):
        await S3Client(store).page("bucket", limit=2)
    assert len((await S3Client(store).page("bucket", limit=3)).objects) == 3


@pytest.mark.finding("F7")
async def test_a_page_that_goes_on_with_itself_is_no_listing(objects):
    for key in ("a", "b", "c"):
        await put(objects, key)
    first = await objects.page("bucket", limit=1)
    store = Without(objects.target, NextContinuationToken=first.cursor)
    await S3Client(store).page("bucket", limit=1)
    with pytest.raises(S3Error, match="truncated but has no continuation token"):
        await S3Client(store).page("bucket", cursor=first.cursor, limit=1)


@pytest.mark.finding("F7")
@pytest.mark.parametrize("lost", ["NextKeyMarker", "NextVersionIdMarker"])
async def test_a_page_of_versions_that_does_not_say_how_to_go_on_is_not_the_last(objects, lost):
    for key in ("a", "b"):
        await put(objects, key)
    with pytest.raises(S3Error, match="truncated but has no continuation token"):
        await S3Client(Without(objects.target, lost)).versions("bucket", limit=1)
