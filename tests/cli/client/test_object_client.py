import io
from collections.abc import Callable

import pytest

from s3d.cli.client.object_client import ObjectClient
from s3d.shared.errors import (
    NotFoundError,
    S3dError,
)


@pytest.fixture
def client(serving) -> ObjectClient:
    return serving.objects


def store(client, bucket, key, data=b"data", headers=()):
    return client.put(bucket, key, io.BytesIO(data), len(data), dict(headers))


def data_of(client, bucket, key, **part) -> bytes:
    _, download = client.get(bucket, key, **part)
    with download:
        return download.read()


def test_an_object_is_stored_and_read(client, bucket):
    headers = {
        "Content-Type": "text/plain",
        "Cache-Control": "no-store",
        "Content-Encoding": "gzip",
        "Expires": "Thu, 01 Dec 2033 16:00:00 GMT",
        "x-amz-meta-Colour": "blue",
        "x-amz-tagging": "a=1&b=%C3%A4",
    }
    put = store(client, bucket, "k/ä +&?%", b"not gzip at all", headers)
    info, download = client.get(bucket, "k/ä +&?%")
    with download:
        assert download.read() == b"not gzip at all"
    assert put == info
    assert (info.bucket, info.key, info.size) == (bucket, "k/ä +&?%", 15)
    assert info.content_type == "text/plain"
    assert info.metadata == {"colour": "blue"}
    assert info.headers == {
        "cache-control": "no-store",
        "content-encoding": "gzip",
        "expires": "Thu, 01 Dec 2033 16:00:00 GMT",
    }
    assert client.object_status(bucket, "k/ä +&?%").tags == {"a": "1", "b": "ä"}


def test_data_of_unknown_size_is_stored(client, bucket):
    data = bytes(range(256)) * 4096
    info = client.put(bucket, "pipe", io.BytesIO(data))
    assert info.size == len(data)
    assert data_of(client, bucket, "pipe") == data


def test_an_empty_object_is_stored(client, bucket):
    assert store(client, bucket, "empty", b"").size == 0
    assert client.put(bucket, "empty too", io.BytesIO()).size == 0
    assert data_of(client, bucket, "empty") == b""


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"start": 2}, b"23456789"),
        ({"start": 2, "size": 3}, b"234"),
        ({"start": 0, "size": 1}, b"0"),
        ({"size": 4}, b"0123"),
        ({"start": 8, "size": 100}, b"89"),
        ({"start": 0}, b"0123456789"),
    ],
)
def test_a_part_of_an_object(client, bucket, part, expected):
    store(client, bucket, "k", b"0123456789")
    info, download = client.get(bucket, "k", **part)
    with download:
        assert download.read() == expected
    assert info.size == 10


def test_a_part_beyond_the_end_is_an_error(client, bucket):
    store(client, bucket, "k", b"0123456789")
    with pytest.raises(S3dError, match="range"):
        client.get(bucket, "k", start=10)


def test_pages_follow_one_another(client, bucket):
    keys = [f"d{number % 2}/{number}" for number in range(7)]
    for key in keys:
        store(client, bucket, key)
    seen, cursor = [], None
    while cursor != "":
        page = client.list(bucket, cursor=cursor or "", limit=3)
        assert len(page.objects) <= 3
        seen += [row.key for row in page.objects]
        cursor = page.cursor
    assert seen == sorted(keys)
    assert [row.key for page in client.pages(bucket, "d1/") for row in page.objects] == [
        key for key in sorted(keys) if key.startswith("d1/")
    ]
    assert client.list(bucket, delimiter="/").prefixes == ["d0/", "d1/"]


def test_tags_are_added_to_those_that_are_there(client, bucket):
    store(client, bucket, "k", headers={"x-amz-tagging": "old=1&gone=2"})
    assert client.change_tags(bucket, "k", {"new": "3"}, ["gone"]) == {"old": "1", "new": "3"}
    assert client.tags(bucket, "k") == {"old": "1", "new": "3"}
    assert client.change_tags(bucket, "k", {}, ["old", "new"]) == {}
    assert client.tags(bucket) == {}
    assert client.change_tags(bucket, "", {"team": "x"}) == {"team": "x"}
    assert client.bucket_status(bucket).tags == {"team": "x"}
    assert client.change_tags(bucket, "", {}, ["team"]) == {}


def test_a_bucket_counts_its_objects(client, bucket):
    store(client, bucket, "a", b"12345")
    store(client, bucket, "b", b"123")
    status = client.bucket_status(bucket)
    assert (status.objects, status.size, status.versioning) == (2, 8, "")
    client.delete(bucket, "a")
    client.delete(bucket, "never there")
    assert client.bucket_status(bucket).objects == 1


def test_a_presigned_url_needs_no_key(client, bucket):
    import urllib.request

    store(client, bucket, "k ä", b"shared")
    presigned = client.presign(bucket, "k ä", expires=60)
    with urllib.request.urlopen(presigned.url) as answer:
        assert answer.read() == b"shared"


@pytest.mark.parametrize("wanted", [{"method": "PATCH"}, {"expires": 0}, {"expires": 604_801}])
def test_a_presigned_url_has_limits(client, wanted):
    with pytest.raises(S3dError):
        client.presign("any", "key", **wanted)


NOT_FOUND: list[Callable[[ObjectClient], object]] = [
    lambda client: client.bucket_status("nothing"),
    lambda client: client.object_status("nothing", "k"),
    lambda client: client.list("nothing"),
    lambda client: client.get("nothing", "k"),
    lambda client: store(client, "nothing", "k"),
    lambda client: client.tags("nothing"),
    lambda client: client.delete_bucket("nothing"),
]


@pytest.mark.parametrize("call", NOT_FOUND)
def test_a_bucket_that_is_not_there_is_not_found(client, call):
    with pytest.raises(NotFoundError, match="bucket"):
        call(client)


def test_a_key_that_is_not_there_is_not_found(client, bucket):
    for call in (client.get, client.object_status, client.tags):
        with pytest.raises(NotFoundError):
            call(bucket, "nothing")


def test_a_bucket_with_objects_stays(client, bucket):
    store(client, bucket, "k")
    with pytest.raises(S3dError) as caught:
        client.delete_bucket(bucket)
    assert caught.value.remedy
    client.delete(bucket, "k")
    client.delete_bucket(bucket)
    assert bucket not in [info.name for info in client.buckets()]


def test_conditions_of_a_put_hold(client, bucket):
    store(client, bucket, "k", headers={"If-None-Match": "*"})
    for headers in ({"If-None-Match": "*"}, {"If-Match": '"other"'}, {"If-None-Match": '"x"'}):
        with pytest.raises(S3dError):
            store(client, bucket, "k", b"changed", headers)
    etag = client.object_status(bucket, "k").etag
    store(client, bucket, "k", b"changed", {"If-Match": etag})
    assert data_of(client, bucket, "k") == b"changed"


def test_data_that_ends_too_early_is_not_stored(client, bucket):
    with pytest.raises(S3dError, match="3 of 10 bytes are missing"):
        client.put(bucket, "k", io.BytesIO(b"1234567"), 10)
    assert client.list(bucket).objects == []


def test_not_more_is_sent_than_was_said(client, bucket):
    assert client.put(bucket, "k", io.BytesIO(b"1234567"), 3).size == 3


def test_an_upload_that_is_refused_ends_with_the_agents_reason(client):
    with pytest.raises(NotFoundError):
        client.put("nothing", "k", io.BytesIO(bytes(8 << 20)), 8 << 20)
