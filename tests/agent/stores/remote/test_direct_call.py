from __future__ import annotations

import base64
import hashlib
import math
import os
import subprocess
import sys
import zlib
from collections.abc import AsyncIterator
from contextlib import closing
from typing import Any

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.core.failures import Refused
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, StreamBody
from s3d.agent.s3.model import operations
from s3d.agent.stores.remote.direct_call import can_send
from s3d.agent.stores.remote.remote_store import RemoteStore
from tests.contract.client import Client
from tests.gateway.conftest import peer_client, remote_settings
from tests.peers.dialects import without_quotes, without_token
from tests.peers.proxy import Drop, Fault, FaultyProxy, Page

pytestmark = pytest.mark.slow


async def pieces(*data: bytes, error: S3Error | None = None) -> AsyncIterator[bytes]:
    for each in data:
        yield each
    if error is not None:
        raise error


@pytest.fixture
def s3(remote: RemoteStore) -> Client:
    return Client(remote)


async def test_members_go_and_come_back(s3: Client, new_bucket: str) -> None:
    given = {
        "ContentType": "text/x-y",
        "CacheControl": "no-cache",
        "Metadata": {"k": "v w"},
        "Tagging": "a=b",
    }
    put = await s3.put(new_bucket, "ü/a b+%&", b"hello", **given)
    md5 = hashlib.md5(b"hello", usedforsecurity=False).hexdigest()
    assert put["ETag"] == f'"{md5}"'
    got = await s3("GetObject", Bucket=new_bucket, Key="ü/a b+%&")
    assert (got.body, got.status) == (b"hello", 200)
    assert {k: got[k] for k in given if k != "Tagging"} == {
        k: v for k, v in given.items() if k != "Tagging"
    }
    tags = await s3("GetObjectTagging", Bucket=new_bucket, Key="ü/a b+%&")
    assert tags["TagSet"] == [{"Key": "a", "Value": "b"}]


async def test_ranges_conditions_and_errors(s3: Client, new_bucket: str) -> None:
    etag = (await s3.put(new_bucket, "k", b"0123456789"))["ETag"]
    part = await s3("GetObject", Bucket=new_bucket, Key="k", Range="bytes=2-4")
    assert (part.body, part.status, part["ContentRange"]) == (b"234", 206, "bytes 2-4/10")
    same = await s3("GetObject", Bucket=new_bucket, Key="k", IfNoneMatch=etag)
    assert (same.status, same.body) == (304, b"")
    error = await s3.refused("PreconditionFailed", "GetObject", Bucket=new_bucket, Key="k",
                             IfMatch='"other"')  # fmt: skip
    assert isinstance(error.failure, Refused)
    assert error.failure.refusal.status == 412
    await s3.refused("PreconditionFailed", "HeadObject", Bucket=new_bucket, Key="k", IfMatch='"x"')
    await s3.refused("NoSuchKey", "GetObject", Bucket=new_bucket, Key="none")
    await s3.refused("NoSuchKey", "HeadObject", Bucket=new_bucket, Key="none")
    await s3.refused("PreconditionFailed", "PutObject", Bucket=new_bucket, Key="k", Body=b"x",
                     IfNoneMatch="*")  # fmt: skip
    await s3("DeleteObject", Bucket=new_bucket, Key="k")
    await s3.refused("NoSuchKey", "GetObject", Bucket=new_bucket, Key="k")


async def test_parts_make_an_object(s3: Client, new_bucket: str) -> None:
    where = {"Bucket": new_bucket, "Key": "big"}
    upload = (await s3("CreateMultipartUpload", **where))["UploadId"]
    data = [bytes(5 << 20), b"end"]
    parts = []
    for number, body in enumerate(data, 1):
        stream = StreamBody(pieces(body), len(body))
        part = await s3("UploadPart", **where, UploadId=upload, PartNumber=number, Body=stream)
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    await s3("CompleteMultipartUpload", **where, UploadId=upload, MultipartUpload={"Parts": parts})
    assert await s3.read(new_bucket, "big") == b"".join(data)


async def test_a_known_sha256_is_signed_so_that_a_wrong_body_is_refused(
    s3: Client, new_bucket: str
) -> None:
    right = base64.b64encode(hashlib.sha256(b"data").digest()).decode()
    await s3.put(new_bucket, "k", b"data", ChecksumSHA256=right)
    with pytest.raises(S3Error):
        await s3.put(new_bucket, "k", b"DATA", ChecksumSHA256=right)
    assert await s3.read(new_bucket, "k") == b"data"


