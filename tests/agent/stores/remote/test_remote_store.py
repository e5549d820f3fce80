"""The remote store behind the real S3 endpoint: a gateway without queue or cache."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import AsyncIterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from s3d.agent.core.access_keys import AccessKeys
from s3d.agent.frontends.http.s3_server import S3Server
from s3d.shared.access_key import AccessKey
from s3d.shared.config.values import Secret
from s3d.shared.errors import UsageError
from tests.agent.stores.remote.conftest import Open
from tests.peers.proxy import FaultyProxy
from tests.peers.servers import Peer

pytestmark = pytest.mark.slow

LOCAL = ("LOCALKEY", "localsecret")


@pytest.fixture
async def endpoint(open_remote: Open, faulty_seaweedfs: FaultyProxy) -> AsyncIterator[str]:
    server = S3Server(
        open_remote(faulty_seaweedfs.peer), keys=AccessKeys([AccessKey(LOCAL[0], Secret(LOCAL[1]))])
    )
    host, port = await server.start("127.0.0.1", 0)
    yield f"http://{host}:{port}"
    await server.stop(1)


@pytest.fixture
def client(endpoint: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=LOCAL[0],
        aws_secret_access_key=LOCAL[1],
        region_name="us-east-1",
        config=Config(retries={"total_max_attempts": 1}),
    )


async def test_boto3_sees_the_remote_through_the_endpoint(client: Any, new_bucket: str) -> None:
    def converse() -> None:
        where = {"Bucket": new_bucket, "Key": "a b/ü+"}
        put = client.put_object(**where, Body=bytes(1000), Metadata={"k": "v"})
        assert put["ChecksumCRC32"], "boto3's own trailing checksum reached the remote"
        head = client.head_object(**where)
        assert (head["ContentLength"], head["Metadata"]) == (1000, {"k": "v"})
        got = client.get_object(**where, Range="bytes=0-9")
        assert (got["Body"].read(), got["ContentRange"]) == (bytes(10), "bytes 0-9/1000")
        listed = client.list_objects_v2(Bucket=new_bucket)
        assert [entry["Key"] for entry in listed["Contents"]] == ["a b/ü+"]
        client.put_object_tagging(**where, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
        assert client.get_object_tagging(**where)["TagSet"] == [{"Key": "a", "Value": "b"}]
        copy = {"Bucket": new_bucket, "Key": "copy"}
        client.copy_object(**copy, CopySource=where)
        gone = client.delete_objects(
            Bucket=new_bucket, Delete={"Objects": [{"Key": "copy"}, {"Key": where["Key"]}]}
        )
        assert len(gone["Deleted"]) == 2
        assert "Contents" not in client.list_objects_v2(Bucket=new_bucket)

    await asyncio.to_thread(converse)


async def test_a_large_upload_in_parts(client: Any, new_bucket: str) -> None:
    def converse() -> None:
        where = {"Bucket": new_bucket, "Key": "big"}
        upload = client.create_multipart_upload(**where)["UploadId"]
        data = bytes(5 << 20), b"end"
        parts = [
            {
                "PartNumber": number,
                "ETag": client.upload_part(**where, UploadId=upload, PartNumber=number, Body=body)[
                    "ETag"
                ],
            }
            for number, body in enumerate(data, 1)
        ]
        client.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": parts})
        assert client.get_object(**where)["Body"].read() == b"".join(data)

    await asyncio.to_thread(converse)


async def test_errors_come_through(client: Any, new_bucket: str) -> None:
    def code(operation: str, **members: Any) -> tuple[str, int]:
        with pytest.raises(ClientError) as caught:
            getattr(client, operation)(**members)
        response: Any = caught.value.response
        return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]

    def converse() -> None:
        assert code("get_object", Bucket=new_bucket, Key="none") == ("NoSuchKey", 404)
        assert code("head_object", Bucket=new_bucket, Key="none") == ("404", 404)
        client.put_object(Bucket=new_bucket, Key="k", Body=b"x")
        again = {"Bucket": new_bucket, "Key": "k", "Body": b"y", "IfNoneMatch": "*"}
        assert code("put_object", **again) == ("PreconditionFailed", 412)

    await asyncio.to_thread(converse)


async def test_a_presigned_url_of_ours_works_on_the_remote(
    client: Any, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    def converse() -> bytes:
        client.put_object(Bucket=new_bucket, Key="k", Body=b"value")
        url = client.generate_presigned_url("get_object", {"Bucket": new_bucket, "Key": "k"})
        with urllib.request.urlopen(url, timeout=10) as answer:
            data: bytes = answer.read()
            return data

    assert await asyncio.to_thread(converse) == b"value"
    assert LOCAL[0] not in faulty_seaweedfs.seen[-1].head.target


async def test_a_wrong_local_key_never_reaches_the_remote(
    endpoint: str, faulty_seaweedfs: FaultyProxy, new_bucket: str
) -> None:
    stranger = Peer("stranger", endpoint, "NOBODY", "wrong")
    status = await asyncio.to_thread(stranger.ask, "GET", f"/{new_bucket}/k")
    assert status == 403
    assert not faulty_seaweedfs.seen


def test_an_address_that_cannot_be_used_is_said_at_once(open_remote: Open) -> None:
    with pytest.raises(UsageError):
        open_remote(Peer("bad", "ftp://example.org", "A", "a"))
