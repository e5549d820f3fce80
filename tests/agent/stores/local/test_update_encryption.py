import os
import time

import pytest

from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.key_ring import KeyRing
from s3d.agent.stores.local.object_keys import ObjectKeys
from s3d.agent.stores.local.store import LocalStore
from tests.agent.stores.local.keys import customer
from tests.contract.client import Client

LARGE = os.urandom(300_000)
S3, KMS = {"ServerSideEncryption": "AES256"}, {"ServerSideEncryption": "aws:kms"}
ARN = "arn:aws:kms:us-east-1:000000000000:key/other"


def update(arn=ARN, **members):
    return {"ObjectEncryption": {"SSEKMS": {"KMSKeyArn": arn, **members}}}


@pytest.mark.parametrize("write", [S3, KMS], ids=["sse-s3", "sse-kms"])
@pytest.mark.parametrize("size", [0, 1_000, len(LARGE)])
async def test_the_key_changes_and_nothing_else(s3, bucket, tmp_path, write, size):
    place = {"Bucket": bucket, "Key": "k"}
    await s3.put(bucket, "k", LARGE[:size], Metadata={"a": "b"}, **write)
    before = await s3("HeadObject", **place)
    files = {path: path.read_bytes() for path in (tmp_path / "blobs").rglob("*") if path.is_file()}
    await s3("UpdateObjectEncryption", **place, **update(BucketKeyEnabled=True))
    got = await s3("GetObject", **place)
    assert got.body == LARGE[:size]
    changed = {
        "ServerSideEncryption": "aws:kms",
        "SSEKMSKeyId": ARN,
        "BucketKeyEnabled": True,
    }
    assert (await s3("HeadObject", **place)).output == {**before.output, **changed}
    assert files == {path: path.read_bytes() for path in files}


async def test_the_former_key_is_not_needed_any_more(s3, index, bucket, tmp_path):
    await s3.put(bucket, "k", LARGE, **S3)
    (former,) = (tmp_path / "keyring").iterdir()
    await s3("UpdateObjectEncryption", Bucket=bucket, Key="k", **update())
    former.unlink()
    keys = ObjectKeys(index, KeyRing(tmp_path / "keyring", time.time, ephemeral=True))
    assert len(keys.load()) == 1
    again = LocalStore(index, Blobs(tmp_path / "blobs", ephemeral=True), keys=keys)
    assert await Client(again).read(bucket, "k") == LARGE


async def test_a_copy_that_shares_the_bytes_keeps_its_key(s3, bucket):
    await s3.put(bucket, "k", LARGE, **S3)
    await s3("CopyObject", Bucket=bucket, Key="copy", CopySource=f"{bucket}/k", **S3)
    await s3("UpdateObjectEncryption", Bucket=bucket, Key="k", **update())
    assert await s3.read(bucket, "copy") == await s3.read(bucket, "k") == LARGE


async def test_an_older_version(s3, bucket):
    await s3("PutBucketVersioning", Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    old = (await s3.put(bucket, "k", b"old", **S3))["VersionId"]
    await s3.put(bucket, "k", b"new", **S3)
    place = {"Bucket": bucket, "Key": "k"}
    await s3("UpdateObjectEncryption", **place, VersionId=old, **update())
    head = await s3("HeadObject", **place, VersionId=old)
    assert head["SSEKMSKeyId"] == ARN
    assert await s3.read(bucket, "k", VersionId=old) == b"old"
    assert (await s3("HeadObject", **place))["ServerSideEncryption"] == "AES256"


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        ({}, "unencrypted source objects"),
        (customer(), "DSSE-KMS or SSE-C"),
        ({"ServerSideEncryption": "aws:kms:dsse"}, "DSSE-KMS or SSE-C"),
    ],
)
async def test_what_cannot_be_changed(s3, bucket, write, reason):
    await s3.put(bucket, "k", LARGE, **write)
    place = {"Bucket": bucket, "Key": "k"}
    error = await s3.refused("InvalidRequest", "UpdateObjectEncryption", **place, **update())
    assert reason in error.message


async def test_wrong_requests(s3, bucket):
    await s3.put(bucket, "k", LARGE, **S3)
    place = {"Bucket": bucket, "Key": "k"}
    await s3.refused("InvalidRequest", "UpdateObjectEncryption", **place, **update("alias/mine"))
    empty = {"ObjectEncryption": {}}
    await s3.refused("MalformedXML", "UpdateObjectEncryption", **place, **empty)
    await s3.refused("NoSuchKey", "UpdateObjectEncryption", Bucket=bucket, Key="no", **update())


async def test_a_protected_version_keeps_its_key(s3):
    await s3("CreateBucket", Bucket="locked", ObjectLockEnabledForBucket=True)
    place = {"Bucket": "locked", "Key": "k"}
    await s3.put("locked", "k", LARGE, ObjectLockLegalHoldStatus="ON", **S3)
    await s3.refused("AccessDenied", "UpdateObjectEncryption", **place, **update())
    await s3("PutObjectLegalHold", **place, LegalHold={"Status": "OFF"})
    await s3("UpdateObjectEncryption", **place, **update())
