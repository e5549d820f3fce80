"""Before SeaweedFS behind a proxy that refuses what other providers refuse."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import AsyncIterator
from typing import Any

import pytest

from s3d.agent.core.failures import FailureClass, classify
from s3d.agent.s3.checksums import hasher
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, BytesBody, S3Request, StreamBody, WireRequest
from s3d.agent.s3.model import operations
from s3d.agent.s3.refused_headers import OptionalGroup
from s3d.agent.stores.remote.compatibility import Compatibility
from s3d.agent.stores.remote.remote_store import RemoteStore
from tests.contract.client import Client
from tests.peers.proxy import Fault, FaultyProxy, Head, Page

pytestmark = pytest.mark.slow

DATA = b"x" * 100_000
EMPTY = hashlib.sha256(b"").hexdigest()
B2 = "Unsupported header 'x-amz-checksum-crc32' received for this API call."
R2 = "Header 'x-amz-checksum-algorithm' with value 'CRC32' not implemented"


def crc32(data: bytes) -> str:
    running = hasher("CRC32")
    running.update(data)
    return running.b64()


def has(prefix: str, method: str = "") -> Any:
    """Of requests that carry such a header."""

    def matches(head: Head) -> bool:
        named = any(name.lower().startswith(prefix) for name, _ in head.headers)
        return named and method in ("", head.method)

    return matches


def refuse(
    proxy: FaultyProxy, prefix: str, message: str = B2, code: str = "InvalidArgument"
) -> None:
    status = 501 if code == "NotImplemented" else 400
    proxy.inject(Fault(status=status, code=code, message=message), times=math.inf, when=has(prefix))


def wired(
    name: str, bucket: str, body: Body | None, *headers: tuple[str, str], **members: str
) -> Any:
    op = operations()[name]
    own = (("x-amz-content-sha256", "UNSIGNED-PAYLOAD"), *headers)
    wire = WireRequest(op.method, f"/{bucket}/k", "", own)
    return S3Request(op, {"Bucket": bucket, "Key": "k", **members}, body, wire)


async def stream(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 30_000):
        yield data[start : start + 30_000]


def put(bucket: str, data: bytes, checksum: str, *, streamed: bool) -> Any:
    """As a current SDK sends it."""
    body = StreamBody(stream(data), len(data)) if streamed else BytesBody(data)
    headers = (("x-amz-checksum-crc32", checksum), ("x-amz-sdk-checksum-algorithm", "CRC32"))
    return wired("PutObject", bucket, body, *headers, ChecksumCRC32=checksum)


@pytest.fixture
def compatible(faulty: RemoteStore) -> Compatibility:
    return Compatibility(faulty)


@pytest.mark.finding("F4")
@pytest.mark.parametrize("message", [B2, "fault"])
async def test_a_write_goes_on_without_checksum_headers(
    compatible: Compatibility, faulty_seaweedfs: FaultyProxy, new_bucket: str, message: str
) -> None:
    refuse(faulty_seaweedfs, "x-amz-checksum-", message)
    client = Client(compatible)
    md5 = base64.b64encode(hashlib.md5(DATA).digest()).decode()
    for _ in range(2):
        await client(
            "PutObject", Bucket=new_bucket, Key="k", Body=DATA, ContentMD5=md5,
            ChecksumCRC32=crc32(DATA),
        )  # fmt: skip
    assert compatible.quirks.refused == {OptionalGroup.CHECKSUMS}
    sent = [each.head for each in faulty_seaweedfs.seen if each.head.method == "PUT"]
    assert [bool(head["x-amz-checksum-crc32"]) for head in sent] == [True, False, False]
    assert all(head["content-md5"] for head in sent), "the remote still compares the bytes"


@pytest.mark.finding("F4")
async def test_parts_go_on_without_checksum_headers(
    compatible: Compatibility, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    for prefix in ("x-amz-checksum-", "x-amz-sdk-checksum"):
        refuse(faulty_seaweedfs, prefix, R2, "NotImplemented")
    client, place = Client(compatible), {"Bucket": new_bucket, "Key": "k"}
    made = await client("CreateMultipartUpload", **place, ChecksumAlgorithm="CRC32")
    upload = place | {"UploadId": made.output["UploadId"]}
    sent = await client("UploadPart", **upload, PartNumber=1, Body=DATA, ChecksumCRC32=crc32(DATA))
    part = {"PartNumber": 1, "ETag": sent.output["ETag"], "ChecksumCRC32": crc32(DATA)}
    await client("CompleteMultipartUpload", **upload, MultipartUpload={"Parts": [part]})
    assert (await client("GetObject", **place)).body == DATA


@pytest.mark.finding("F4b")
@pytest.mark.parametrize("name", ["GetObject", "HeadObject"])
@pytest.mark.parametrize("message", ["Unsupported header 'x-amz-checksum-mode'", "fault"])
@pytest.mark.parametrize("verbatim", [True, False])
async def test_a_read_goes_on_without_the_checksum_mode(
    compatible: Compatibility, faulty_seaweedfs: FaultyProxy, new_bucket: str, name: str,
    message: str, verbatim: bool,
) -> None:  # fmt: skip
    client = Client(compatible)
    await client("PutObject", Bucket=new_bucket, Key="k", Body=DATA)
    refuse(faulty_seaweedfs, "x-amz-checksum-mode", message)
    request = (
        wired(name, new_bucket, None, ("x-amz-checksum-mode", "ENABLED"), ChecksumMode="ENABLED")
        if verbatim
        else S3Request(
            operations()[name], {"Bucket": new_bucket, "Key": "k", "ChecksumMode": "ENABLED"}
        )
    )
    for _ in range(2):
        response = await compatible.call(request)
        assert response.wire is None or response.wire.status == 200
        if response.body is not None:
            await response.body.aclose()
    assert compatible.quirks.refused == {OptionalGroup.CHECKSUM_MODE}
    sent = [each.head["x-amz-checksum-mode"] for each in faulty_seaweedfs.seen[1:]]
    assert sent == ["ENABLED", "", ""]


@pytest.mark.finding("F4")
async def test_a_forwarded_body_is_asked_for_again(
    compatible: Compatibility, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    refuse(faulty_seaweedfs, "x-amz-checksum-")
    with pytest.raises(S3Error) as caught:
        await compatible.call(put(new_bucket, DATA, crc32(DATA), streamed=True))
    assert (caught.value.status, classify(caught.value)) == (503, FailureClass.TRANSIENT)
    response = await compatible.call(put(new_bucket, DATA, crc32(DATA), streamed=True))
    assert response.wire is not None
    assert response.wire.status == 200
    found = await Client(compatible)("GetObject", Bucket=new_bucket, Key="k")
    assert found.body == DATA


@pytest.mark.rule("REMOTE-1")
@pytest.mark.finding("F4")
@pytest.mark.parametrize("streamed", [True, False])
async def test_what_the_remote_does_not_compare_is_compared_here(
    compatible: Compatibility, faulty_seaweedfs: FaultyProxy, new_bucket: str, streamed: bool
) -> None:
    refuse(faulty_seaweedfs, "x-amz-checksum-")
    compatible.quirks.refused.add(OptionalGroup.CHECKSUMS)
    with pytest.raises(S3Error, match="BadDigest"):
        await compatible.call(put(new_bucket, DATA, crc32(b"other"), streamed=streamed))


@pytest.mark.rule("REMOTE-1")
@pytest.mark.finding("F4")
@pytest.mark.parametrize("streamed", [True, False])
async def test_other_bytes_at_the_remote_are_no_success(
    compatible: Compatibility, faulty_seaweedfs: FaultyProxy, new_bucket: str, streamed: bool
) -> None:
    compatible.quirks.refused.add(OptionalGroup.CHECKSUMS)
    faulty_seaweedfs.inject(Fault(swap_etag=True), times=math.inf)
    with pytest.raises(S3Error, match="BadDigest: The remote stored other bytes"):
        await compatible.call(put(new_bucket, DATA, crc32(DATA), streamed=streamed))


async def test_another_refusal_is_passed_on_and_teaches_nothing(
    compatible: Compatibility, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    faulty_seaweedfs.inject(Fault(status=400, code="InvalidArgument"), times=math.inf)
    response = await compatible.call(put(new_bucket, DATA, crc32(DATA), streamed=False))
    assert response.wire is not None
    assert response.wire.status == 400
    assert not compatible.quirks.refused
    assert len(faulty_seaweedfs.seen) == 2


@pytest.mark.parametrize(
    ("code", "expected"),
    [("NoSuchBucket", "OperationAborted"), ("BucketAlreadyExists", "BucketAlreadyExists")],
)
async def test_a_bucket_that_is_created_can_be_no_missing_bucket(
    compatible: Compatibility,
    faulty_seaweedfs: FaultyProxy,
    bucket_name: str,
    code: str,
    expected: str,
) -> None:
    status = 404 if code == "NoSuchBucket" else 409
    faulty_seaweedfs.inject(Fault(status=status, code=code), times=math.inf)
    assert await Client(compatible).code("CreateBucket", Bucket=bucket_name) == expected
    op = operations()["CreateBucket"]
    wire = WireRequest("PUT", f"/{bucket_name}", "", (("x-amz-content-sha256", EMPTY),))
    request: Any = S3Request(op, {"Bucket": bucket_name}, None, wire)
    if code == "NoSuchBucket":
        with pytest.raises(S3Error) as caught:
            await compatible.call(request)
        assert caught.value.code == expected
    else:
        response = await compatible.call(request)
        assert response.wire is not None
        assert response.wire.status == status


@pytest.mark.finding("S8")
async def test_the_order_of_a_listing_is_learnt_from_it(
    compatible: Compatibility, new_bucket: str
) -> None:
    client = Client(compatible)
    await client("PutObject", Bucket=new_bucket, Key="a-b", Body=b"1")
    await client("ListObjectsV2", Bucket=new_bucket)
    assert (compatible.quirks.listing_order, compatible.quirks.limitations) == ("", [])
    await client("PutObject", Bucket=new_bucket, Key="a/b", Body=b"1")
    await client("ListObjectsV2", Bucket=new_bucket)
    assert (compatible.quirks.listing_order, compatible.quirks.limitations) == (
        "other",
        ["listing_order"],
    )


@pytest.mark.finding("F4")
async def test_a_document_has_another_digest_then(
    compatible: Compatibility, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    """S3 refuses DeleteObjects without any."""
    refuse(faulty_seaweedfs, "x-amz-checksum-")
    data = b"<Delete><Object><Key>k</Key></Object></Delete>"
    wire = WireRequest(
        "POST", f"/{new_bucket}", "delete=", (("x-amz-checksum-crc32", crc32(data)),)
    )
    members = {"Bucket": new_bucket, "Delete": {"Objects": [{"Key": "k"}]}}
    request = S3Request(operations()["DeleteObjects"], members, BytesBody(data), wire)
    response = await compatible.call(request)
    assert response.wire is not None
    assert response.wire.status == 200
    assert [bool(each.head["content-md5"]) for each in faulty_seaweedfs.seen] == [False, True]


@pytest.mark.finding("F4")
async def test_documents_of_the_agents_own_have_the_digest_that_every_server_takes(
    compatible: Compatibility, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    refuse(faulty_seaweedfs, "x-amz-checksum-")
    s3 = Client(compatible)
    await s3.put(new_bucket, "k", b"1")
    await s3("DeleteObjects", Bucket=new_bucket, Delete={"Objects": [{"Key": "k"}]})
    assert await s3.keys(new_bucket) == []
    (head,) = [each.head for each in faulty_seaweedfs.seen if each.head.method == "POST"]
    assert head["content-md5"]


@pytest.mark.finding("F4b")
async def test_a_bare_refusal_of_head_is_asked_again_and_teaches_nothing(
    compatible: Compatibility, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    s3 = Client(compatible)
    await s3.put(new_bucket, "k", DATA)
    fault = Fault(page=Page(400, b"", ()))
    faulty_seaweedfs.inject(fault, times=math.inf, when=has("x-amz-checksum-mode"))
    for _ in range(2):
        found = await s3("HeadObject", Bucket=new_bucket, Key="k", ChecksumMode="ENABLED")
        assert found["ContentLength"] == len(DATA)
    assert not compatible.quirks.refused


@pytest.mark.rule("REMOTE-7")
async def test_a_folder_without_an_object_of_its_name_is_no_object(
    remote: RemoteStore, new_bucket: str
) -> None:
    store = Compatibility(remote)
    s3 = Client(store)
    await s3.put(new_bucket, "folder/k", DATA)
    for name in ("GetObject", "HeadObject"):
        error = await s3.refused("NoSuchKey", name, Bucket=new_bucket, Key="folder/")
        assert (error.status, classify(error)) == (404, FailureClass.PERMANENT)
        op, own = operations()[name], (("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),)
        wire = WireRequest(op.method, f"/{new_bucket}/folder/", "", own)
        with pytest.raises(S3Error, match="NoSuchKey"):
            await store.call(S3Request(op, {"Bucket": new_bucket, "Key": "folder/"}, None, wire))
    await s3.put(new_bucket, "folder/", b"")
    assert (await s3("HeadObject", Bucket=new_bucket, Key="folder/"))["ContentLength"] == 0
    assert await s3.read(new_bucket, "folder/") == b""
