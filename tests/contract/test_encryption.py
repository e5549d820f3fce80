"""Server-side encryption through every stack: no layer drops a header or answers for a key.

Not before SeaweedFS, whose answers to wrong keys are its own.
"""

import os

import pytest

from tests.agent.stores.local.keys import KEY_B, SOURCE, customer
from tests.contract.conftest import STACKS

pytestmark = pytest.mark.parametrize("store", STACKS, indirect=True)

DATA = os.urandom(200_000)
S3 = {"ServerSideEncryption": "AES256"}
KMS = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "testkey-1", "BucketKeyEnabled": True}


async def test_a_customer_key_is_needed_for_every_read(s3, bucket):
    put = await s3.put(bucket, "k", DATA, **customer())
    assert put["SSECustomerKeyMD5"] == customer()["SSECustomerKeyMD5"]
    place = {"Bucket": bucket, "Key": "k"}
    for _ in range(2):
        assert await s3.read(bucket, "k", **customer()) == DATA
        for operation in ("GetObject", "HeadObject"):
            assert await s3.code(operation, **place, **customer(KEY_B)) == "AccessDenied"
            assert await s3.code(operation, **place) == "InvalidRequest"
    assert await s3.read(bucket, "k", Range="bytes=7-99", **customer()) == DATA[7:100]


async def test_a_customer_key_is_needed_once_a_known_object_has_one(s3, bucket):
    """What was written and read before is not answered any more."""
    await s3.put(bucket, "k", DATA)
    for _ in range(2):
        assert await s3.read(bucket, "k") == DATA
    await s3.put(bucket, "k", DATA[::-1], **customer())
    assert await s3.code("GetObject", Bucket=bucket, Key="k") == "InvalidRequest"
    assert await s3.read(bucket, "k", **customer()) == DATA[::-1]
    await s3.put(bucket, "k", DATA)
    assert await s3.read(bucket, "k") == DATA


@pytest.mark.parametrize("members", [S3, KMS], ids=["sse-s3", "sse-kms"])
@pytest.mark.parametrize("size", [0, 1_000, len(DATA)])
async def test_the_encryption_of_an_object_is_shown(s3, bucket, members, size):
    put = await s3.put(bucket, "k", DATA[:size], **members)
    assert members.items() <= put.output.items()
    for operation in ("GetObject", "HeadObject"):
        answer = await s3(operation, Bucket=bucket, Key="k")
        assert members.items() <= answer.output.items()
    assert await s3.read(bucket, "k") == DATA[:size]


@pytest.mark.parametrize("members", [S3, KMS, customer()], ids=["sse-s3", "sse-kms", "sse-c"])
async def test_a_multipart_upload(s3, bucket, members):
    each = members if "SSECustomerKey" in members else {}
    shown = {} if each else members
    created = await s3("CreateMultipartUpload", Bucket=bucket, Key="m", **members)
    assert shown.items() <= created.output.items()
    place = {"Bucket": bucket, "Key": "m", "UploadId": created["UploadId"]}
    part = await s3("UploadPart", **place, PartNumber=1, Body=DATA, **each)
    listed = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    await s3("CompleteMultipartUpload", **place, MultipartUpload=listed, **each)
    head = await s3("HeadObject", Bucket=bucket, Key="m", **each)
    assert shown.items() <= head.output.items()
    assert await s3.read(bucket, "m", **each) == DATA


async def test_a_part_of_a_plain_upload_names_no_key(s3, bucket):
    upload = await s3("CreateMultipartUpload", Bucket=bucket, Key="m")
    place = {"Bucket": bucket, "Key": "m", "UploadId": upload["UploadId"], "PartNumber": 1}
    await s3.refused("InvalidRequest", "UploadPart", **place, Body=b"x", **customer())
    await s3.put(bucket, "plain", DATA)
    place["CopySource"] = f"{bucket}/plain"
    await s3.refused("InvalidRequest", "UploadPartCopy", **place, **customer())


async def test_copies_between_keys(s3, bucket):
    await s3.put(bucket, "from", DATA, **customer())
    copy = {"Bucket": bucket, "CopySource": f"{bucket}/from"}
    assert await s3.code("CopyObject", Key="to", **copy) == "InvalidRequest"
    await s3("CopyObject", Key="to", **copy, **customer(prefix=SOURCE), **customer(KEY_B))
    assert await s3.read(bucket, "to", **customer(KEY_B)) == DATA
    await s3("CopyObject", Key="to", **copy, **customer(prefix=SOURCE), **S3)
    assert await s3.read(bucket, "to") == DATA


async def test_a_part_is_copied_from_an_object_with_a_customer_key(s3, bucket):
    await s3.put(bucket, "from", DATA, **customer())
    upload = await s3("CreateMultipartUpload", Bucket=bucket, Key="m")
    place = {"Bucket": bucket, "Key": "m", "UploadId": upload["UploadId"]}
    copy = place | {"PartNumber": 1, "CopySource": f"{bucket}/from"}
    assert await s3.code("UploadPartCopy", **copy) == "InvalidRequest"
    part = await s3("UploadPartCopy", **copy, **customer(prefix=SOURCE))
    listed = {"Parts": [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]}
    await s3("CompleteMultipartUpload", **place, MultipartUpload=listed)
    assert await s3.read(bucket, "m") == DATA


async def test_attributes_need_the_customers_key(s3, bucket):
    put = await s3.put(bucket, "k", DATA, **customer())
    asked = {"Bucket": bucket, "Key": "k", "ObjectAttributes": ["ETag", "ObjectSize"]}
    assert await s3.code("GetObjectAttributes", **asked) == "InvalidRequest"
    answer = await s3("GetObjectAttributes", **asked, **customer())
    assert answer["ETag"] == put["ETag"].strip('"')
    assert answer["ObjectSize"] == len(DATA)
