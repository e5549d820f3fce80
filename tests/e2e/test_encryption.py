"""Server-side encryption as boto3 sees it: copies of every kind and size, forms, presigned URLs.

The ids of the parameters are source, target and size.
"""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import json
import os
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from tests.agent_process import AgentProcess, launch
from tests.e2e.conftest import Run

KEY, OTHER_KEY = os.urandom(32), os.urandom(32)
CUSTOMER = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": KEY}
SOURCE_CUSTOMER = {f"CopySource{name}": value for name, value in CUSTOMER.items()}
KMS = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "testkey-1"}
WRITES: dict[str, dict[str, Any]] = {
    "unencrypted": {},
    "sse-s3": {"ServerSideEncryption": "AES256"},
    "sse-kms": KMS,
    "sse-c": CUSTOMER,
}
SIZES = {size: os.urandom(size) for size in (1, 1 << 10, 1 << 20, 8 << 20)}


def for_reading(way: str) -> dict[str, Any]:
    return CUSTOMER if way == "sse-c" else {}


def for_source(way: str) -> dict[str, Any]:
    return SOURCE_CUSTOMER if way == "sse-c" else {}


def check_members(answer: dict[str, Any], way: str) -> None:
    for name in ("ServerSideEncryption", "SSEKMSKeyId", "SSECustomerAlgorithm"):
        assert answer.get(name) == WRITES[way].get(name)


@pytest.fixture(scope="module")
def sources(s3: Any) -> str:
    """A bucket with one object for each way and size, named WAY/SIZE."""
    s3.create_bucket(Bucket="sources")
    for way, members in WRITES.items():
        for size, data in SIZES.items():
            s3.put_object(Bucket="sources", Key=f"{way}/{size}", Body=data, **members)
    return "sources"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("way", WRITES)
def test_encrypted_transfer(s3: Any, sources: str, way: str, size: int) -> None:
    """encrypted transfer, sse kms transfer, sse s3 encrypted upload."""
    got = s3.get_object(Bucket=sources, Key=f"{way}/{size}", **for_reading(way))
    assert got["Body"].read() == SIZES[size]
    check_members(got, way)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("target", WRITES)
@pytest.mark.parametrize("source", WRITES)
def test_copy_enc(s3: Any, sources: str, source: str, target: str, size: int) -> None:
    place = {"Bucket": sources, "Key": "copy"}
    copied = s3.copy_object(
        **place,
        CopySource={"Bucket": sources, "Key": f"{source}/{size}"},
        **for_source(source),
        **WRITES[target],
    )
    check_members(copied, target)
    got = s3.get_object(**place, **for_reading(target))
    assert got["Body"].read() == SIZES[size]
    check_members(got, target)


@pytest.mark.parametrize("target", WRITES)
@pytest.mark.parametrize("source", WRITES)
def test_copy_part_enc(s3: Any, sources: str, source: str, target: str) -> None:
    """Three ranges, none of which begins or ends at a block."""
    size = max(SIZES)
    place = {"Bucket": sources, "Key": "parts"}
    upload = s3.create_multipart_upload(**place, **WRITES[target])
    check_members(upload, target)
    place["UploadId"] = upload["UploadId"]
    parts = []
    borders = [0, (5 << 20) + 1, size]
    for number, (start, end) in enumerate(itertools.pairwise(borders), 1):
        part = s3.upload_part_copy(
            **place,
            PartNumber=number,
            CopySource={"Bucket": sources, "Key": f"{source}/{size}"},
            CopySourceRange=f"bytes={start}-{end - 1}",
            **for_source(source),
            **for_reading(target),
        )
        parts.append({"PartNumber": number, "ETag": part["CopyPartResult"]["ETag"]})
    done = s3.complete_multipart_upload(
        **place, MultipartUpload={"Parts": parts}, **for_reading(target)
    )
    headers = done["ResponseMetadata"]["HTTPHeaders"]
    assert ("x-amz-server-side-encryption-customer-key-md5" in headers) is (target == "sse-c")
    del place["UploadId"]
    got = s3.get_object(**place, **for_reading(target))
    assert got["Body"].read() == SIZES[size]
    check_members(got, target)
    second = s3.get_object(**place, PartNumber=2, **for_reading(target))
    assert second["Body"].read() == SIZES[size][borders[1] :]


