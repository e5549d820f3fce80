"""Answers of another server, and what a listing makes of them. Behind the proxy is SeaweedFS."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from s3d.agent.core.failures import Reason, Refusal, Unreachable
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import StreamBody
from s3d.agent.s3.model import operations
from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.http_transport import Settings
from s3d.agent.stores.remote.remote_fingerprint import RemoteFingerprint
from s3d.agent.stores.remote.remote_messages import RemoteRequest, RemoteResponse, ResponseBody
from s3d.agent.stores.remote.remote_store import RemoteStore
from s3d.agent.stores.remote.response_proof import Listed, Question
from s3d.agent.stores.remote.response_verifier import proving_call, question_of, read_listing
from s3d.agent.stores.remote.static_credentials import RemoteKey
from tests.agent.stores.remote.conftest import Open
from tests.contract.client import Client
from tests.peers.proxy import Fault, FaultyProxy, Head, Page
from tests.peers.servers import Peer

PORTAL = Fault(page=Page(200))
PLAIN = Fault(strip_headers=("server", "x-amz-request-id"))
"""A remote without identifying headers."""


@pytest.fixture
def s3(faulty: RemoteStore) -> Client:
    """Of a remote whose headers are known."""
    return Client(faulty)


@pytest.fixture
def new(open_remote: Open, faulty_seaweedfs: FaultyProxy) -> Client:
    """Of a remote that has never answered."""
    return Client(open_remote(faulty_seaweedfs.peer))


def targets(proxy: FaultyProxy) -> list[str]:
    return [f"{exchange.head.method} {exchange.head.target}" for exchange in proxy.seen]


def is_put(head: Head) -> bool:
    return head.method == "PUT"


async def unproven(s3: Client, name: str, **members: Any) -> Unreachable:
    error = await s3.refused("ServiceUnavailable", name, **members)
    assert isinstance(error.failure, Unreachable)
    return error.failure


CALLS: list[tuple[str, dict[str, Any]]] = [
    ("GetObject", {"Key": "k"}),
    ("HeadObject", {"Key": "k"}),
    ("PutObject", {"Key": "k", "Body": b"x"}),
    ("DeleteObject", {"Key": "k"}),
    ("ListObjectsV2", {}),
    ("ListObjects", {}),
    ("GetBucketVersioning", {}),
    ("PutBucketVersioning", {"VersioningConfiguration": {"Status": "Enabled"}}),
    ("CopyObject", {"Key": "k", "CopySource": "source/k"}),
    ("DeleteObjects", {"Delete": {"Objects": [{"Key": "k"}]}}),
    ("HeadBucket", {}),
    ("DeleteBucket", {}),
]


@pytest.mark.rule("PROOF-1")
@pytest.mark.finding("F2")
@pytest.mark.finding("F3")
@pytest.mark.parametrize(("name", "members"), CALLS)
@pytest.mark.parametrize("first", [True, False])
async def test_a_portal_is_no_answer(
    s3: Client,
    new: Client,
    faulty_seaweedfs: FaultyProxy,
    new_bucket: str,
    name: str,
    members: dict[str, Any],
    first: bool,
) -> None:
    for status in (200, 204, 302, 403, 404, 511):
        faulty_seaweedfs.heal()
        faulty_seaweedfs.inject(Fault(page=Page(status)), times=math.inf)
        cause = await unproven(new if first else s3, name, Bucket=new_bucket, **members)
        assert (cause.reason, cause.status) == (Reason.UNPROVEN, status)


@pytest.mark.rule("PROOF-2")
@pytest.mark.finding("F2")
async def test_the_health_says_what_answers_instead(
    s3: Client, faulty: RemoteStore, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    faulty_seaweedfs.inject(PORTAL, times=math.inf)
    error = await s3.refused("ServiceUnavailable", "GetObject", Bucket=new_bucket, Key="k")
    assert (
        "another server responds in its place (200, an HTML page titled 'Sign in')" in error.message
    )
    assert faulty.health.error == error.message
    faulty_seaweedfs.heal()
    await s3("ListBuckets")
    assert faulty.health.error == ""


@pytest.mark.rule("PROOF-3")
@pytest.mark.finding("F3")
@pytest.mark.parametrize("status", [200, 403, 404, 413])
async def test_an_answer_to_one_request_alone_says_nothing_about_the_remote(
    s3: Client, faulty: RemoteStore, faulty_seaweedfs: FaultyProxy, new_bucket: str, status: int
) -> None:
    faulty_seaweedfs.inject(Fault(page=Page(status)), when=is_put)
    cause = await unproven(s3, "PutObject", Bucket=new_bucket, Key="k", Body=b"x")
    assert (cause.reason, cause.status, cause.sent) == (Reason.INTERCEPTED, status, True)
    assert faulty.health.error == ""
    await s3.put(new_bucket, "k", b"x")


@pytest.mark.finding("F3")
@pytest.mark.parametrize(
    ("name", "status"),
    [("DeleteObject", 204), ("DeleteObject", 404), ("HeadObject", 404), ("GetObject", 404)],
)
async def test_a_key_that_is_there_is_neither_gone_nor_missing(
    s3: Client, faulty_seaweedfs: FaultyProxy, new_bucket: str, name: str, status: int
) -> None:
    await s3.put(new_bucket, "k", b"x")
    faulty_seaweedfs.inject(Fault(page=Page(status, b"", ())))
    cause = await unproven(s3, name, Bucket=new_bucket, Key="k")
    assert cause.reason is Reason.INTERCEPTED
    assert await s3.read(new_bucket, "k") == b"x"


@pytest.mark.finding("F2")
async def test_the_bytes_of_another_server_reach_nobody(
    s3: Client, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    """A static server: ETag, Last-Modified and Server are there."""
    await s3.put(new_bucket, "k", b"x")
    headers = (("ETag", '"e"'), ("Last-Modified", "Sat, 01 Jan 2022 00:00:00 GMT"),
               ("Server", "nginx"), ("Content-Type", "application/xml"))  # fmt: skip
    faulty_seaweedfs.inject(Fault(page=Page(200, b"other bytes", headers)))
    cause = await unproven(s3, "GetObject", Bucket=new_bucket, Key="k")
    assert cause.reason is Reason.INTERCEPTED


# ------------------------------------------------------------- what it costs


@pytest.mark.rule("PROOF-4")
async def test_a_remote_that_identifies_itself_is_asked_nothing_more(
    new: Client, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    await new.put(new_bucket, "k", b"x")
    assert len(faulty_seaweedfs.seen) == 2
    assert "list-type=2" in faulty_seaweedfs.seen[1].head.target
    faulty_seaweedfs.seen.clear()
    await new.put(new_bucket, "k", b"y")
    assert await new.read(new_bucket, "k") == b"y"
    await new("HeadObject", Bucket=new_bucket, Key="k")
    await new("DeleteObject", Bucket=new_bucket, Key="k")
    assert await new.code("HeadObject", Bucket=new_bucket, Key="k") == "NoSuchKey"
    await new(
        "PutBucketVersioning", Bucket=new_bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    assert len(faulty_seaweedfs.seen) == 6


async def test_a_document_proves_the_first_answer_without_a_listing(
    new: Client, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    assert await new.code("GetObject", Bucket=new_bucket, Key="none") == "NoSuchKey"
    await new("ListObjectsV2", Bucket=new_bucket)
    await new("GetBucketVersioning", Bucket=new_bucket)
    assert len(faulty_seaweedfs.seen) == 3


async def test_what_was_learnt_is_there_after_a_restart(
    faulty_seaweedfs: FaultyProxy, new_bucket: str, tmp_path: Path
) -> None:
    peer = faulty_seaweedfs.peer
    for asked in (2, 1):
        signature = RemoteFingerprint.load(peer.endpoint, tmp_path / "headers.json")
        keys = CredentialProvider(
            region=peer.region, key=RemoteKey(peer.access_key, peer.secret_key)
        )
        store = RemoteStore(Settings(peer.endpoint), keys, fingerprint=signature)
        faulty_seaweedfs.seen.clear()
        await Client(store).put(new_bucket, "k", b"x")
        assert len(faulty_seaweedfs.seen) == asked
        await store.close()


# ------------------------------------------------------------- remotes without headers


@pytest.fixture
def plain(new: Client, faulty_seaweedfs: FaultyProxy) -> Client:
    """Of a remote without identifying headers."""
    faulty_seaweedfs.inject(PLAIN, times=math.inf)
    return new


async def test_a_remote_without_headers_works_at_the_price_of_listings(
    plain: Client, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    await plain.put(new_bucket, "a/ü b", b"x")
    assert await plain.read(new_bucket, "a/ü b") == b"x"
    assert (await plain("HeadObject", Bucket=new_bucket, Key="a/ü b"))["ContentLength"] == 1
    assert len(faulty_seaweedfs.seen) == 6
    assert await plain.code("GetObject", Bucket=new_bucket, Key="none") == "NoSuchKey"
    assert await plain.keys(new_bucket) == ["a/ü b"]
    assert len(faulty_seaweedfs.seen) == 8
    assert await plain.code("HeadObject", Bucket=new_bucket, Key="none") == "NoSuchKey"
    await plain("DeleteObject", Bucket=new_bucket, Key="a/ü b")
    await plain("HeadBucket", Bucket=new_bucket)
    upload = (await plain("CreateMultipartUpload", Bucket=new_bucket, Key="m"))["UploadId"]
    named = {"Bucket": new_bucket, "Key": "m", "UploadId": upload}
    part = await plain("UploadPart", **named, PartNumber=1, Body=b"x")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    await plain("CompleteMultipartUpload", **named, MultipartUpload=parts)
    tags = {"TagSet": [{"Key": "a", "Value": "b"}]}
    await plain("PutObjectTagging", Bucket=new_bucket, Key="m", Tagging=tags)
    assert (await plain("GetObjectTagging", Bucket=new_bucket, Key="m"))["TagSet"] == tags["TagSet"]


async def test_conditions_and_ranges_at_a_remote_without_headers(
    plain: Client, new_bucket: str
) -> None:
    etag = (await plain.put(new_bucket, "k", b"value"))["ETag"]
    named = {"Bucket": new_bucket, "Key": "k"}
    assert (await plain("GetObject", **named, Range="bytes=1-2")).status == 206
    assert (await plain("HeadObject", **named, IfNoneMatch=etag)).status == 304
    assert await plain.code("HeadObject", **named, IfMatch='"other"') == "PreconditionFailed"


async def test_a_version_at_a_remote_without_headers(
    plain: Client, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    status = {"Status": "Enabled"}
    await plain("PutBucketVersioning", Bucket=new_bucket, VersioningConfiguration=status)
    version = (await plain.put(new_bucket, "k", b"1"))["VersionId"]
    await plain.put(new_bucket, "k", b"2")
    named = {"Bucket": new_bucket, "Key": "k", "VersionId": version}
    assert await plain.read(bucket=new_bucket, key="k", VersionId=version) == b"1"
    faulty_seaweedfs.heal()
    faulty_seaweedfs.inject(Fault(page=Page(204)), when=lambda head: head.method == "DELETE")
    faulty_seaweedfs.inject(PLAIN, times=math.inf)
    assert (await unproven(plain, "DeleteObject", **named)).reason is Reason.INTERCEPTED
    await plain("DeleteObject", **named)


@pytest.mark.finding("F2")
@pytest.mark.parametrize(("name", "members"), [call for call in CALLS if call[0] != "HeadBucket"])
async def test_a_page_in_the_place_of_a_remote_without_headers(
    plain: Client,
    faulty_seaweedfs: FaultyProxy,
    new_bucket: str,
    name: str,
    members: dict[str, Any],
) -> None:
    await plain.put(new_bucket, "k", b"old")
    faulty_seaweedfs.heal()
    left = [1]

    def first(_: Head) -> bool:
        return bool(left and left.pop())

    faulty_seaweedfs.inject(PORTAL, when=first)
    faulty_seaweedfs.inject(PLAIN, times=math.inf)
    cause = await unproven(plain, name, Bucket=new_bucket, **members)
    assert cause.reason is Reason.INTERCEPTED
    assert await plain.read(new_bucket, "k") == b"old"


async def test_a_remote_that_stops_to_send_its_headers_is_learnt_again(
    s3: Client, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    await s3.put(new_bucket, "k", b"1")
    faulty_seaweedfs.inject(PLAIN, times=math.inf)
    await s3.put(new_bucket, "k", b"2")
    assert await s3.read(new_bucket, "k") == b"2"
    faulty_seaweedfs.heal()
    await s3.put(new_bucket, "k", b"3")
    faulty_seaweedfs.seen.clear()
    assert await s3.read(new_bucket, "k") == b"3"
    assert len(faulty_seaweedfs.seen) == 1


async def test_a_body_that_was_looked_at_is_whole(
    plain: Client, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    data = bytes(range(256)) * 4096
    await plain.put(new_bucket, "k", data)
    assert await plain.read(new_bucket, "k") == data


async def test_an_upload_that_a_proxy_refuses_at_once_is_unproven(
    s3: Client, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield bytes(100_000)

    faulty_seaweedfs.inject(Fault(page=Page(413)), when=is_put)
    body = StreamBody(pieces(), 2_000_000)
    cause = await unproven(s3, "PutObject", Bucket=new_bucket, Key="k", Body=body)
    assert (cause.reason, cause.status) == (Reason.INTERCEPTED, 413)


async def test_a_page_whose_body_never_comes_is_no_answer(
    s3: Client, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    await s3.put(new_bucket, "k", b"x")
    faulty_seaweedfs.inject(Fault(page=Page(200, missing=1000)))
    with pytest.raises(S3Error):
        await s3.read(new_bucket, "k")


async def test_it_works_before_a_server_that_ignores_conditions(
    open_remote: Open, rclone_s3: Peer, bucket_name: str
) -> None:
    s3 = Client(open_remote(rclone_s3))
    await s3("CreateBucket", Bucket=bucket_name)
    await s3.put(bucket_name, "k", b"x")
    assert await s3.read(bucket_name, "k") == b"x"
    await s3("DeleteObject", Bucket=bucket_name, Key="k")
    assert await s3.code("HeadObject", Bucket=bucket_name, Key="k") == "NoSuchKey"


OPS = operations()
NO_BODY = cast("ResponseBody", None)


def test_a_question_knows_the_version_and_the_etags_that_were_sent() -> None:
    headers = [("if-none-match", '"a", W/"b"'), ("if-match", "bare"), ("x", "y")]
    call = RemoteRequest(OPS["GetObject"], "GET", "b", "k", "partNumber=1&versionId=v%2F1", headers)
    assert question_of(call) == Question(
        OPS["GetObject"], "k", "v/1", frozenset({"bare"}), frozenset({"a", "b"})
    )


@pytest.mark.parametrize(
    ("bucket", "key", "version", "name", "query"),
    [
        ("", "", "", "ListBuckets", ""),
        ("b", "", "", "ListObjectsV2", "encoding-type=url&list-type=2&max-keys=2&prefix="),
        ("b", "a/ü", "", "ListObjectsV2",
         "encoding-type=url&list-type=2&max-keys=2&prefix=a%2F%C3%BC"),
        ("b", "k", "v", "ListObjectVersions",
         "encoding-type=url&max-keys=1000&prefix=k&versions="),
    ],
)  # fmt: skip
def test_what_is_asked(bucket: str, key: str, version: str, name: str, query: str) -> None:
    call = RemoteRequest(OPS["GetObject"], "GET", bucket, key)
    asking = proving_call(call, Question(OPS["GetObject"], key, version))
    assert (asking.op.name, asking.bucket, asking.key, asking.raw_query) == (
        name,
        bucket,
        "",
        query,
    )
    assert asking.may_repeat


def listed(document: bytes, key: str = "k", version: str = "") -> Listed:
    question = Question(OPS["GetObject"], key, version)
    asking = proving_call(RemoteRequest(OPS["GetObject"], "GET", "b", key), question)
    return read_listing(question, asking, RemoteResponse(200, (), NO_BODY), document)


def test_a_listing_shows_the_key_and_not_its_neighbour() -> None:
    row = b"<Contents><Key>%s</Key><ETag>&quot;%s&quot;</ETag></Contents>"
    page = b"<ListBucketResult>%s</ListBucketResult>"
    encoded = b"<ListBucketResult><EncodingType>url</EncodingType>%s</ListBucketResult>"
    both = row % (b"k", b"e") + row % (b"k2", b"f")
    assert listed(page % both) == Listed("", True, frozenset({"e"}))
    assert listed(page % (row % (b"k2", b"f"))) == Listed()
    assert listed(encoded % (row % (b"a%2Bb+c", b"e")), "a+b c").is_there
    assert listed(page % (row % (b"a%2Bb", b"e")), "a%2Bb").is_there
    assert listed(page % b"<Contents><Key>k</Key></Contents>") == Listed("", True)


def test_a_listing_of_versions_shows_the_one_that_was_asked_for() -> None:
    row = b"<Version><Key>k</Key><VersionId>%s</VersionId><ETag>%s</ETag></Version>"
    page = b"<ListVersionsResult>%s</ListVersionsResult>" % (
        row % (b"1", b"e") + row % (b"2", b"f")
    )
    assert listed(page, "k", "1") == Listed("", True, frozenset({"e"}))
    assert listed(page, "k", "3") == Listed()


def test_a_refusal_shows_its_code() -> None:
    asking = RemoteRequest(OPS["ListObjectsV2"], "GET", "b")
    answer = RemoteResponse(404, (), NO_BODY, b"", Refusal(404, "NoSuchBucket"))
    assert read_listing(Question(OPS["GetObject"]), asking, answer, b"") == Listed("NoSuchBucket")
    assert listed(b"<Error><Code>InternalError</Code></Error>") == Listed("InternalError")


@pytest.mark.parametrize("document", [b"", b"<ListBucketResult><Contents><Key>k", b"<html>"])
def test_a_listing_that_makes_no_sense_confirms_nothing(document: bytes) -> None:
    assert listed(document).code
