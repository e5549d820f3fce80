"""Access control lists, retention and legal hold: given back as they were put.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"


def granted(answer) -> list[tuple[str, str]]:
    """(who, what) of the grants of an answer, users first: a list of grants has no order."""
    grants = [
        (grant["Grantee"].get("URI") or grant["Grantee"]["ID"], grant["Permission"])
        for grant in answer["Grants"]
    ]
    return sorted(grants, key=lambda grant: grant[0].startswith("http"))


@pytest.mark.parametrize("what", ["Bucket", "Object"])
async def test_access_control_lists(s3, bucket, what):
    at = {"Bucket": bucket}
    if what == "Object":
        await s3.put(bucket, "k", b"data")
        at["Key"] = "k"
    got = await s3(f"Get{what}Acl", **at)
    owner = got["Owner"]
    assert granted(got) == [(owner["ID"], "FULL_CONTROL")]
    await s3(f"Put{what}Acl", ACL="public-read", **at)
    got = await s3(f"Get{what}Acl", **at)
    assert granted(got) == [(owner["ID"], "FULL_CONTROL"), (ALL_USERS, "READ")]
    await s3(f"Put{what}Acl", GrantRead=f'id="{owner["ID"]}", uri="{ALL_USERS}"', **at)
    got = await s3(f"Get{what}Acl", **at)
    assert granted(got) == [(owner["ID"], "READ"), (ALL_USERS, "READ")]
    grants = [{"Grantee": {"Type": "Group", "URI": ALL_USERS}, "Permission": "READ_ACP"}]
    await s3(f"Put{what}Acl", AccessControlPolicy={"Owner": owner, "Grants": grants}, **at)
    got = await s3(f"Get{what}Acl", **at)
    assert (granted(got), got["Owner"]) == ([(ALL_USERS, "READ_ACP")], owner)
    for code, members in (
        ("MissingSecurityHeader", {}),
        ("InvalidArgument", {"ACL": "everyone"}),
        ("InvalidRequest", {"ACL": "private", "GrantRead": f'uri="{ALL_USERS}"'}),
        ("InvalidArgument", {"GrantRead": "everyone"}),
        ("InvalidArgument", {"GrantRead": 'uri="http://example.com/group"'}),
        ("MalformedACLError", {"AccessControlPolicy": {"Grants": grants}}),
        ("UnexpectedContent", {"ACL": "private", "AccessControlPolicy": {"Owner": owner}}),
    ):
        await s3.refused(code, f"Put{what}Acl", **members, **at)
    assert granted(await s3(f"Get{what}Acl", **at)) == [(ALL_USERS, "READ_ACP")]


async def test_an_acl_may_come_with_the_bucket_and_the_object(s3, name):
    await s3("CreateBucket", Bucket=name, ACL="public-read")
    assert len(granted(await s3("GetBucketAcl", Bucket=name))) == 2
    await s3.put(name, "k", ACL="public-read")
    assert len(granted(await s3("GetObjectAcl", Bucket=name, Key="k"))) == 2
    await s3.put(name, "k")
    assert len(granted(await s3("GetObjectAcl", Bucket=name, Key="k"))) == 1
    await s3("CopyObject", Bucket=name, Key="to", CopySource=f"{name}/k", ACL="public-read")
    assert len(granted(await s3("GetObjectAcl", Bucket=name, Key="to"))) == 2
    await s3("CopyObject", Bucket=name, Key="k", CopySource=f"{name}/to")
    assert len(granted(await s3("GetObjectAcl", Bucket=name, Key="k"))) == 1


@pytest.fixture
async def locked(s3, name) -> dict[str, str]:
    """An object in a bucket with object lock, as members."""
    await s3("CreateBucket", Bucket=name, ObjectLockEnabledForBucket=True)
    await s3.put(name, "k", b"data")
    return {"Bucket": name, "Key": "k"}


UNTIL = (datetime.now(UTC) + timedelta(days=2)).replace(microsecond=0)


async def test_legal_hold(s3, locked):
    await s3.refused("NoSuchObjectLockConfiguration", "GetObjectLegalHold", **locked)
    for status in ("ON", "OFF"):
        await s3("PutObjectLegalHold", LegalHold={"Status": status}, **locked)
        assert (await s3("GetObjectLegalHold", **locked))["LegalHold"] == {"Status": status}
        assert (await s3("HeadObject", **locked))["ObjectLockLegalHoldStatus"] == status
    await s3.refused("MalformedXML", "PutObjectLegalHold", LegalHold={}, **locked)


async def test_retention(s3, locked):
    await s3.refused("NoSuchObjectLockConfiguration", "GetObjectRetention", **locked)
    retention = {"Mode": "GOVERNANCE", "RetainUntilDate": UNTIL}
    await s3("PutObjectRetention", Retention=retention, **locked)
    assert (await s3("GetObjectRetention", **locked))["Retention"] == retention
    head = await s3("HeadObject", **locked)
    assert (head["ObjectLockMode"], head["ObjectLockRetainUntilDate"]) == ("GOVERNANCE", UNTIL)
    past = datetime(2020, 1, 1, tzinfo=UTC)
    for code, bad in (
        ("InvalidArgument", {"Mode": "GOVERNANCE", "RetainUntilDate": past}),
        ("MalformedXML", {"Mode": "GOVERNANCE"}),
    ):
        await s3.refused(code, "PutObjectRetention", Retention=bad, **locked)


async def test_a_lock_put_with_the_object_or_on_one_of_its_versions(s3, locked):
    put = await s3.put(
        locked["Bucket"],
        "k",
        b"data",
        ObjectLockMode="GOVERNANCE",
        ObjectLockRetainUntilDate=UNTIL,
        ObjectLockLegalHoldStatus="ON",
    )
    got = await s3("GetObjectRetention", **locked)
    assert got["Retention"] == {"Mode": "GOVERNANCE", "RetainUntilDate": UNTIL}
    assert (await s3("GetObjectLegalHold", **locked))["LegalHold"] == {"Status": "ON"}
    new = await s3.put(locked["Bucket"], "k", b"new")
    await s3.refused("NoSuchObjectLockConfiguration", "GetObjectLegalHold", **locked)
    old = {**locked, "VersionId": put["VersionId"]}
    await s3("PutObjectLegalHold", LegalHold={"Status": "OFF"}, **old)
    assert (await s3("GetObjectLegalHold", **old))["LegalHold"] == {"Status": "OFF"}
    assert (await s3("HeadObject", **locked))["VersionId"] == new["VersionId"]


async def test_locks_need_a_bucket_with_object_lock(s3, bucket):
    await s3.put(bucket, "k")
    at = {"Bucket": bucket, "Key": "k"}
    retention = {"Mode": "GOVERNANCE", "RetainUntilDate": UNTIL}
    for name, members in (
        ("PutObjectLegalHold", {"LegalHold": {"Status": "ON"}}),
        ("PutObjectRetention", {"Retention": retention}),
        ("GetObjectLegalHold", {}),
        ("GetObjectRetention", {}),
    ):
        await s3.refused("InvalidRequest", name, **members, **at)
    for members in (
        {"ObjectLockLegalHoldStatus": "ON"},
        {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": UNTIL},
    ):
        await s3.refused("InvalidRequest", "PutObject", **members, **at)


@pytest.mark.finding("user-3")
async def test_a_new_object_has_no_retention_that_has_ended(s3, locked):
    ended = {
        "ObjectLockMode": "GOVERNANCE",
        "ObjectLockRetainUntilDate": datetime(2020, 1, 1, tzinfo=UTC),
    }
    at = {**locked, "Key": "new"}
    copy = {"CopySource": f"{locked['Bucket']}/{locked['Key']}"}
    for name, members in (("PutObject", {}), ("CopyObject", copy), ("CreateMultipartUpload", {})):
        error = await s3.refused("InvalidArgument", name, **members, **at, **ended)
        assert error.detail["ArgumentName"] == "x-amz-object-lock-retain-until-date"
        assert error.detail["ArgumentValue"] == "2020-01-01T00:00:00.000Z"


@pytest.mark.parametrize("setting", ["GetObjectAcl", "GetObjectLegalHold", "GetObjectRetention"])
async def test_settings_of_an_object_need_the_object(s3, locked, setting):
    await s3.refused("NoSuchKey", setting, **{**locked, "Key": "none"})
