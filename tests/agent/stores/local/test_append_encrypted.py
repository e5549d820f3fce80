"""WriteOffsetBytes of encrypted objects: what is appended is encrypted as the object is."""

import pytest

from tests.agent.stores.local.keys import KEY_B, customer
from tests.agent.stores.local.test_object_keys import stored_bytes

pytestmark = pytest.mark.finding("APPEND-SSE")

SMALL, LARGE = b"a secret that is short", b"a secret that is long" * 4_000
"""What is a row of the index, and what is a file."""

WAYS = {
    "sse-s3": {"ServerSideEncryption": "AES256"},
    "sse-kms": {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "key-1"},
    "sse-c": customer(),
}


@pytest.mark.parametrize("pieces", [[SMALL] * 3, [SMALL, LARGE], [LARGE, SMALL], [b"", SMALL]])
@pytest.mark.parametrize("way", WAYS)
async def test_it_is_encrypted_as_the_object_is(s3, bucket, tmp_path, way, pieces):
    asked = WAYS[way]
    read = asked if way == "sse-c" else {}
    await s3.put(bucket, "k", pieces[0], **asked)
    size = len(pieces[0])
    for number, piece in enumerate(pieces[1:], 2):
        put = await s3.put(bucket, "k", piece, WriteOffsetBytes=size, **read)
        size += len(piece)
        assert (put["Size"], put["ETag"][-3:]) == (size, f'-{number}"')
        assert put.get("SSECustomerKeyMD5") == read.get("SSECustomerKeyMD5")
    head = await s3("HeadObject", Bucket=bucket, Key="k", **read)
    assert head.get("ServerSideEncryption") == asked.get("ServerSideEncryption")
    whole = b"".join(pieces)
    assert await s3.read(bucket, "k", **read) == whole
    assert await s3.read(bucket, "k", Range=f"bytes=1-{size - 2}", **read) == whole[1:-1]
    assert b"secret" not in stored_bytes(tmp_path)


async def test_the_default_of_the_bucket_does_not_count(s3, bucket):
    await s3.put(bucket, "k", SMALL)
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    setting = {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}
    await s3("PutBucketEncryption", Bucket=bucket, **setting)
    await s3.put(bucket, "k", LARGE, WriteOffsetBytes=len(SMALL))
    assert await s3.read(bucket, "k") == SMALL + LARGE
    assert "ServerSideEncryption" not in await s3("HeadObject", Bucket=bucket, Key="k")


@pytest.mark.parametrize(
    ("way", "members", "code"),
    [
        ("plain", WAYS["sse-s3"], "InvalidRequest"),
        ("plain", WAYS["sse-c"], "InvalidRequest"),
        ("sse-s3", WAYS["sse-s3"], ""),
        ("sse-s3", WAYS["sse-kms"], "InvalidRequest"),
        ("sse-s3", WAYS["sse-c"], "InvalidRequest"),
        ("sse-kms", WAYS["sse-kms"], ""),
        ("sse-kms", WAYS["sse-kms"] | {"SSEKMSKeyId": "key-2"}, "InvalidRequest"),
        ("sse-c", {}, "InvalidRequest"),
        ("sse-c", customer(KEY_B), "AccessDenied"),
        ("sse-c", WAYS["sse-s3"], "InvalidArgument"),
    ],
)
async def test_another_encryption_is_refused(s3, bucket, way, members, code):
    await s3.put(bucket, "k", SMALL, **WAYS.get(way, {}))
    append = {"Bucket": bucket, "Key": "k", "Body": SMALL, "WriteOffsetBytes": len(SMALL)}
    assert await s3.code("PutObject", **append, **members) == code
    read = WAYS["sse-c"] if way == "sse-c" else {}
    assert await s3.read(bucket, "k", **read) == SMALL * (1 if code else 2)
