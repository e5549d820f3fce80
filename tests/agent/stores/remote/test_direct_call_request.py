"""The requests that direct calls make; test_direct_call.py sends them."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request
from s3d.agent.s3.model import operations
from s3d.agent.stores.remote.direct_call import copy_source, direct_request, placed
from s3d.agent.stores.remote.remote_messages import RemoteRequest
from s3d.agent.stores.remote.remote_store import RemoteStore
from tests.contract.client import Client


def made(name: str, **members: Any) -> RemoteRequest:
    return direct_request(S3Request(operations()[name], members), "us", trailers=True)


def test_a_document_is_signed_and_has_the_digest_that_aws_requires() -> None:
    request = made("DeleteObjects", Bucket="b", Delete={"Objects": [{"Key": "k"}]})
    assert isinstance(request.body, bytes)
    assert (request.method, request.raw_query, request.length) == (
        "POST",
        "delete",
        len(request.body),
    )
    assert request.payload == hashlib.sha256(request.body).hexdigest()
    md5 = base64.b64encode(hashlib.md5(request.body, usedforsecurity=False).digest()).decode()
    assert dict(request.headers)["content-md5"] == md5
    assert not request.may_repeat


def test_a_document_that_needs_no_digest_has_none() -> None:
    parts = {"Parts": [{"PartNumber": 1, "ETag": '"e"'}]}
    request = made(
        "CompleteMultipartUpload", Bucket="b", Key="k", UploadId="u", MultipartUpload=parts
    )
    assert "content-md5" not in dict(request.headers)


def test_what_a_client_declared_of_its_document_is_not_declared_of_ours() -> None:
    tagging = {"TagSet": [{"Key": "a", "Value": "b"}]}
    given = {"Tagging": tagging, "ContentMD5": "theirs", "ChecksumAlgorithm": "CRC32"}
    headers = made("PutBucketTagging", Bucket="b", **given).headers
    assert "x-amz-sdk-checksum-algorithm" not in dict(headers)
    assert [value for name, value in headers if name == "content-md5"] != ["theirs"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("bucket/a b%2Bc", "bucket/a%20b%2Bc"),
        ("/bucket/k", "bucket/k"),
        ("bucket/a%20b%2Bc?versionId=v", "bucket/a%20b%2Bc?versionId=v"),
    ],
)
def test_a_copy_source_is_encoded_once(given: str, expected: str) -> None:
    assert copy_source(given) == expected


def test_a_place_that_was_asked_for_stays() -> None:
    given = {"Bucket": "b", "CreateBucketConfiguration": {"LocationConstraint": "EU"}}
    assert placed(given, "eu-central-1") == given
    assert placed({"Bucket": "b"}, "us-east-1") == {"Bucket": "b"}
    place = {"LocationConstraint": "eu-central-1"}
    assert placed({}, "eu-central-1") == {"CreateBucketConfiguration": place}


@pytest.mark.parametrize(
    ("code", "name", "members"),
    [
        ("InvalidRequest", "PutBucketTagging", {"Tagging": "nonsense"}),
        ("InvalidRequest", "DeleteObjects", {"Delete": {"Objects": [{"Key": "a\x01"}]}}),
        ("InvalidArgument", "PutBucketTagging", {"ExpectedBucketOwner": "a\nb"}),
    ],
)
def test_members_that_cannot_be_sent_are_refused(
    code: str, name: str, members: dict[str, Any]
) -> None:
    with pytest.raises(S3Error) as caught:
        made(name, Bucket="b", **members)
    assert caught.value.code == code


@pytest.mark.parametrize("empty", [None, ""])
@pytest.mark.parametrize(
    ("name", "member"),
    [
        ("AbortMultipartUpload", "UploadId"),  # else it would be DeleteObject
        ("CopyObject", "CopySource"),  # PutObject
        ("DeleteObject", "Key"),  # DeleteBucket
        ("ListObjectsV2", "Bucket"),  # ListBuckets
        ("DeleteObjectAnnotation", "AnnotationName"),
        ("DeleteBucketMetricsConfiguration", "Id"),
    ],
)
def test_a_request_never_becomes_that_of_another_operation(
    name: str, member: str, empty: str | None
) -> None:
    given = {"Bucket": "b", "Key": "k", "CopySource": "b/s", member: empty}
    with pytest.raises(S3Error) as caught:
        made(name, **given)
    assert (caught.value.code, caught.value.detail["ArgumentName"]) == ("InvalidArgument", member)


# ------------------------------------------------------------------ with a real remote


@pytest.fixture
def s3(remote: RemoteStore) -> Client:
    return Client(remote)


@pytest.mark.slow
async def test_settings_go_and_come_back(s3: Client, new_bucket: str) -> None:
    tags = {"TagSet": [{"Key": "a", "Value": "ü +-=._:/@"}]}
    await s3("PutBucketTagging", Bucket=new_bucket, Tagging=tags)
    assert (await s3("GetBucketTagging", Bucket=new_bucket))["TagSet"] == tags["TagSet"]
    answer = await s3("DeleteBucketTagging", Bucket=new_bucket)
    assert answer.status == 204
    error = await s3.refused("NoSuchTagSet", "GetBucketTagging", Bucket=new_bucket)
    assert error.detail["BucketName"] == new_bucket


@pytest.mark.slow
async def test_copies_and_deletes_of_many_keys(s3: Client, new_bucket: str) -> None:
    keys = ["a b", "ü+", "c&<d>"]
    await s3.put(new_bucket, "source +ü", b"x")
    for key in keys:
        source = f"{new_bucket}/source%20%2B%C3%BC"
        answer = await s3("CopyObject", Bucket=new_bucket, Key=key, CopySource=source)
        assert answer["CopyObjectResult"]["ETag"].startswith('"')
    objects = {"Objects": [{"Key": key} for key in [*keys, "source +ü"]]}
    answer = await s3("DeleteObjects", Bucket=new_bucket, Delete=objects)
    assert sorted(answer.names("Deleted", "Key")) == sorted([*keys, "source +ü"])
    assert await s3.keys(new_bucket) == []
