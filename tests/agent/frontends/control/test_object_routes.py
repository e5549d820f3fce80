"""What the blocking client cannot send; the rest is in tests/shared/test_blocking.py."""

import asyncio
import json

import pytest
import yarl

from s3d.agent.core.client import S3Client
from s3d.agent.core.store import Layer
from s3d.agent.frontends.control.object_routes import delete_many
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody, S3Request
from s3d.agent.s3.model import operations

JSON = {"Content-Type": "application/json"}
OBJECT = "/v1/buckets/bucket/object"


@pytest.fixture
async def bucket(control) -> str:
    await control.objects.create_bucket("bucket")
    return "bucket"


async def ask(http, method, path, *, query=None, **options):
    async with http.request(method, path, params=query, **options) as response:
        return response, await response.read()


async def code_of(http, method, path, **options) -> tuple[int, str]:
    response, body = await ask(http, method, path, **options)
    return response.status, json.loads(body)["code"]


async def test_a_bucket_is_made_and_removed(http):
    for method, status in (("PUT", 201), ("DELETE", 204)):
        response, _ = await ask(http, method, "/v1/buckets/bucket")
        assert response.status == status
    _, body = await ask(http, "GET", "/v1/buckets")
    assert json.loads(body) == {"buckets": []}


@pytest.mark.parametrize("name", ["UPPER", "a", "..", "a%2Fb", "a b"])
async def test_a_bucket_needs_a_legal_name(http, name):
    path = yarl.URL(f"/v1/buckets/{name}", encoded=True)
    response, _ = await ask(http, "PUT", path)
    assert response.status in (400, 404)


async def test_head_is_get_without_the_data(http, bucket):
    await ask(http, "PUT", OBJECT, query={"key": "k"}, data=b"12345", headers={"a": "b"})
    got, body = await ask(http, "GET", OBJECT, query={"key": "k"})
    head, nothing = await ask(http, "HEAD", OBJECT, query={"key": "k"})
    assert (body, nothing) == (b"12345", b"")
    for name in ("ETag", "Content-Length", "Content-Type", "Last-Modified", "S3d-Object"):
        assert head.headers[name] == got.headers[name]


async def test_the_object_header_is_ascii_and_has_no_tags(http, bucket):
    headers = {"x-amz-tagging": "a=b"}
    response, _ = await ask(http, "PUT", OBJECT, query={"key": "ä\n"}, data=b"x", headers=headers)
    assert response.status == 201
    header = response.headers["S3d-Object"]
    assert header.isascii()
    assert header.isprintable()
    assert (json.loads(header)["key"], json.loads(header)["tags"]) == ("ä\n", {})


async def test_a_range_is_206_with_its_bytes(http, bucket):
    await ask(http, "PUT", OBJECT, query={"key": "k"}, data=b"0123456789")
    for wanted, expected, where in (
        ("bytes=2-3", b"23", "2-3"),
        ("bytes=-3", b"789", "7-9"),
        ("bytes=0-", b"0123456789", "0-9"),
    ):
        response, body = await ask(
            http, "GET", OBJECT, query={"key": "k"}, headers={"Range": wanted}
        )
        assert (response.status, body) == (206, expected)
        assert response.headers["Content-Range"] == f"bytes {where}/10"
    response, body = await ask(
        http, "GET", OBJECT, query={"key": "k"}, headers={"Range": "nonsense"}
    )
    assert (response.status, body) == (200, b"0123456789")


async def test_a_large_object_is_streamed_whole(control, http, bucket):
    data = bytes(range(256)) * 8192
    await control.objects.put(bucket, "k", BytesBody(data))
    _, body = await ask(http, "GET", OBJECT, query={"key": "k"})
    assert body == data


async def test_versions_are_read_and_removed_by_their_id(control, http, bucket):
    await control.stack.top.call(versioning(bucket))
    first, _ = await ask(http, "PUT", OBJECT, query={"key": "k"}, data=b"1")
    await ask(http, "PUT", OBJECT, query={"key": "k"}, data=b"2")
    version = json.loads(first.headers["S3d-Object"])["version_id"]
    old = {"key": "k", "version": version}
    assert (await ask(http, "GET", OBJECT, query=old))[1] == b"1"
    assert (await ask(http, "DELETE", OBJECT, query=old))[0].status == 204
    assert (await ask(http, "GET", OBJECT, query=old))[0].status == 404
    assert (await ask(http, "GET", OBJECT, query={"key": "k"}))[1] == b"2"


@pytest.mark.parametrize(
    "body", [b'{"objects": []}', b'{"objects": [["", ""]]}', b'{"objects": [["k"]]}', b"{}"]
)
async def test_deletions_are_read_strictly(http, bucket, body):
    path = "/v1/buckets/bucket/objects:delete"
    response, _ = await ask(http, "POST", path, data=body, headers=JSON)
    assert response.status == 400


async def test_many_objects_are_deleted_by_one_request(control, http, bucket):
    for key in ("a", "b"):
        await ask(http, "PUT", OBJECT, query={"key": key}, data=b"1")
    body = json.dumps({"objects": [["a", ""], ["b", "nonsense"], ["none", ""]]})
    path = "/v1/buckets/bucket/objects:delete"
    response, answer = await ask(http, "POST", path, data=body, headers=JSON)
    assert (response.status, [*json.loads(answer)["failures"]]) == (200, ["1"])
    assert [row.key for row in (await control.objects.page("bucket", limit=9)).objects] == ["b"]


