"""Settings of buckets: given back as they were put, absent in the way of AWS.

The settings are those of the model: a new Put operation appears here by itself. The values are made
from its shapes, every member set, but for what EXAMPLES says.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request
from s3d.agent.s3.model import UNKNOWN, operations, service

ELSEWHERE = {
    "PutBucketAcl": "test_access.py",
    "PutBucketLifecycle": "deprecated",
    "PutBucketNotification": "deprecated",
    "PutBucketTagging": "test_tags.py",
    "PutBucketVersioning": "test_versions.py",
}
SETTINGS = sorted(
    name
    for name, op in operations().items()
    if name.startswith("Put") and op.scope == "bucket" and name not in ELSEWHERE
)
FAMILIES = [name for name in SETTINGS if "Id" in service().input_of(name).members]
SINGLE = [name for name in SETTINGS if name not in FAMILIES]

ABSENT = {
    "PutBucketAbac": {"AbacStatus": {"Status": "Disabled"}},
    "PutBucketAccelerateConfiguration": {},
    "PutBucketCors": "NoSuchCORSConfiguration",
    "PutBucketEncryption": "ServerSideEncryptionConfigurationNotFoundError",
    "PutBucketLifecycleConfiguration": "NoSuchLifecycleConfiguration",
    "PutBucketLogging": {},
    "PutBucketNotificationConfiguration": {},
    "PutBucketOwnershipControls": "OwnershipControlsNotFoundError",
    "PutBucketPolicy": "NoSuchBucketPolicy",
    "PutBucketReplication": "ReplicationConfigurationNotFoundError",
    "PutBucketRequestPayment": {"Payer": "BucketOwner"},
    "PutBucketWebsite": "NoSuchWebsiteConfiguration",
    "PutObjectLockConfiguration": "ObjectLockConfigurationNotFoundError",
    "PutPublicAccessBlock": "NoSuchPublicAccessBlockConfiguration",
}
"""What the Get says when nothing was put."""

DELETES = {
    "PutBucketCors": "DeleteBucketCors",
    "PutBucketEncryption": "DeleteBucketEncryption",
    "PutBucketLifecycleConfiguration": "DeleteBucketLifecycle",
    "PutBucketOwnershipControls": "DeleteBucketOwnershipControls",
    "PutBucketPolicy": "DeleteBucketPolicy",
    "PutBucketReplication": "DeleteBucketReplication",
    "PutBucketWebsite": "DeleteBucketWebsite",
    "PutPublicAccessBlock": "DeletePublicAccessBlock",
}

STATEMENT = {
    "Effect": "Allow",
    "Principal": "*",
    "Action": "s3:GetObject",
    "Resource": "arn:aws:s3:::*/*",
}
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [STATEMENT]})

MADE: dict[str, Any] = {
    "boolean": True,
    "integer": 1,
    "long": 1,
    "string": "text",
    "timestamp": datetime(2031, 1, 2, tzinfo=UTC),
}


def made(shape_name: str, above: tuple[str, ...] = ()) -> Any:
    """A value of a shape with every member set; a shape within itself is left out."""
    shape = service().shapes[shape_name]
    if shape.enum:
        return shape.enum[0]
    if shape.type == "list":
        return [made(shape.member.shape, above)]
    if shape.type != "structure":
        return MADE[shape.type]
    return {
        name: made(member.shape, (*above, shape_name))
        for name, member in shape.members.items()
        if member.shape not in above
    }


def example(name: str, bucket: str) -> Any:
    """The payload for a Put."""
    shape = service().input_of(name)
    value = made(shape.members[shape.payload].shape)
    match name:
        case "PutBucketCors":
            value["CORSRules"][0]["AllowedMethods"] = ["GET", "PUT"]
        case "PutBucketEncryption":
            del value["Rules"][0]["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]
        case "PutBucketInventoryConfiguration":
            value["Destination"]["S3BucketDestination"]["Bucket"] = f"arn:aws:s3:::{bucket}"
        case "PutBucketLifecycleConfiguration":
            rule = value["Rules"][0]
            del rule["Expiration"]["Date"], rule["Expiration"]["ExpiredObjectDeleteMarker"]
            del rule["Transitions"][0]["Date"], rule["Prefix"]
            rule["Filter"] = {"And": {**rule["Filter"]["And"], "ObjectSizeLessThan": 2}}
            rule["Expiration"]["Days"] = rule["NoncurrentVersionExpiration"]["NoncurrentDays"] = 2
            # Uploads have neither tags nor a size.
            abort = {"AbortIncompleteMultipartUpload": rule.pop("AbortIncompleteMultipartUpload")}
            value["Rules"].append({**abort, "ID": "uploads", "Status": "Enabled", "Filter": {}})
        case "PutBucketLogging":
            value["LoggingEnabled"]["TargetBucket"] = bucket
        case "PutBucketNotificationConfiguration":
            # The others name targets of a configuration: local/test_notifications.py has them.
            return {"EventBridgeConfiguration": {}}
        case "PutBucketPolicy":
            return POLICY
        case "PutBucketReplication":
            value["Rules"][0]["Destination"]["Bucket"] = f"arn:aws:s3:::{bucket}"
        case "PutBucketWebsite":
            del value["RedirectAllRequestsTo"]
            redirect = value["RoutingRules"][0]["Redirect"]
            del redirect["ReplaceKeyWith"]
            redirect["HttpRedirectCode"] = "301"
        case "PutObjectLockConfiguration":
            del value["Rule"]["DefaultRetention"]["Years"]
    return value


def get_of(put: str) -> str:
    return put.replace("Put", "Get", 1)


async def put(s3, name: str, bucket: str, value: Any = None, **members: Any):
    payload = service().input_of(name).payload
    value = example(name, bucket) if value is None else value
    return await s3(name, Bucket=bucket, **{payload: value}, **members)


async def refused(s3, code: str, name: str, bucket: str, value: Any, **members: Any):
    payload = service().input_of(name).payload
    return await s3.refused(code, name, Bucket=bucket, **{payload: value}, **members)


def kept(name: str, output: dict[str, Any]) -> Any:
    """The setting in the output of its Get: one member, or all that its payload has."""
    payload = service().output_of(get_of(name)).payload
    if payload:
        return output[payload]
    given = service().input_of(name)
    shape = service().shapes[given.members[given.payload].shape]
    return {member: value for member, value in output.items() if member in shape.members}


def test_every_setting_of_the_model_is_known_here():
    assert set(SINGLE) == set(ABSENT)


@pytest.mark.parametrize("setting", SINGLE)
async def test_a_setting_comes_back_as_it_was_put(s3, versioned, setting):
    value = example(setting, versioned)
    await put(s3, setting, versioned)
    got = await s3(get_of(setting), Bucket=versioned)
    assert kept(setting, got.output) == value


@pytest.mark.parametrize("setting", SINGLE)
async def test_a_setting_is_absent_in_its_own_way(s3, bucket, setting):
    absent = ABSENT[setting]
    if isinstance(absent, str):
        error = await s3.refused(absent, get_of(setting), Bucket=bucket)
        assert error.status == 404
    else:
        got = await s3(get_of(setting), Bucket=bucket)
        assert {member: value for member, value in got.output.items() if value} == absent


@pytest.mark.parametrize("setting", DELETES)
async def test_a_setting_is_deleted_and_may_be_deleted_again(s3, versioned, setting):
    await put(s3, setting, versioned)
    for _ in range(2):
        assert (await s3(DELETES[setting], Bucket=versioned)).status == 204
        await s3.refused(ABSENT[setting], get_of(setting), Bucket=versioned)


@pytest.mark.parametrize("setting", SINGLE)
async def test_a_setting_goes_with_its_bucket(s3, versioned, setting):
    await put(s3, setting, versioned)
    await s3("DeleteBucket", Bucket=versioned)
    await s3("CreateBucket", Bucket=versioned)
    code = await s3.code(get_of(setting), Bucket=versioned)
    assert code == (ABSENT[setting] if isinstance(ABSENT[setting], str) else "")


@pytest.mark.parametrize("setting", SINGLE)
async def test_settings_need_their_bucket(s3, setting):
    members = {"Bucket": "no-such-bucket"}
    await refused(s3, "NoSuchBucket", setting, "no-such-bucket", example(setting, "no-such-bucket"))
    await s3.refused("NoSuchBucket", get_of(setting), **members)
    if setting in DELETES:
        await s3.refused("NoSuchBucket", DELETES[setting], **members)


@pytest.mark.parametrize("setting", FAMILIES)
async def test_configurations_by_id(s3, bucket, setting):
    stem = setting.removeprefix("Put")
    for id in ("b", "a"):
        await put(s3, setting, bucket, {**example(setting, bucket), "Id": id}, Id=id)
    payload = service().input_of(setting).payload
    got = await s3(f"Get{stem}", Bucket=bucket, Id="a")
    assert got[payload] == {**example(setting, bucket), "Id": "a"}
    listed = await s3(f"List{stem}s", Bucket=bucket)
    assert listed["IsTruncated"] is False
    assert listed.names(f"{payload}List", "Id") == ["a", "b"]
    assert (await s3(f"Delete{stem}", Bucket=bucket, Id="a")).status == 204
    await s3.refused("NoSuchConfiguration", f"Get{stem}", Bucket=bucket, Id="a")
    await s3.refused("NoSuchConfiguration", f"Delete{stem}", Bucket=bucket, Id="a")
    assert (await s3(f"List{stem}s", Bucket=bucket)).names(f"{payload}List", "Id") == ["b"]


async def test_configurations_are_listed_in_pages(s3, bucket):
    name = "PutBucketMetricsConfiguration"
    ids = [f"id{number:03}" for number in range(105)]
    for id in ids:
        await put(s3, name, bucket, {"Id": id}, Id=id)
    page = await s3("ListBucketMetricsConfigurations", Bucket=bucket)
    assert page["IsTruncated"] is True
    found = page.names("MetricsConfigurationList", "Id")
    token = page["NextContinuationToken"]
    page = await s3("ListBucketMetricsConfigurations", Bucket=bucket, ContinuationToken=token)
    assert page["IsTruncated"] is False
    assert found + page.names("MetricsConfigurationList", "Id") == ids
    await s3.refused(
        "InvalidArgument", "ListBucketMetricsConfigurations", Bucket=bucket, ContinuationToken="x"
    )


REFUSED = [
    ("PutBucketAccelerateConfiguration", {}, "MalformedXML"),
    ("PutBucketCors", {"CORSRules": []}, "MalformedXML"),
    ("PutBucketCors", {"CORSRules": [{"AllowedMethods": ["GET"]}]}, "MalformedXML"),
    ("PutBucketCors", {"CORSRules": [{"AllowedOrigins": ["*"]}]}, "MalformedXML"),
    (
        "PutBucketCors",
        {"CORSRules": [{"AllowedMethods": ["PATCH"], "AllowedOrigins": ["*"]}]},
        "InvalidRequest",
    ),
    (
        "PutBucketCors",
        {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["http://*.x.*"]}]},
        "InvalidRequest",
    ),
    ("PutBucketEncryption", {"Rules": []}, "MalformedXML"),
    (
        "PutBucketEncryption",
        {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "ROT13"}}]},
        "MalformedXML",
    ),
    ("PutBucketLifecycleConfiguration", {"Rules": []}, "MalformedXML"),
    (
        "PutBucketLifecycleConfiguration",
        {"Rules": [{"Status": "Enabled", "Filter": {}}]},
        "InvalidRequest",
    ),
    (
        "PutBucketLifecycleConfiguration",
        {"Rules": [{"Status": "On", "Filter": {}, "Expiration": {"Days": 1}}]},
        "MalformedXML",
    ),
    (
        "PutBucketLifecycleConfiguration",
        {"Rules": 2 * [{"ID": "a", "Status": "Enabled", "Prefix": "", "Expiration": {"Days": 1}}]},
        "InvalidArgument",
    ),
    (
        "PutBucketLogging",
        {"LoggingEnabled": {"TargetBucket": "no-such-bucket", "TargetPrefix": ""}},
        "InvalidTargetBucketForLogging",
    ),
    ("PutBucketOwnershipControls", {"Rules": []}, "MalformedXML"),
    ("PutBucketPolicy", "no json", "MalformedPolicy"),
    ("PutBucketPolicy", "[]", "MalformedPolicy"),
    ("PutBucketPolicy", "{}", "MalformedPolicy"),
    ("PutBucketPolicy", "[" * 10_000, "MalformedPolicy"),
    ("PutBucketPolicy", json.dumps({"Statement": [{"Effect": "Allow"}]}), "MalformedPolicy"),
    ("PutBucketPolicy", json.dumps({"Statement": ["x"]}), "MalformedPolicy"),
    (
        "PutBucketPolicy",
        json.dumps({"Statement": [{**STATEMENT, "Sid": "x" * 20_480}]}),
        "MalformedPolicy",
    ),
    ("PutBucketWebsite", {}, "InvalidArgument"),
    ("PutBucketWebsite", {"IndexDocument": {"Suffix": "a/b"}}, "InvalidArgument"),
    (
        "PutBucketWebsite",
        {"RedirectAllRequestsTo": {"HostName": "h"}, "IndexDocument": {"Suffix": "i"}},
        "InvalidArgument",
    ),
    ("PutObjectLockConfiguration", {"ObjectLockEnabled": "Disabled"}, "MalformedXML"),
    (
        "PutObjectLockConfiguration",
        {
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1, "Years": 1}},
        },
        "MalformedXML",
    ),
    (
        "PutObjectLockConfiguration",
        {
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 0}},
        },
        "InvalidArgument",
    ),
]


@pytest.mark.parametrize(("setting", "value", "code"), REFUSED)
async def test_a_setting_that_is_none_is_refused_and_the_old_one_stays(
    s3, versioned, setting, value, code
):
    await put(s3, setting, versioned)
    before = (await s3(get_of(setting), Bucket=versioned)).output
    await refused(s3, code, setting, versioned, value)
    assert (await s3(get_of(setting), Bucket=versioned)).output == before


async def test_settings_that_need_versions(s3, bucket):
    for name, code in (
        ("PutBucketReplication", "InvalidRequest"),
        ("PutObjectLockConfiguration", "InvalidBucketState"),
    ):
        await refused(s3, code, name, bucket, example(name, bucket))


async def test_a_bucket_born_with_object_lock_says_so_and_has_versions(s3, name):
    await s3("CreateBucket", Bucket=name, ObjectLockEnabledForBucket=True)
    got = await s3("GetObjectLockConfiguration", Bucket=name)
    assert got["ObjectLockConfiguration"] == {"ObjectLockEnabled": "Enabled"}
    assert (await s3("GetBucketVersioning", Bucket=name))["Status"] == "Enabled"


@pytest.mark.parametrize(
    ("change", "public"),
    [
        ({}, True),
        ({"Principal": {"AWS": "*"}}, True),
        ({"Principal": {"AWS": ["arn:aws:iam::1:root", "*"]}}, True),
        ({"Principal": {"AWS": "arn:aws:iam::1:root"}}, False),
        ({"Effect": "Deny"}, False),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}, False),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}}, True),
        ({"Condition": {"StringLike": {"aws:Referer": "https://x/"}}}, True),
    ],
)
async def test_the_status_of_a_policy_says_whether_it_is_public(s3, bucket, change, public):
    got = await s3("GetBucketPolicyStatus", Bucket=bucket)
    assert got["PolicyStatus"]["IsPublic"] is False
    await put(s3, "PutBucketPolicy", bucket, json.dumps({"Statement": {**STATEMENT, **change}}))
    got = await s3("GetBucketPolicyStatus", Bucket=bucket)
    assert got["PolicyStatus"]["IsPublic"] is public


async def test_an_unknown_operation_is_not_implemented_and_changes_nothing(s3, bucket):
    await s3.put(bucket, "k", b"data")
    for members in ({"Bucket": bucket}, {"Bucket": bucket, "Key": "k"}):
        with pytest.raises(S3Error, match="NotImplemented"):
            await s3.store.call(S3Request(UNKNOWN, members))
    assert await s3.read(bucket, "k") == b"data"
    assert await s3.keys(bucket) == ["k"]
