from __future__ import annotations

import base64
import zlib
from collections.abc import AsyncIterator, Mapping

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, BytesBody, S3Request, S3Response, StreamBody, WireRequest
from s3d.agent.s3.model import UNKNOWN, operations
from s3d.agent.stores.remote.forward import end_to_end, forwarded, split_query
from s3d.agent.stores.remote.loop_detection import HOPS, check_hops
from s3d.agent.stores.remote.remote_store import RemoteStore
from tests.agent.stores.remote.conftest import Open
from tests.contract.client import read
from tests.peers.proxy import FaultyProxy, Head

STREAMED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
SIGNED_BY_CLIENT = (
    ("host", "bucket.s3.localhost:33333"),
    ("authorization", "AWS4-HMAC-SHA256 Credential=LOCAL/..."),
    ("x-amz-date", "20261122T000000Z"),
    ("x-amz-security-token", "local-token"),
    ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
    ("cookie", "a=b"),
)


def wired(
    name: str,
    bucket: str,
    key: str = "",
    *,
    headers: tuple[tuple[str, str], ...] = (),
    query: str = "",
    body: Body | None = None,
) -> S3Request[dict[str, str]]:
    """A request as the S3 endpoint makes it of a client in virtual-host style."""
    op = operations()[name]
    wire = WireRequest(op.method, f"/{key}", query, (*SIGNED_BY_CLIENT, *headers))
    return S3Request(op, {"Bucket": bucket, "Key": key}, body, wire)


async def body_of(response: S3Response[dict[str, str]]) -> bytes:
    assert response.body is not None
    return await read(response.body)


# ------------------------------------------------------------------ what is passed on


@pytest.mark.parametrize(
    ("came", "left"),
    [
        (SIGNED_BY_CLIENT, []),
        ((("connection", "x-one, Close"), ("x-one", "1"), ("x-two", "2")), [("x-two", "2")]),
        ((("te", "trailers"), ("transfer-encoding", "chunked"), ("expect", "100-continue")), []),
        ((("content-length", "99"), ("x-amz-decoded-content-length", "9")), []),
        ((("content-encoding", "aws-chunked"),), []),
        ((("content-encoding", "aws-chunked, gzip"),), [("content-encoding", "gzip")]),
        ((("x-amz-meta-a", "1"), ("x-amz-meta-a", "2")), [("x-amz-meta-a", "1")] * 1
         + [("x-amz-meta-a", "2")]),
        ((("if-match", '"e"'), ("range", "bytes=0-1"), ("x-amz-new", "?")),
         [("if-match", '"e"'), ("range", "bytes=0-1"), ("x-amz-new", "?")]),
    ],
)  # fmt: skip
def test_headers_of_the_way_to_us_end_here(
    came: tuple[tuple[str, str], ...], left: list[tuple[str, str]]
) -> None:
    assert end_to_end(came) == left


@pytest.mark.parametrize(
    ("query", "kept", "hoisted"),
    [
        ("", "", []),
        ("tagging", "tagging", []),
        ("prefix=a+b%2Bc&list-type=2&x=", "prefix=a%20b%2Bc&list-type=2&x=", []),
        ("Expires=1&x-amz-acl=private", "Expires=1&x-amz-acl=private", []),
        ("AWSAccessKeyId=A&Signature=s%2B&Expires=1&versionId=v", "versionId=v", []),
        ("X-Amz-Algorithm=A&X-Amz-Credential=C&X-Amz-Date=D&X-Amz-Expires=1&X-Amz-SignedHeaders=h"
         "&X-Amz-Signature=s&X-Amz-Security-Token=t&response-expires=e", "response-expires=e", []),
        ("X-Amz-Signature=s&x-amz-meta-k=v%20w&x-amz-checksum-crc32=AAAAAA%3D%3D", "",
         [("x-amz-meta-k", "v w")]),
    ],
)  # fmt: skip
def test_the_proof_of_a_presigned_url_ends_here(
    query: str, kept: str, hoisted: list[tuple[str, str]]
) -> None:
    assert split_query(query) == (kept, hoisted)


def test_a_header_wins_over_the_same_in_a_presigned_query() -> None:
    request = wired(
        "PutObject", "b", "k", headers=(("x-amz-acl", "private"),),
        query="X-Amz-Signature=s&x-amz-acl=public-read", body=BytesBody(b"x"),
    )  # fmt: skip
    call = forwarded(request, "me", trailers=True)
    assert [v for k, v in call.headers if k == "x-amz-acl"] == ["private"]


