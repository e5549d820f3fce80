"""The default encryption of buckets, and the encryption types that they block."""

import pytest

KMS = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "testkey-1"}
NOT_FOUND = "ServerSideEncryptionConfigurationNotFoundError"
BLOCKED = {"BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]}}
ALLOWED = {"BlockedEncryptionTypes": {"EncryptionType": ["NONE"]}}


async def put(s3, bucket, **rule):
    configuration = {"Rules": [rule]}
    await s3("PutBucketEncryption", Bucket=bucket, ServerSideEncryptionConfiguration=configuration)


async def get(s3, bucket):
    answer = await s3("GetBucketEncryption", Bucket=bucket)
    (rule,) = answer["ServerSideEncryptionConfiguration"]["Rules"]
    return rule


async def test_a_bucket_without_the_setting_shows_none(s3, bucket):
    await s3.refused(NOT_FOUND, "GetBucketEncryption", Bucket=bucket)
    await s3("DeleteBucketEncryption", Bucket=bucket)
    await s3.refused(NOT_FOUND, "GetBucketEncryption", Bucket=bucket)


async def test_it_is_put_shown_and_deleted(s3, bucket):
    rule = {"ApplyServerSideEncryptionByDefault": KMS, "BucketKeyEnabled": True}
    await put(s3, bucket, **rule)
    assert await get(s3, bucket) == rule
    await s3("DeleteBucketEncryption", Bucket=bucket)
    await s3.refused(NOT_FOUND, "GetBucketEncryption", Bucket=bucket)


async def test_what_is_blocked_stays_blocked_until_it_is_allowed(s3, bucket):
    await put(s3, bucket, **BLOCKED)
    await put(s3, bucket, ApplyServerSideEncryptionByDefault=KMS)
    assert await get(s3, bucket) == {"ApplyServerSideEncryptionByDefault": KMS, **BLOCKED}
    await s3("DeleteBucketEncryption", Bucket=bucket)
    assert await get(s3, bucket) == BLOCKED
    await put(s3, bucket, **ALLOWED)
    assert await get(s3, bucket) == ALLOWED


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        ([], "MalformedXML"),
        ([{}, {}], "MalformedXML"),
        ([{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "ROT13"}}], "MalformedXML"),
        ([{"BlockedEncryptionTypes": {"EncryptionType": ["SSE-S3"]}}], "MalformedXML"),
        (
            [{"ApplyServerSideEncryptionByDefault": {**KMS, "SSEAlgorithm": "AES256"}}],
            "InvalidArgument",
        ),
    ],
)
async def test_wrong_configurations(s3, bucket, rules, code):
    given = {"ServerSideEncryptionConfiguration": {"Rules": rules}}
    await s3.refused(code, "PutBucketEncryption", Bucket=bucket, **given)
    await s3.refused("NoSuchBucket", "PutBucketEncryption", Bucket="none", **given)
    await s3.refused(NOT_FOUND, "GetBucketEncryption", Bucket=bucket)
