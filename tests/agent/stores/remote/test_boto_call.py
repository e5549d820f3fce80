from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from s3d.agent.core.failures import Reason, Unreachable
from s3d.agent.s3.messages import S3Request
from s3d.agent.s3.model import operations
from s3d.agent.stores.remote.boto_call import BotoCaller, for_boto, from_boto
from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.http_transport import Settings
from s3d.agent.stores.remote.loop_detection import HOPS, ViaTracker
from s3d.agent.stores.remote.remote_connection import RemoteConnection
from s3d.agent.stores.remote.remote_store import RemoteStore
from s3d.agent.stores.remote.static_credentials import RemoteKey
from tests.contract.client import Client
from tests.peers.proxy import Drop, Fault, FaultyProxy, Page, Partition

META = {"ResponseMetadata": {"HTTPStatusCode": 200}}


def answered(name: str, given: dict[str, Any], **answer: Any) -> Any:
    return from_boto(S3Request(operations()[name], given), {**answer, **META}).output


def test_a_copy_source_is_not_encoded_twice() -> None:
    given = {"CopySource": "bucket/a%20b%2Bc?versionId=v", "Key": "k", "IfMatch": None}
    assert for_boto("CopyObject", given) == {
        "CopySource": {"Bucket": "bucket", "Key": "a b+c", "VersionId": "v"},
        "Key": "k",
    }


def test_what_is_said_of_the_clients_document_is_not_said_of_ours() -> None:
    given = {"ContentMD5": "x", "ChecksumAlgorithm": "CRC32", "Bucket": "b"}
    assert for_boto("DeleteObjects", given) == {"Bucket": "b"}
    assert for_boto("CreateMultipartUpload", {"ChecksumAlgorithm": "CRC32"}) == {
        "ChecksumAlgorithm": "CRC32"
    }