def test_hops_are_counted_and_a_circle_is_refused() -> None:
    me, other, third = "a" * 32, "b" * 32, "c" * 32
    request = wired("GetObject", "b", "k", headers=((HOPS, f"{other}, nobody"),))
    assert (HOPS, f"{other},{me}") in forwarded(request, me, trailers=True).headers
    check_hops(f"{other}, {third}", me)
    with pytest.raises(S3Error, match="leads back to this s3d"):
        forwarded(request, other, trailers=True)


def test_the_clients_sha256_is_kept_since_the_bytes_are_the_same() -> None:
    sha256 = "ab" * 32
    request = wired("PutObject", "b", "k", body=BytesBody(b"x"))
    assert forwarded(request, "me", trailers=True).payload == "UNSIGNED-PAYLOAD"
    assert request.wire is not None
    headers = (*request.wire.headers, ("x-amz-content-sha256", sha256))
    request.wire = WireRequest("PUT", "/k", "", headers)
    assert forwarded(request, "me", trailers=True).payload == sha256


@pytest.mark.parametrize("trailers", [True, False])
def test_a_trailing_checksum_goes_on_as_a_trailer_if_the_remote_takes_one(trailers: bool) -> None:
    headers = (
        ("x-amz-trailer", "x-amz-checksum-crc32"),
        ("x-amz-sdk-checksum-algorithm", "CRC32"),
        ("content-encoding", "aws-chunked,gzip"),
    )
    body = StreamBody(nothing(), 10)
    call = forwarded(wired("PutObject", "b", "k", headers=headers, body=body), "me",
                     trailers=trailers)  # fmt: skip
    sent = dict(call.headers)
    if trailers:
        assert call.payload == STREAMED
        assert sent["x-amz-trailer"] == "x-amz-checksum-crc32"
        assert sent["content-encoding"] == "aws-chunked,gzip"
        assert sent["x-amz-decoded-content-length"] == "10"
    else:
        assert call.length == 10
        assert sent["content-encoding"] == "gzip"
        assert not sent.keys() & {"x-amz-trailer", "x-amz-sdk-checksum-algorithm"}


async def nothing() -> AsyncIterator[bytes]:
    return
    yield b""


# ------------------------------------------------------------------ with a real remote

real = pytest.mark.slow


@real
async def test_what_the_remote_gets(
    faulty: RemoteStore, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    response = await faulty.call(wired("GetObject", new_bucket, "none", query="x-id=GetObject"))
    assert response.wire is not None
    assert response.wire.status == 404
    head = faulty_seaweedfs.seen[-1].head
    assert head.target == f"/{new_bucket}/none?x-id=GetObject"
    assert head["host"] == faulty_seaweedfs.peer.endpoint.removeprefix("http://")
    assert faulty_seaweedfs.peer.access_key in head["authorization"]
    assert head[HOPS] == faulty.agent
    said = head.to_bytes().decode()
    assert "LOCAL" not in said
    assert "local-token" not in said
    assert "cookie" not in said.lower()


@real
async def test_an_object_comes_back_as_it_went(remote: RemoteStore, new_bucket: str) -> None:
    data = bytes(range(256)) * 4096
    headers = (("content-type", "text/x-y"), ("x-amz-meta-k", "v"))
    put = wired(
        "PutObject", new_bucket, "a b/ü+%", headers=headers,
        body=StreamBody(pieces(data), len(data)),
    )  # fmt: skip
    assert (await remote.call(put)).status == 200
    response = await remote.call(wired("GetObject", new_bucket, "a b/ü+%"))
    assert response.wire is not None
    came = dict(response.wire.headers)
    assert (came["content-type"], came["x-amz-meta-k"]) == ("text/x-y", "v")
    assert response.body is not None
    assert response.body.size == len(data)
    assert not came.keys() & {"connection", "transfer-encoding"}
    assert await body_of(response) == data
    part = wired("GetObject", new_bucket, "a b/ü+%", headers=(("range", "bytes=1-3"),))
    response = await remote.call(part)
    assert (response.status, await body_of(response)) == (206, b"\1\2\3")


async def pieces(data: bytes, error: S3Error | None = None) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 100_000):
        yield data[start : start + 100_000]
    if error is not None:
        raise error