@pytest.mark.parametrize("size", [0, 10, 200_000])
async def test_a_checksum_that_is_only_asked_for_is_made_on_the_way(
    faulty: RemoteStore, faulty_seaweedfs: FaultyProxy, new_bucket: str, size: int
) -> None:
    data = bytes(size)
    put = await Client(faulty).put(
        new_bucket, "k", StreamBody(pieces(data), size), ChecksumAlgorithm="CRC32"
    )
    crc = base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
    assert put["ChecksumCRC32"] == crc
    assert faulty_seaweedfs.seen[-1].head["x-amz-trailer"] == "x-amz-checksum-crc32"
    assert await Client(faulty).read(new_bucket, "k") == data


@pytest.mark.parametrize(
    ("name", "members"), [("ListObjectsV2", {"Prefix": "k"}), ("GetObjectTagging", {"Key": "k"})]
)
async def test_a_document_that_breaks_off_is_asked_for_once_more(
    faulty: RemoteStore, faulty_seaweedfs: FaultyProxy, new_bucket: str, name: str, members: Any
) -> None:
    s3 = Client(faulty)
    await s3.put(new_bucket, "k")
    expected = (await s3(name, Bucket=new_bucket, **members)).output
    faulty_seaweedfs.inject(Fault(truncate=50))
    faulty_seaweedfs.seen.clear()
    assert (await s3(name, Bucket=new_bucket, **members)).output == expected
    assert len(faulty_seaweedfs.seen) == 2
    faulty_seaweedfs.inject(Fault(truncate=50))
    faulty_seaweedfs.inject(Fault(truncate=50))
    await s3.refused("ServiceUnavailable", name, Bucket=new_bucket, **members)


@pytest.mark.parametrize("size", [0, 10, 3_000_000])
async def test_a_body_of_unknown_size_is_sent_with_its_size(
    faulty: RemoteStore, faulty_seaweedfs: FaultyProxy, new_bucket: str, size: int
) -> None:
    await Client(faulty).put(new_bucket, "k", StreamBody(pieces(bytes(size))))
    assert faulty_seaweedfs.seen[-1].head["content-length"] == str(size)
    assert await Client(faulty).read(new_bucket, "k") == bytes(size)


@pytest.mark.parametrize("size", [10, 1_000_000])
async def test_a_body_that_turns_out_wrong_is_not_published(
    s3: Client, new_bucket: str, size: int
) -> None:
    wrong = StreamBody(pieces(bytes(size), error=S3Error("BadDigest")), size)
    await s3.refused("BadDigest", "PutObject", Bucket=new_bucket, Key="k", Body=wrong)
    await s3.refused("NoSuchKey", "HeadObject", Bucket=new_bucket, Key="k")


async def test_a_member_that_no_header_can_hold_is_refused(s3: Client, new_bucket: str) -> None:
    await s3.refused("InvalidArgument", "PutObject", Bucket=new_bucket, Key="k", Body=b"",
                     Metadata={"k": "a\r\nx-amz-acl: public-read"})  # fmt: skip


async def test_a_read_after_an_empty_put_is_answered(s3: Client, new_bucket: str) -> None:
    """SeaweedFS has been seen to fall silent on a connection after an empty PUT."""
    for number in range(5):
        await s3.put(new_bucket, f"k{number}", b"")
        head = await s3("HeadObject", Bucket=new_bucket, Key=f"k{number}")
        assert head["ContentLength"] == 0


KEYS = ["a", "a b", "a%2Fb", "a+b", "d/ä", "d/\u0001", "e/f/g", "z"]


@pytest.fixture
def bucket(seaweedfs, bucket_name):
    assert seaweedfs.ask("PUT", f"/{bucket_name}") == 200
    with closing(peer_client(seaweedfs)) as client:
        for key in KEYS:
            client.put_object(Bucket=bucket_name, Key=key, Body=b"1")
    return bucket_name


@pytest.mark.parametrize(
    "members",
    [{}, {"Prefix": "a "}, {"Delimiter": "/"}, {"MaxKeys": 2}, {"StartAfter": "a+b"},
     {"Prefix": "d/", "Delimiter": "/"}, {"EncodingType": "url"}],
)  # fmt: skip
async def test_a_page_is_as_boto3_has_it(open_remote, seaweedfs, bucket, members):
    store = open_remote(seaweedfs)
    request = S3Request(operations()["ListObjectsV2"], {"Bucket": bucket, **members})
    found = (await store.call(request)).output
    with closing(peer_client(seaweedfs)) as client:
        wanted = client.list_objects_v2(Bucket=bucket, **members)
    del wanted["ResponseMetadata"]
    if "EncodingType" not in members:
        wanted.pop("EncodingType", None)
    found.pop("NextContinuationToken", None)
    wanted.pop("NextContinuationToken", None)
    assert found == wanted