class Recorder:
    """In the place of aioboto3's client."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    async def create_bucket(self, **given: Any) -> dict[str, Any]:
        self.asked = given
        return {**META}


@pytest.mark.parametrize(
    ("url", "region", "constraint"),
    [
        ("aws", "eu-central-1", "eu-central-1"),
        ("https://s3.eu-west-1.amazonaws.com", "eu-west-1", "eu-west-1"),
        ("aws", "us-east-1", None),
        ("http://127.0.0.1:9", "eu-central-1", None),
    ],
)
async def test_a_new_bucket_is_placed_where_the_settings_say(
    url: str, region: str, constraint: str | None
) -> None:
    chain = CredentialProvider(region=region, key=RemoteKey("key", "secret"))
    connection, recorder = RemoteConnection(Settings(url), chain), Recorder()
    invoker = BotoCaller(connection, ViaTracker("me"))
    invoker._client, invoker._names = recorder, {"CreateBucket": "create_bucket"}
    invoker._boto = SimpleNamespace(ERRORS=())
    await invoker.send(S3Request(operations()["CreateBucket"], {"Bucket": "bucket"}))
    placed = recorder.asked.get("CreateBucketConfiguration", {})
    assert placed.get("LocationConstraint") == constraint


def test_the_encoding_that_botocore_asked_for_by_itself_is_not_told() -> None:
    assert answered("ListObjectsV2", {}, EncodingType="url", KeyCount=0) == {"KeyCount": 0}
    asked = {"EncodingType": "url"}
    assert answered("ListObjectsV2", asked, EncodingType="url") == asked


def test_aioboto3_is_not_imported_before_it_is_needed() -> None:
    import subprocess

    code = (
        "import sys, s3d.agent.stores.remote.remote_store;"
        "sys.exit(any(m.startswith(('aioboto3', 'aiobotocore', 'botocore')) for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ------------------------------------------------------------------ with a real remote

real = pytest.mark.slow


class OnlyBoto:
    """A store whose requests all go through aioboto3."""

    def __init__(self, remote: RemoteStore) -> None:
        self.call = remote._boto.send


@pytest.fixture
def s3(faulty: RemoteStore) -> Client:
    return Client(OnlyBoto(faulty))


@real
async def test_settings_go_and_come_back(s3: Client, new_bucket: str) -> None:
    tags = {"TagSet": [{"Key": "a", "Value": "b"}]}
    await s3("PutBucketTagging", Bucket=new_bucket, Tagging=tags)
    assert (await s3("GetBucketTagging", Bucket=new_bucket))["TagSet"] == tags["TagSet"]
    answer = await s3("DeleteBucketTagging", Bucket=new_bucket)
    assert answer.status == 204
    await s3.refused("NoSuchTagSet", "GetBucketTagging", Bucket=new_bucket)


@real
async def test_every_call_has_passed_us(
    s3: Client, faulty: RemoteStore, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    await s3("ListObjectsV2", Bucket=new_bucket)
    assert faulty_seaweedfs.seen[-1].head[HOPS] == faulty.agent


@real
async def test_deletes_of_many_keys(s3: Client, new_bucket: str) -> None:
    keys = ["a b", "ü+", "c&<d>"]
    for key in keys:
        await s3.put(new_bucket, key, b"x")
    objects = {"Objects": [{"Key": key} for key in keys]}
    answer = await s3("DeleteObjects", Bucket=new_bucket, Delete=objects)
    assert sorted(answer.names("Deleted", "Key")) == sorted(keys)
    assert await s3.keys(new_bucket) == []


@real
async def test_a_listing_without_an_answer_is_asked_again(
    s3: Client, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    await s3.put(new_bucket, "k", b"x")
    before = (await s3("ListObjects", Bucket=new_bucket)).output["Contents"]
    faulty_seaweedfs.inject(Fault(drop=Drop.AFTER), times=2)
    assert (await s3("ListObjects", Bucket=new_bucket)).output["Contents"] == before


@real
async def test_a_write_without_an_answer_is_not(
    s3: Client, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    await s3.keys(new_bucket)
    faulty_seaweedfs.seen.clear()
    faulty_seaweedfs.inject(Fault(drop=Drop.AFTER))
    error = await s3.refused(
        "ServiceUnavailable", "CreateMultipartUpload", Bucket=new_bucket, Key="k"
    )
    assert isinstance(error.failure, Unreachable)
    assert error.failure.sent
    assert len(faulty_seaweedfs.seen) == 1


@real
async def test_silence_ends_in_a_time_out(
    s3: Client, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    await s3.keys(new_bucket)
    faulty_seaweedfs.cut(Partition.SILENT)
    error = await s3.refused("ServiceUnavailable", "GetBucketTagging", Bucket=new_bucket)
    assert isinstance(error.failure, Unreachable)
    assert error.failure.reason is Reason.TIMEOUT


@real
async def test_members_that_boto3_would_not_send_are_refused(s3: Client, new_bucket: str) -> None:
    await s3.refused("InvalidRequest", "PutBucketTagging", Bucket=new_bucket, Tagging="nonsense")
    await s3.refused("InvalidBucketName", "ListObjectsV2", Bucket="a/b")


@pytest.mark.finding("F2")
async def test_an_answer_that_breaks_off_is_no_answer(
    s3: Client, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    """botocore does not wrap what aiohttp raises for a body that is cut off."""
    faulty_seaweedfs.inject(Fault(page=Page(403, missing=1000)), times=2)  # a read is repeated
    error = await s3.refused("ServiceUnavailable", "GetObjectTorrent", Bucket=new_bucket, Key="k")
    assert isinstance(error.failure, Unreachable)
    assert (error.failure.reason, error.failure.sent) == (Reason.LOST, True)


async def test_an_operation_of_directory_buckets_is_asked_too(remote: RemoteStore) -> None:
    """It is signed by botocore itself: SeaweedFS refuses it, and knows no such thing."""
    error = await Client(remote).code("ListDirectoryBuckets")
    assert error in ("", "ServiceUnavailable", "AccessDenied", "NotImplemented")