@pytest.mark.parametrize("way", WRITES)
def test_managed_transfers_use_multipart_uploads(s3: Any, bucket: str, way: str) -> None:
    """encryption sse c multipart upload, sse kms multipart upload; with boto3's own checksums."""
    data = SIZES[8 << 20] + b"unaligned"
    config = TransferConfig(multipart_threshold=1, multipart_chunksize=5 << 20)
    s3.upload_fileobj(io.BytesIO(data), bucket, "m", ExtraArgs=WRITES[way], Config=config)
    into = io.BytesIO()
    s3.download_fileobj(bucket, "m", into, ExtraArgs=for_reading(way), Config=config)
    assert into.getvalue() == data


def status_of(call: Any, **members: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as caught:
        call(**members)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def test_wrong_and_missing_keys(s3: Any, bucket: str) -> None:
    place = {"Bucket": bucket, "Key": "k"}
    other = {**CUSTOMER, "SSECustomerKey": OTHER_KEY}
    s3.put_object(**place, Body=b"data", **CUSTOMER)
    assert status_of(s3.head_object, **place) == (400, "400")
    assert status_of(s3.head_object, **place, **other) == (403, "403")
    assert status_of(s3.get_object, **place) == (400, "InvalidRequest")
    assert status_of(s3.get_object, **place, **other) == (403, "AccessDenied")
    attributes = {**place, "ObjectAttributes": ["ETag"]}
    assert status_of(s3.get_object_attributes, **attributes) == (400, "InvalidRequest")
    wrong = {
        "SSECustomerAlgorithm": "AES256",
        "SSECustomerKey": base64.b64encode(KEY).decode(),
        "SSECustomerKeyMD5": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    assert status_of(s3.put_object, **place, **wrong) == (400, "InvalidArgument")
    both = {**CUSTOMER, "ServerSideEncryption": "AES256"}
    assert status_of(s3.put_object, **place, **both) == (400, "InvalidArgument")
    unknown = {"ServerSideEncryption": "aes:kms"}
    assert status_of(s3.put_object, **place, **unknown) == (400, "InvalidArgument")
    key_alone = {"SSEKMSKeyId": "testkey-1"}
    assert status_of(s3.put_object, **place, **key_alone) == (400, "InvalidArgument")


@pytest.mark.parametrize("value", ["AES256", ""])
@pytest.mark.parametrize("operation", ["HeadObject", "GetObject", "PutObject"])
def test_headers_that_boto3_does_not_send(
    agent: AgentProcess, bucket: str, operation: str, value: str
) -> None:
    """sse s3 default method head, sse kms read declare, sse empty algorithm."""
    client = agent.s3()
    client.put_object(Bucket=bucket, Key="k", Body=b"data")
    header = {"x-amz-server-side-encryption": value}
    client.meta.events.register(
        f"before-call.s3.{operation}", lambda params, **_: params["headers"].update(header)
    )
    call = {
        "HeadObject": client.head_object,
        "GetObject": client.get_object,
        "PutObject": client.put_object,
    }[operation]
    if operation == "PutObject" and value:
        assert call(Bucket=bucket, Key="k")["ServerSideEncryption"] == value
    else:
        assert status_of(call, Bucket=bucket, Key="k")[0] == 400


@pytest.mark.parametrize("way", ["sse-s3", "sse-kms", "sse-c"])
def test_a_form(s3: Any, bucket: str, way: str) -> None:
    """encryption sse c post object authenticated request, sse kms post object."""
    fields: dict[str, str] = {
        "sse-s3": {"x-amz-server-side-encryption": "AES256"},
        "sse-kms": {
            "x-amz-server-side-encryption": "aws:kms",
            "x-amz-server-side-encryption-aws-kms-key-id": "testkey-1",
        },
        "sse-c": {
            "x-amz-server-side-encryption-customer-algorithm": "AES256",
            "x-amz-server-side-encryption-customer-key": (
                "pO3upElrwuEXSoFwCfnZPdSsmt/xWeFa0N9KgDijwVs="
            ),
            "x-amz-server-side-encryption-customer-key-MD5": "DWygnHRtgiJ77HCm+1rvHw==",
        },
    }[way]
    post = s3.generate_presigned_post(
        bucket, "form", Fields=fields, Conditions=[{name: v} for name, v in fields.items()]
    )
    boundary = "e2e"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in post["fields"].items()
    ]
    file = f'--{boundary}\r\nContent-Disposition: form-data; name="file"\r\n\r\n'
    data = f"{''.join(parts)}{file}form data\r\n--{boundary}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    request = urllib.request.Request(post["url"], data, headers, method="POST")
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 204
        shown = answer.headers["x-amz-server-side-encryption"]
    read = {}
    if way == "sse-c":
        _, text, md5 = fields.values()
        read = {
            "SSECustomerAlgorithm": "AES256",
            "SSECustomerKey": text,
            "SSECustomerKeyMD5": md5,
        }
    got = s3.get_object(Bucket=bucket, Key="form", **read)
    assert got["Body"].read() == b"form data"
    assert got.get("ServerSideEncryption") == shown == fields.get("x-amz-server-side-encryption")


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_presigned_urls(agent: AgentProcess, s3: Any, bucket: str, version: str) -> None:
    """The key travels in headers that are signed; of version 2 in the query."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"data", **CUSTOMER)
    client = agent.s3(signature_version=version)
    place = {"Bucket": bucket, "Key": "k", "SSECustomerAlgorithm": "AES256"}
    url = client.generate_presigned_url("get_object", place | {"SSECustomerKey": KEY})
    request = urllib.request.Request(url)
    if version == "s3v4":
        name = "x-amz-server-side-encryption-customer"
        request.add_header(f"{name}-algorithm", "AES256")
        request.add_header(f"{name}-key", base64.b64encode(KEY).decode())
        request.add_header(f"{name}-key-MD5", base64.b64encode(hashlib.md5(KEY).digest()).decode())
    with urllib.request.urlopen(request) as answer:
        assert answer.read() == b"data"


def test_a_default_of_the_bucket(s3: Any, bucket: str) -> None:
    """sse s3 default upload, sse kms default upload, sse s3 default post object."""
    for algorithm, key in (("AES256", None), ("aws:kms", "fool-me-again")):
        apply = {"SSEAlgorithm": algorithm} | ({"KMSMasterKeyID": key} if key else {})
        s3.put_bucket_encryption(
            Bucket=bucket,
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": apply}]
            },
        )
        for size, data in SIZES.items():
            put = s3.put_object(Bucket=bucket, Key=str(size), Body=data)
            got = s3.get_object(Bucket=bucket, Key=str(size))
            assert got["Body"].read() == data
            for answer in (put, got):
                assert answer["ServerSideEncryption"] == algorithm
                assert answer.get("SSEKMSKeyId") == key
    s3.delete_bucket_encryption(Bucket=bucket)
    assert "ServerSideEncryption" not in s3.put_object(Bucket=bucket, Key="k", Body=b"")


ALGORITHM = "s3:x-amz-server-side-encryption"
CUSTOMER_ALGORITHM = f"{ALGORITHM}-customer-algorithm"


@pytest.mark.parametrize(
    ("condition", "denied", "allowed"),
    [
        ({"Null": {CUSTOMER_ALGORITHM: "true"}}, {}, CUSTOMER),
        (
            {"StringNotEquals": {CUSTOMER_ALGORITHM: "AES256"}},
            {**CUSTOMER, "SSECustomerAlgorithm": "AES192"},
            CUSTOMER,
        ),
        ({"Null": {ALGORITHM: "true"}}, {}, WRITES["sse-s3"]),
        ({"StringNotEquals": {ALGORITHM: "AES256"}}, KMS, WRITES["sse-s3"]),
        (
            {"StringNotEquals": {ALGORITHM: "AES256"}},
            {"ServerSideEncryption": "AES192"},
            WRITES["sse-s3"],
        ),
        ({"StringNotEquals": {ALGORITHM: "aws:kms"}}, WRITES["sse-s3"], KMS),
        ({"Null": {ALGORITHM: "true"}}, {}, KMS),
    ],
    ids=[
        "encryption sse c enforced with bucket policy",
        "encryption sse c deny algo with bucket policy",
        "bucket policy put obj s3 noenc",
        "bucket policy put obj s3 kms",
        "bucket policy put obj s3 incorrect algo",
        "bucket policy put obj kms s3",
        "bucket policy put obj kms noenc",
    ],
)
def test_a_bucket_policy_demands_an_encryption(
    s3: Any, bucket: str, condition: dict[str, Any], denied: Any, allowed: Any
) -> None:
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": condition,
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    place = {"Bucket": bucket, "Key": "k", "Body": b"data"}
    assert status_of(s3.put_object, **place, **denied) == (403, "AccessDenied")
    s3.put_object(**place, **allowed)


BLOCKED = "<BlockedEncryptionTypes><EncryptionType>{}</EncryptionType></BlockedEncryptionTypes>"


@pytest.mark.parametrize("blocked", ["SSE-C", "NONE"])
def test_a_bucket_blocks_customer_keys(agent: AgentProcess, bucket: str, blocked: str) -> None:
    """The element is newer than this boto3, so its document is replaced."""
    client, seen = agent.s3(request_checksum_calculation="when_required"), []
    root = "ServerSideEncryptionConfiguration"
    document = f"<{root}><Rule>{BLOCKED.format(blocked)}</Rule></{root}>".encode()

    def replace_document(params: dict[str, Any], **_: Any) -> None:
        params["body"] = document
        for name in [name for name in params["headers"] if "checksum" in name.lower()]:
            del params["headers"][name]
        params["headers"]["Content-MD5"] = base64.b64encode(hashlib.md5(document).digest()).decode()

    def read_document(http_response: Any, **_: Any) -> None:
        seen.append(http_response.content.decode())

    client.meta.events.register("before-call.s3.PutBucketEncryption", replace_document)
    client.meta.events.register("after-call.s3.GetBucketEncryption", read_document)
    place = {"Bucket": bucket, "Key": "k"}
    client.put_object(**place, Body=b"old", **CUSTOMER)
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    client.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    client.get_bucket_encryption(Bucket=bucket)
    assert f"<EncryptionType>{blocked}</EncryptionType>" in seen[0]
    if blocked == "NONE":
        client.put_object(**place, Body=b"new", **CUSTOMER)
        return
    assert status_of(client.put_object, **place, **CUSTOMER) == (403, "AccessDenied")
    assert status_of(client.create_multipart_upload, **place, **CUSTOMER) == (403, "AccessDenied")
    assert client.get_object(**place, **CUSTOMER)["Body"].read() == b"old"


def test_the_setting_encrypts_every_object(tmp_path: Path) -> None:
    agent = launch(tmp_path / "home", env={"S3D_ENCRYPT": "sse-s3"})
    try:
        s3 = agent.s3()
        s3.create_bucket(Bucket="whole-store")
        put = s3.put_object(Bucket="whole-store", Key="k", Body=SIZES[1 << 20])
        assert put["ServerSideEncryption"] == "AES256"
        rules = s3.get_bucket_encryption(Bucket="whole-store")["ServerSideEncryptionConfiguration"][
            "Rules"
        ]
        assert rules[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
        assert agent.stop() == 0
        ring = agent.places.store_dir / "keyring"
        lost = [path.rename(tmp_path / path.name) for path in ring.iterdir()]
        agent = launch(tmp_path / "home")
        assert any("key ring" in warning for warning in agent.client.status().warnings)
        assert "missing from the key ring" in agent.stderr
        assert status_of(agent.s3().get_object, Bucket="whole-store", Key="k") == (
            500,
            "InternalError",
        )
        assert agent.stop() == 0
        for path in lost:
            path.rename(ring / path.name)
        agent = launch(tmp_path / "home")
        assert agent.s3().get_object(Bucket="whole-store", Key="k")["Body"].read() == SIZES[1 << 20]
    finally:
        agent.kill()


@pytest.mark.slow
def test_the_aws_command_line(aws: Run, bucket: str, tmp_path: Path) -> None:
    """In parts, with a customer key in a file."""
    (tmp_path / "key").write_bytes(KEY)
    (tmp_path / "data").write_bytes(SIZES[8 << 20] + b"more")
    customer = ("--sse-c", "AES256", "--sse-c-key", f"fileb://{tmp_path}/key")
    place = f"s3://{bucket}/data"
    aws("s3", "cp", "--only-show-errors", *customer, tmp_path / "data", place)
    aws("s3", "cp", "--only-show-errors", *customer, place, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == (tmp_path / "data").read_bytes()


@pytest.mark.slow
def test_rclone(run: Run, agent: AgentProcess, bucket: str, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    for size, data in SIZES.items():
        (tmp_path / "source" / str(size)).write_bytes(data)
    remote = f":s3,provider=Other,env_auth=true,endpoint='{agent.endpoint}':{bucket}"
    options = ("--config", "/dev/null", "--s3-upload-cutoff", "6Mi", "--s3-chunk-size", "5Mi")
    for number, sse in enumerate(
        (
            ("--s3-sse-customer-algorithm", "AES256", "--s3-sse-customer-key", "k" * 32),
            ("--s3-server-side-encryption", "aws:kms", "--s3-sse-kms-key-id", "testkey-1"),
        )
    ):
        place = f"{remote}/{number}"
        run("rclone", *options, *sse, "copy", tmp_path / "source", place)
        run("rclone", *options, *sse, "check", "--download", tmp_path / "source", place)
