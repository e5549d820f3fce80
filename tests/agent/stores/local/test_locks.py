"""locks: retention and legal hold beside one another. The rest is in tests/contract."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

UNTIL = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
async def at(s3) -> dict[str, str]:
    await s3("CreateBucket", Bucket="locked", ObjectLockEnabledForBucket=True)
    await s3.put("locked", "k", b"data", CacheControl="no-store")
    return {"Bucket": "locked", "Key": "k"}


async def test_neither_touches_the_other_or_the_headers(s3, at):
    retention = {"Mode": "COMPLIANCE", "RetainUntilDate": UNTIL}
    await s3("PutObjectRetention", Retention=retention, **at)
    await s3("PutObjectLegalHold", LegalHold={"Status": "ON"}, **at)
    assert (await s3("GetObjectRetention", **at))["Retention"] == retention
    head = await s3("HeadObject", **at)
    assert (head["CacheControl"], head["ObjectLockLegalHoldStatus"]) == ("no-store", "ON")


async def test_an_empty_retention_takes_it_off(s3, at):
    await s3("PutObjectRetention", Retention={"Mode": "GOVERNANCE", "RetainUntilDate": UNTIL}, **at)
    await s3("PutObjectRetention", Retention={}, **at)
    await s3.refused("NoSuchObjectLockConfiguration", "GetObjectRetention", **at)
    assert "ObjectLockMode" not in await s3("HeadObject", **at)


async def test_the_setting_of_a_bucket_allows_locks_too(s3, bucket):
    await s3.put(bucket, "k")
    await s3("PutBucketVersioning", Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    configuration = {"ObjectLockEnabled": "Enabled"}
    await s3("PutObjectLockConfiguration", Bucket=bucket, ObjectLockConfiguration=configuration)
    await s3("PutObjectLegalHold", Bucket=bucket, Key="k", LegalHold={"Status": "OFF"})