@real
@pytest.mark.parametrize("size", [10, 1_000_000])
async def test_a_body_that_turns_out_wrong_is_not_published(
    remote: RemoteStore, new_bucket: str, size: int
) -> None:
    wrong = StreamBody(pieces(bytes(size), S3Error("BadDigest")), size)
    with pytest.raises(S3Error, match="BadDigest"):
        await remote.call(wired("PutObject", new_bucket, "wrong", body=wrong))
    response = await remote.call(wired("HeadObject", new_bucket, "wrong"))
    assert response.status == 404


class Trailed(StreamBody):
    def __init__(self, data: bytes, trailers: Mapping[str, str]) -> None:
        super().__init__(pieces(data), len(data))
        self.trailers = trailers


@real
@pytest.mark.parametrize(("right", "size"), [(True, 0), (True, 2_000_000), (False, 300_000)])
async def test_the_remote_judges_the_trailing_checksum(
    remote: RemoteStore, new_bucket: str, right: bool, size: int
) -> None:
    data = bytes(size)
    crc = zlib.crc32(data if right else b"other").to_bytes(4, "big")
    body = Trailed(data, {"x-amz-checksum-crc32": base64.b64encode(crc).decode()})
    headers = (("x-amz-trailer", "x-amz-checksum-crc32"), ("content-encoding", "aws-chunked"))
    response = await remote.call(
        wired("PutObject", new_bucket, "k", headers=headers, body=body)
    )  # fmt: skip
    assert response.status == (200 if right else 400)
    if right:
        asked = (("x-amz-checksum-mode", "ENABLED"),)
        head = await remote.call(wired("HeadObject", new_bucket, "k", headers=asked))
        assert head.wire is not None
        assert dict(head.wire.headers)["content-length"] == str(size)


@real
async def test_an_error_of_the_remote_comes_back_as_it_is(
    remote: RemoteStore, bucket_name: str
) -> None:
    response = await remote.call(wired("GetObject", bucket_name, "k"))
    assert response.wire is not None
    assert response.wire.status == 404
    assert b"<Code>NoSuchBucket</Code>" in await body_of(response)


@real
async def test_an_operation_that_nobody_knows_passes(
    faulty: RemoteStore, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    wire = WireRequest("PUT", f"/{new_bucket}/k", "brandNew", SIGNED_BY_CLIENT)
    request = S3Request(UNKNOWN, {"Bucket": new_bucket, "Key": "k"}, BytesBody(b"<x/>"), wire)
    response = await faulty.call(request)
    assert response.wire is not None
    assert faulty_seaweedfs.seen[-1].head.first == f"PUT /{new_bucket}/k?brandNew HTTP/1.1"
    assert faulty_seaweedfs.seen[-1].head["content-length"] == "4"


@real
async def test_a_presigned_url_is_signed_anew(
    faulty: RemoteStore, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    query = "X-Amz-Algorithm=x&X-Amz-Signature=abc&X-Amz-Expires=1&x-amz-meta-k=v"
    wire = WireRequest("PUT", f"/{new_bucket}/k", query, (("host", "localhost:33333"),))
    op = operations()["PutObject"]
    request = S3Request(op, {"Bucket": new_bucket, "Key": "k"}, BytesBody(b"x"), wire)
    assert (await faulty.call(request)).status == 200
    head: Head = faulty_seaweedfs.seen[-1].head
    assert (head.target, head["x-amz-meta-k"]) == (f"/{new_bucket}/k", "v")


@real
async def test_a_request_that_comes_round_again_is_refused(
    open_remote: Open, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    zero, one = "0" * 32, "1" * 32
    agent = open_remote(faulty_seaweedfs.peer, agent=one)
    with pytest.raises(S3Error, match="leads back"):
        await agent.call(wired("GetObject", new_bucket, "k", headers=((HOPS, f"{zero},{one}"),)))
    assert not faulty_seaweedfs.seen


@real
async def test_a_name_that_is_no_bucket_goes_nowhere(remote: RemoteStore) -> None:
    with pytest.raises(S3Error, match="InvalidBucketName"):
        await remote.call(wired("GetObject", "other/..", "k"))
