"""A gateway before an s3d that encrypts: what is about encryption is the answer of the remote."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from s3d.cli.client.queue_client import QueueClient
from tests.agent_process import AgentProcess, launch
from tests.drained import drained

DATA = os.urandom(300_000)
PART = os.urandom(5 << 20)
KEY, OTHER_KEY = os.urandom(32), os.urandom(32)
CUSTOMER = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": KEY}
OTHER = {**CUSTOMER, "SSECustomerKey": OTHER_KEY}
SOURCE_CUSTOMER = {f"CopySource{name}": value for name, value in CUSTOMER.items()}
KMS = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "testkey-1"}


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProcess]:
    agent = launch(tmp_path_factory.mktemp("remote") / "home")
    agent.s3().create_bucket(Bucket="bucket")
    yield agent
    agent.kill()


@pytest.fixture(scope="module")
def gateway(
    remote: AgentProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AgentProcess]:
    env = {**remote.as_remote, "S3D_PROBE": "false"}
    agent = launch(tmp_path_factory.mktemp("gateway") / "home", env=env)
    yield agent
    agent.kill()


@pytest.fixture
def s3(gateway: AgentProcess) -> Any:
    return gateway.s3()


def refused(call: Callable[..., Any], **members: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as caught:
        call(**members)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def test_a_customer_key_is_needed_through_the_gateway(s3: Any, remote: AgentProcess) -> None:
    place = {"Bucket": "bucket", "Key": "own"}
    s3.put_object(**place, Body=DATA, **CUSTOMER)
    for client in (s3, s3, remote.s3()):  # twice: nothing is answered from the cache
        assert client.get_object(**place, **CUSTOMER)["Body"].read() == DATA
        assert refused(client.get_object, **place) == (400, "InvalidRequest")
        assert refused(client.get_object, **place, **OTHER) == (403, "AccessDenied")
        assert refused(client.head_object, **place) == (400, "400")
    got = s3.get_object(**place, **CUSTOMER, Range="bytes=65530-65545")
    assert got["Body"].read() == DATA[65530:65546]
    s3.copy_object(**place | {"Key": "copy"}, CopySource="bucket/own", **SOURCE_CUSTOMER, **OTHER)
    assert s3.get_object(Bucket="bucket", Key="copy", **OTHER)["Body"].read() == DATA


def test_parts_with_a_customer_key(s3: Any) -> None:
    s3.put_object(Bucket="bucket", Key="source", Body=PART, **CUSTOMER)
    place = {"Bucket": "bucket", "Key": "parts"}
    upload = place | {"UploadId": s3.create_multipart_upload(**place, **CUSTOMER)["UploadId"]}
    assert refused(s3.upload_part, **upload, PartNumber=1, Body=PART)[0] == 400
    one = s3.upload_part(**upload, PartNumber=1, Body=PART, **CUSTOMER)
    two = s3.upload_part_copy(
        **upload, PartNumber=2, CopySource="bucket/source", **SOURCE_CUSTOMER, **CUSTOMER
    )["CopyPartResult"]
    parts = [{"PartNumber": number, "ETag": p["ETag"]} for number, p in ((1, one), (2, two))]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **CUSTOMER)
    assert s3.get_object(**place, **CUSTOMER)["Body"].read() == PART + PART


def test_a_queued_write_is_encrypted_by_the_remote(
    s3: Any, gateway: AgentProcess, remote: AgentProcess
) -> None:
    place = {"Bucket": "bucket", "Key": "queued"}
    put = s3.put_object(**place, Body=DATA, **KMS)
    assert put["ServerSideEncryption"] == "aws:kms"
    assert s3.get_object(**place)["Body"].read() == DATA
    assert drained(QueueClient(gateway.client)).left.files == 0
    there = remote.s3().head_object(**place)
    assert KMS.items() <= there.items()
    assert DATA[:100] not in b"".join(
        path.read_bytes() for path in remote.places.store_dir.rglob("*") if path.is_file()
    )
    got = s3.get_object(**place)
    assert got["Body"].read() == DATA
    assert KMS.items() <= got.items()


def test_the_default_of_a_bucket_is_the_remotes(s3: Any, remote: AgentProcess) -> None:
    s3.create_bucket(Bucket="default")
    apply = {"SSEAlgorithm": "AES256"}
    s3.put_bucket_encryption(
        Bucket="default",
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": apply}]
        },
    )
    s3.put_object(Bucket="default", Key="k", Body=DATA)
    s3.put_object(Bucket="default", Key="sure", Body=DATA, IfNoneMatch="*")  # waits for the push
    assert remote.s3().head_object(Bucket="default", Key="sure")["ServerSideEncryption"] == "AES256"
    assert s3.get_object(Bucket="default", Key="k")["Body"].read() == DATA


def test_a_read_that_chooses_an_encryption_is_the_remotes_to_refuse(s3: Any) -> None:
    s3.put_object(Bucket="bucket", Key="plain", Body=DATA)
    assert s3.get_object(Bucket="bucket", Key="plain")["Body"].read() == DATA
    header = {"x-amz-server-side-encryption": "AES256"}
    s3.meta.events.register(
        "before-call.s3.GetObject", lambda params, **_: params["headers"].update(header)
    )
    assert refused(s3.get_object, Bucket="bucket", Key="plain") == (400, "InvalidArgument")