class WithoutDeleteObjects(Layer):
    """A remote that has only DeleteObject."""

    async def call(self, request):
        if request.op.name == "DeleteObjects":
            raise S3Error("NotImplemented")
        return await self.inner.call(request)


async def test_a_remote_without_such_requests_gets_one_for_each_key(control, bucket):
    for key in ("a", "b", "c"):
        await control.objects.put(bucket, key, BytesBody(b"1"))
    remote = S3Client(WithoutDeleteObjects(control.stack.top))
    errors = await delete_many(remote, bucket, [("a", ""), ("b", "nonsense"), ("c", "")])
    assert [*errors] == [1]
    assert [row.key for row in (await control.objects.page(bucket, limit=9)).objects] == ["b"]
    with pytest.raises(S3Error, match="NoSuchBucket"):
        await delete_many(control.objects, "none", [("a", "")])


def versioning(bucket):
    members = {"Bucket": bucket, "VersioningConfiguration": {"Status": "Enabled"}}
    return S3Request(operations()["PutBucketVersioning"], members)


@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
async def test_a_condition_that_fails_changes_nothing(control, http, bucket, header):
    await control.objects.put(bucket, "k", BytesBody(b"old"))
    value = {"If-Match": '"other"', "If-None-Match": "*"}[header]
    asked = await code_of(
        http, "PUT", OBJECT, query={"key": "k"}, data=b"new", headers={header: value}
    )
    assert asked == (412, "PreconditionFailed")
    assert (await ask(http, "GET", OBJECT, query={"key": "k"}))[1] == b"old"


async def test_an_upload_that_breaks_off_changes_nothing(control, http, bucket):
    await control.objects.put(bucket, "k", BytesBody(b"old"))
    for head in (b"Content-Length: 10", b"Transfer-Encoding: chunked"):
        reader, writer = await asyncio.open_unix_connection(str(control.socket))
        body = b"5\r\n12345\r\n" if b"chunked" in head else b"12345"
        writer.write(b"PUT %s?key=k HTTP/1.1\r\nHost: s3d\r\n%s\r\n\r\n" % (OBJECT.encode(), head))
        writer.write(body)
        writer.write_eof()
        assert b" 201 " not in await reader.read()
        writer.close()
        await writer.wait_closed()
    assert (await ask(http, "GET", OBJECT, query={"key": "k"}))[1] == b"old"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"set": {"a": "1"}}', 200),
        (b'{"unset": ["a"]}', 200),
        (b"{}", 200),
        (b'{"set": {"a": "1"}, "remove": ["b"]}', 400),
        (b'{"set": {"a": 1}}', 400),
        (b'{"set": {"a": "1"}, "unset": ["a"]}', 400),
        (b"[]", 400),
        (b"", 400),
        (b'{"set": {"a": "\xff"}}', 400),
        (b'{"set": {"' + b"k" * 129 + b'": "too long"}}', 400),
        (b" " * 300_000, 400),
    ],
)
async def test_a_change_of_tags_is_read_strictly(http, bucket, body, status):
    response, said = await ask(http, "PATCH", "/v1/buckets/bucket/tags", data=body)
    assert response.status == status, said


async def test_two_changes_of_tags_at_once_are_both_kept(control, http, bucket):
    await control.objects.put(bucket, "k", BytesBody(b""))
    async with asyncio.TaskGroup() as group:
        for name in "abcdefgh":
            group.create_task(control.objects.set_tags(bucket, "k", {name: "1"}))
    assert await control.objects.tags(bucket, "k") == dict.fromkeys("abcdefgh", "1")


@pytest.mark.parametrize("limit", ["0", "1001", "x", ""])
async def test_a_page_has_a_legal_limit(http, bucket, limit):
    asked = await code_of(http, "GET", "/v1/buckets/bucket/objects", query={"limit": limit})
    assert asked == (400, "InvalidArgument")


async def test_a_cursor_must_be_ours(http, bucket):
    status, _ = await code_of(http, "GET", "/v1/buckets/bucket/objects", query={"cursor": "x y"})
    assert status == 400


async def test_a_key_may_not_be_too_long(http, bucket):
    asked = await code_of(http, "PUT", OBJECT, query={"key": "k" * 1025}, data=b"")
    assert asked == (400, "KeyTooLongError")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_an_object_call_needs_a_key(http, bucket, method):
    assert await code_of(http, method, OBJECT) == (400, "InvalidArgument")


@pytest.mark.parametrize(
    "body",
    [b'{"method": "POST"}', b'{"expires": 0}', b'{"url": "http://evil"}', b'{"expires": 1.5}'],
)
async def test_a_presigned_url_is_asked_for_strictly(http, bucket, body):
    response, _ = await ask(http, "POST", f"{OBJECT}:presign", query={"key": "k"}, data=body)
    assert response.status == 400


async def test_a_presigned_url_names_the_endpoint_and_its_end(http, bucket):
    _, body = await ask(
        http, "POST", f"{OBJECT}:presign", query={"key": "k"}, data=b'{"expires": 60}'
    )
    answer = json.loads(body)
    assert answer["url"].startswith("http://127.0.0.1:33333/bucket/k?X-Amz-")
    assert "X-Amz-Expires=60&" in answer["url"]
    assert answer["expires_at"] == 60.0
