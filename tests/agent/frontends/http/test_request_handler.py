"""The way of one request through the endpoint."""

from __future__ import annotations

import asyncio
import hashlib
from base64 import b64encode
from typing import Any

import pytest

from s3d.agent.core.store import Answer, Completed, TerminalStore, operation
from s3d.agent.s3.messages import S3Request, S3Response
from s3d.agent.stores.local.store import LocalStore
from tests.agent.frontends.http.wire import ACCESS_KEY, RunningEndpoint, opened


class Seen(TerminalStore):
    """Keeps the last request, also of what S3 does not know."""

    def __init__(self) -> None:
        super().__init__()
        self.request: S3Request[Any] | None = None

    def call(self, request: S3Request[Any]) -> Answer:
        self.request = request
        return super().call(request)

    @operation("PutObject")
    async def put_object(self, request: S3Request) -> S3Response:
        assert request.body is not None
        return S3Response({"ETag": str([piece async for piece in request.body])})

    @operation("PutBucketTagging")
    def put_bucket_tagging(self, request: S3Request) -> Completed:
        return Completed(S3Response({}))


async def test_a_request_carries_who_what_and_how_it_came() -> None:
    store = Seen()
    async with opened(store) as endpoint:
        answer = await endpoint.ask("PUT", "/bucket/a%20b?x-id=PutObject", b"x", x_amz_meta_a="1")
    request = store.request
    assert request is not None
    assert request.op.name == "PutObject"
    assert (request.bucket, request.key, request.input["Metadata"]) == ("bucket", "a b", {"a": "1"})
    assert request.context.principal is not None
    assert request.context.principal.access_key_id == ACCESS_KEY
    assert request.context.request_id == answer.headers["x-amz-request-id"]
    assert request.wire is not None
    assert (request.wire.raw_path, request.wire.raw_query) == ("/bucket/a%20b", "x-id=PutObject")
    assert ("x-amz-meta-a", "1") in request.wire.headers


async def test_a_document_goes_along_as_it_came() -> None:
    store = Seen()
    tags = b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
    async with opened(store) as endpoint:
        assert (await endpoint.ask("PUT", "/bucket?tagging", tags)).status == 204
    assert store.request is not None
    assert store.request.input["Tagging"] == {"TagSet": [{"Key": "a", "Value": "b"}]}
    assert store.request.body is not None
    assert [piece async for piece in store.request.body] == [tags]


async def test_what_nobody_knows_reaches_the_store_with_bucket_and_key() -> None:
    store = Seen()
    async with opened(store) as endpoint:
        assert (await endpoint.ask("POST", "/bucket/k?frobnicate")).status == 501
    assert store.request is not None
    assert (store.request.op.name, store.request.bucket, store.request.key) == ("", "bucket", "k")


async def test_without_signatures_nobody_is_the_principal(store: LocalStore) -> None:
    seen = Seen()
    async with opened(seen, auth=False) as endpoint, endpoint.wire() as wire:
        head = f"PUT /bucket/k HTTP/1.1\r\nHost: {endpoint.host}\r\nContent-Length: 1\r\n\r\nx"
        assert (await wire.ask(head.encode())).status == 200
    assert seen.request is not None
    assert seen.request.context.principal is None


@pytest.mark.parametrize("path", ["/", "/bucket", "/bucket/k", "/bucket?list-type=2"])
async def test_anonymous_is_refused_alike_whatever_is_there(
    endpoint: RunningEndpoint, path: str
) -> None:
    async with endpoint.wire() as wire:
        head = f"GET {path} HTTP/1.1\r\nHost: {endpoint.host}\r\n\r\n".encode()
        answer = await wire.ask(head)
        assert (answer.status, answer.code) == (403, "AccessDenied")


async def test_a_hit_makes_no_task(
    endpoint: RunningEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with endpoint.wire() as wire:
        await wire.ask(endpoint.request("GET", "/bucket/k"))
        made: list[str] = []
        loop = asyncio.get_running_loop()
        create = loop.create_task

        def counted(coroutine: Any, **named: Any) -> asyncio.Task[Any]:
            made.append(named.get("name", ""))
            return create(coroutine, **named)

        monkeypatch.setattr(loop, "create_task", counted)
        for method, path in [("GET", "/bucket/k"), ("HEAD", "/bucket/k"), ("GET", "/bucket/none")]:
            await wire.ask(endpoint.request(method, path), method)
        assert "s3 request" not in made


async def test_a_long_document_is_checked_and_read(endpoint: RunningEndpoint) -> None:
    keys = "".join(f"<Object><Key>{n:0900}</Key></Object>" for n in range(100))
    document = f"<Delete>{keys}</Delete>".encode()
    md5 = b64encode(hashlib.md5(document).digest()).decode()
    answer = await endpoint.ask("POST", "/bucket?delete", document, content_md5=md5)
    assert (answer.status, answer.body.count(b"<Deleted>")) == (200, 100)


async def test_a_store_that_reads_nothing_leaves_the_connection_usable() -> None:
    class Deaf(TerminalStore):
        @operation("PutObject")
        async def put_object(self, request: S3Request) -> S3Response:
            return S3Response({"ETag": '"e"'})

    async with opened(Deaf()) as endpoint, endpoint.wire() as wire:
        for size in (10, 200_000, 10):
            assert (await wire.ask(endpoint.request("PUT", "/bucket/k", b"x" * size))).status == 200


@pytest.mark.finding("user-8")
@pytest.mark.parametrize("host", ["", "bucket.s3.localhost:80"])
async def test_the_location_of_a_completed_upload_is_the_url_of_the_object(
    endpoint: RunningEndpoint, host: str
) -> None:
    path = "/a%20b/%C3%A9" if host else "/bucket/a%20b/%C3%A9"
    further = {"host": host} if host else {}
    begun = (await endpoint.ask("POST", f"{path}?uploads", **further)).body
    upload = begun.partition(b"<UploadId>")[2].partition(b"<")[0].decode()
    part = await endpoint.ask("PUT", f"{path}?partNumber=1&uploadId={upload}", b"part", **further)
    listed = f"<Part><PartNumber>1</PartNumber><ETag>{part.headers['etag']}</ETag></Part>"
    document = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
    for _ in range(2):
        answer = await endpoint.ask("POST", f"{path}?uploadId={upload}", document, **further)
        location = answer.body.partition(b"<Location>")[2].partition(b"<")[0].decode()
        assert location == f"http://{host or endpoint.host}{path}"
