"""locks: retention and legal hold beside one another. The rest is in tests/contract."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

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
    await s3("PutObjectRetention", Retention={}, BypassGovernanceRetention=True, **at)
    await s3.refused("NoSuchObjectLockConfiguration", "GetObjectRetention", **at)
    assert "ObjectLockMode" not in await s3("HeadObject", **at)


async def test_the_setting_of_a_bucket_allows_locks_too(s3, bucket):
    await s3.put(bucket, "k")
    await s3("PutBucketVersioning", Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    configuration = {"ObjectLockEnabled": "Enabled"}
    await s3("PutObjectLockConfiguration", Bucket=bucket, ObjectLockConfiguration=configuration)
    await s3("PutObjectLegalHold", Bucket=bucket, Key="k", LegalHold={"Status": "OFF"})


PROTECTED = "object protected by object lock"


async def protect(s3, at, kind: str) -> None:
    if kind == "legal hold":
        await s3("PutObjectLegalHold", LegalHold={"Status": "ON"}, **at)
    else:
        await s3("PutObjectRetention", Retention={"Mode": kind, "RetainUntilDate": UNTIL}, **at)


@pytest.mark.finding("s3-cases: object lock delete object with legal hold on")
@pytest.mark.finding("s3-cases: object lock delete object with retention")
@pytest.mark.finding("s3-cases: object lock delete object with retention and marker")
@pytest.mark.parametrize("kind", ["legal hold", "GOVERNANCE", "COMPLIANCE"])
async def test_a_protected_version_is_deleted_by_no_request(s3, at, kind):
    """A delete marker may hide it; the bypass helps against governance mode only."""
    await protect(s3, at, kind)
    version = {**at, "VersionId": (await s3("HeadObject", **at))["VersionId"]}
    marker = await s3("DeleteObject", **at)
    error = await s3.refused("AccessDenied", "DeleteObject", **version)
    assert PROTECTED in error.message
    named = [{"Key": "k", "VersionId": version["VersionId"]}]
    done = await s3("DeleteObjects", Bucket="locked", Delete={"Objects": named})
    assert [row["Code"] for row in done["Errors"]] == ["AccessDenied"]
    await s3("DeleteObject", **at, VersionId=marker["VersionId"])
    assert (await s3("HeadObject", **at))["ContentLength"] == 4
    bypass = {"BypassGovernanceRetention": True}
    if kind == "GOVERNANCE":
        await s3("DeleteObject", **version, **bypass)
        await s3.refused("NoSuchVersion", "HeadObject", **version)
    else:
        await s3.refused("AccessDenied", "DeleteObject", **version, **bypass)


async def test_many_are_deleted_with_the_bypass(s3, at):
    await protect(s3, at, "GOVERNANCE")
    named = [{"Key": "k", "VersionId": (await s3("HeadObject", **at))["VersionId"]}]
    done = await s3(
        "DeleteObjects", Bucket="locked", Delete={"Objects": named}, BypassGovernanceRetention=True
    )
    assert (len(done["Deleted"]), "Errors" in done.output) == (1, False)


@pytest.mark.finding("s3-cases: object lock delete multipart object with legal hold on")
async def test_a_multipart_object_is_protected_from_its_completion(s3, at):
    place = {"Bucket": "locked", "Key": "large"}
    upload = await s3("CreateMultipartUpload", ObjectLockLegalHoldStatus="ON", **place)
    part = {**place, "UploadId": upload["UploadId"]}
    etag = (await s3("UploadPart", PartNumber=1, Body=b"data", **part))["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    done = await s3("CompleteMultipartUpload", MultipartUpload=parts, **part)
    await s3.refused("AccessDenied", "DeleteObject", VersionId=done["VersionId"], **place)


@pytest.mark.finding("s3-cases: object lock changing mode from compliance")
@pytest.mark.finding("s3-cases: object lock changing mode from governance without bypass")
@pytest.mark.finding("s3-cases: object lock put obj retention shorten period")
async def test_a_retention_may_be_extended_but_not_weakened(s3, at):
    await protect(s3, at, "GOVERNANCE")
    shorter = {"Mode": "GOVERNANCE", "RetainUntilDate": UNTIL - timedelta(days=1)}
    longer = {"Mode": "GOVERNANCE", "RetainUntilDate": UNTIL + timedelta(days=1)}
    compliance = {"Mode": "COMPLIANCE", "RetainUntilDate": UNTIL}
    for weaker in (shorter, compliance, {}):
        await s3.refused("AccessDenied", "PutObjectRetention", Retention=weaker, **at)
    await s3("PutObjectRetention", Retention=longer, **at)
    bypass = {"BypassGovernanceRetention": True}
    await s3("PutObjectRetention", Retention=compliance, **bypass, **at)
    for weaker in ({**longer, "Mode": "GOVERNANCE"}, {**shorter, "Mode": "COMPLIANCE"}, {}):
        await s3.refused("AccessDenied", "PutObjectRetention", Retention=weaker, **bypass, **at)


async def test_a_new_version_gets_the_default_retention_of_its_bucket(s3, at):
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 2}}
    configuration = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    await s3("PutObjectLockConfiguration", Bucket="locked", ObjectLockConfiguration=configuration)
    await s3.refused("NoSuchObjectLockConfiguration", "GetObjectRetention", **at)  # an older one
    put = await s3.put("locked", "k", b"new")
    got = (await s3("GetObjectRetention", **at))["Retention"]
    left = got["RetainUntilDate"] - datetime.now(UTC)
    assert (got["Mode"], timedelta(days=1) < left < timedelta(days=2)) == ("GOVERNANCE", True)
    await s3.refused("AccessDenied", "DeleteObject", VersionId=put["VersionId"], **at)
    own = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": UNTIL}
    await s3.put("locked", "own", b"data", **own)
    assert (await s3("HeadObject", Bucket="locked", Key="own"))["ObjectLockMode"] == "COMPLIANCE"


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("PutObjectRetention", {"Retention": {"Mode": "abc", "RetainUntilDate": UNTIL}}),
        ("PutObjectLegalHold", {"LegalHold": {"Status": "abc"}}),
    ],
)
async def test_an_unknown_mode_or_status_is_malformed(s3, at, operation, members):
    await s3.refused("MalformedXML", operation, **members, **at)