async def test_buckets_are_as_boto3_has_them(open_remote, seaweedfs, new_bucket):
    store = Client(open_remote(seaweedfs))
    listed = (await store("ListBuckets"))["Buckets"]
    with closing(peer_client(seaweedfs)) as client:
        expected = client.list_buckets()["Buckets"]
    own = [[row for row in rows if row["Name"] == new_bucket] for rows in (listed, expected)]
    assert own[0] == own[1] != []
    assert (await store("HeadBucket", Bucket=new_bucket)).status == 200
    error = await store.refused("NoSuchBucket", "HeadBucket", Bucket=f"{new_bucket}-none")
    assert error.status == 404


def test_what_a_mount_needs_at_its_start_does_without_botocore(seaweedfs, bucket):
    code = """
import asyncio, sys
from s3d.agent.core.client import S3Client
from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.http_transport import Settings
from s3d.agent.stores.remote.direct_call import can_send
from s3d.agent.stores.remote.remote_store import RemoteStore

async def run(url, bucket):
    store = RemoteStore(Settings(url), CredentialProvider())
    client = S3Client(store)
    await client.buckets()
    await client.output("HeadBucket", {"Bucket": bucket})
    assert (await client.page(bucket, limit=10)).objects
    assert await client.head(bucket, "z")
    await store.close()

asyncio.run(run(*sys.argv[1:]))
print([name for name in sys.modules if name.startswith(("aioboto", "aiobotocore", "boto"))])
"""
    env = {**os.environ, **remote_settings(seaweedfs)}
    command = [sys.executable, "-c", code, seaweedfs.endpoint, bucket]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_a_page_without_an_answer_is_asked_for_again(faulty, faulty_seaweedfs, bucket):
    request = S3Request(operations()["ListObjectsV2"], {"Bucket": bucket})
    before = (await faulty.call(request)).output
    faulty_seaweedfs.inject(Fault(drop=Drop.AFTER))
    assert (await faulty.call(request)).output == before


@pytest.mark.rule("REMOTE-6")
@pytest.mark.finding("F6")
async def test_an_etag_is_the_same_in_a_listing_and_in_headers(faulty, faulty_seaweedfs, bucket):
    faulty_seaweedfs.inject(Fault(edit_xml=without_quotes), times=math.inf)
    objects = S3Client(faulty)
    listed = await objects.page(bucket, limit=1_000)
    headers = [await objects.head(bucket, info.key) for info in listed.objects]
    assert [info.etag for info in listed.objects] == [info.etag for info in headers if info]


@pytest.mark.rule("REMOTE-2")
@pytest.mark.finding("F7")
async def test_a_listing_that_stops_in_the_middle_is_not_whole(faulty, faulty_seaweedfs, bucket):
    faulty_seaweedfs.inject(Fault(edit_xml=without_token), times=math.inf)
    found = S3Client(faulty)
    with pytest.raises(S3Error, match="truncated but has no continuation token"):
        await found.page(bucket, limit=3)
    with pytest.raises(S3Error, match="truncated but has no continuation token"):
        await found.versions(bucket, limit=3)
    assert not (await found.page(bucket, limit=1_000)).cursor


LATE = (
    b"""  <?xml version="1.0"?><Error><Code>InternalError</Code><Message>late</Message></Error>"""
)


@pytest.mark.parametrize("code", ["InternalError", "NoSuchUpload"])
async def test_an_error_after_status_200_is_an_error(
    faulty: RemoteStore, faulty_seaweedfs: FaultyProxy, new_bucket: str, code: str
) -> None:
    page = Page(200, LATE.replace(b"InternalError", code.encode()))
    faulty_seaweedfs.inject(Fault(page=page))
    parts = {"Parts": [{"PartNumber": 1, "ETag": '"e"'}]}
    upload = {"Bucket": new_bucket, "Key": "k", "UploadId": "u", "MultipartUpload": parts}
    error = await Client(faulty).refused(code, "CompleteMultipartUpload", **upload)
    assert isinstance(error.failure, Refused)
    assert error.failure.refusal.status == 500


@pytest.mark.parametrize(
    ("name", "bucket", "expected"),
    [
        ("PutBucketTagging", "b", True),
        ("CompleteMultipartUpload", "b", True),
        ("GetObjectTorrent", "b", True),
        ("SelectObjectContent", "b", False),
        ("ListDirectoryBuckets", "", False),
        ("PutBucketTagging", "b--use1-az4--x-s3", False),
    ],
)
def test_only_sessions_and_event_streams_need_aioboto3(
    name: str, bucket: str, expected: bool
) -> None:
    assert can_send(S3Request(operations()[name], {"Bucket": bucket})) is expected
