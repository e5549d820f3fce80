import json
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import md5

import pytest

from s3d.agent.s3.actions import Need
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.principal import ANONYMOUS
from s3d.shared.access_key import owner_named
from tests.agent.stores.access.conftest import ALT, MAIN, NARROW

K = {"Bucket": "bucket", "Key": "k"}


MD5 = b64encode(md5(b"1", usedforsecurity=False).digest()).decode()


async def policy(store, action, *resources, bucket="bucket", **more):
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": action,
        "Resource": [f"arn:aws:s3:::{resource}" for resource in resources],
        **more,
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": statement})
    await store.call(MAIN, "PutBucketPolicy", Bucket=bucket, Policy=document)


async def test_what_does_not_exist_is_shown_to_whoever_may_list(store):
    none = {"Bucket": "bucket", "Key": "none"}
    await policy(store, "s3:GetObject*", "bucket/*")
    assert await store.code(ALT, "GetObject", **K) == "ok"
    assert await store.code(ALT, "GetObject", **none) == "AccessDenied"
    assert await store.code(MAIN, "GetObject", **none) == "NoSuchKey"
    assert await store.code(MAIN, "GetObjectTagging", **none) == "NoSuchKey"
    await policy(store, ["s3:GetObject*", "s3:ListBucket"], "bucket", "bucket/*")
    assert await store.code(ALT, "GetObject", **none) == "NoSuchKey"
    missing = {**K, "VersionId": "0" * 16}
    assert await store.code(ALT, "GetObject", **missing) == "AccessDenied"
    await policy(store, ["s3:GetObject*", "s3:ListBucketVersions"], "bucket", "bucket/*")
    assert await store.code(ALT, "GetObject", **missing) == "NoSuchVersion"


async def test_a_missing_bucket_is_missing_for_everyone_but_for_scopes(store):
    for caller, code in (
        (MAIN, "NoSuchBucket"),
        (ALT, "NoSuchBucket"),
        (ANONYMOUS, "NoSuchBucket"),
        (NARROW, "AccessDenied"),
    ):
        assert await store.code(caller, "ListObjects", Bucket="missing") == code
        assert await store.code(caller, "GetObject", Bucket="missing", Key="k") == code


async def test_a_versions_own_action(store):
    await store.call(
        MAIN, "PutBucketVersioning", Bucket="bucket", VersioningConfiguration={"Status": "Enabled"}
    )
    put = await store.call(MAIN, "PutObject", b"2", **K)
    version = {**K, "VersionId": put.output["VersionId"]}
    await policy(store, "s3:GetObject", "bucket/*")
    assert await store.code(ALT, "GetObject", **K) == "ok"
    assert await store.code(ALT, "GetObject", **version) == "AccessDenied"
    await policy(store, "s3:GetObjectVersion", "bucket/*")
    assert await store.code(ALT, "GetObject", **version) == "ok"
    where = {"StringEquals": {"s3:VersionId": "null"}}
    await policy(store, "s3:GetObjectVersion", "bucket/*", Condition=where)
    assert await store.code(ALT, "GetObject", **version) == "AccessDenied"
    assert await store.code(ALT, "GetObject", **{**K, "VersionId": "null"}) == "ok"


async def test_a_bypass_of_governance_needs_its_own_action(store):
    bypass = {**K, "BypassGovernanceRetention": True}
    await policy(store, "s3:DeleteObject", "bucket/*")
    assert await store.code(ALT, "DeleteObject", **bypass) == "AccessDenied"
    await policy(store, ["s3:DeleteObject", "s3:BypassGovernanceRetention"], "bucket/*")
    # It is allowed, and then the bucket has no object lock.
    assert await store.code(ALT, "DeleteObject", **bypass) == "InvalidArgument"


@pytest.mark.parametrize(("owner", "code"), [("s3d", "ok"), ("alt", "AccessDenied")])
async def test_the_owner_that_a_request_expects(store, owner, code):
    expected = {"ExpectedBucketOwner": owner_named(owner).account_id}
    assert await store.code(MAIN, "GetObject", **K, **expected) == code
    copy = {"Bucket": "bucket", "Key": "copy", "CopySource": "bucket/k"}
    expected = {"ExpectedSourceBucketOwner": owner_named(owner).account_id}
    assert await store.code(MAIN, "CopyObject", **copy, **expected) == code


@pytest.mark.parametrize(
    ("action", "created", "listed"),
    [
        ("s3:GetObject", "AccessDenied", "AccessDenied"),
        ("s3:CreateBucket", "ok", "AccessDenied"),
        ("s3:ListAllMyBuckets", "AccessDenied", "ok"),
    ],
)
async def test_the_policy_of_a_session_decides_without_a_bucket_too(store, action, created, listed):
    """A session for one object makes no buckets and does not see their names."""
    policy = f'{{"Statement": {{"Effect": "Allow", "Action": "{action}", "Resource": "*"}}}}'
    session = replace(MAIN, session_policies=(policy,))
    assert await store.code(session, "CreateBucket", Bucket="new-bucket") == created
    assert await store.code(session, "ListBuckets") == listed


SHOWN = {
    "TagCount": "s3:GetObjectTagging",
    "ObjectLockMode": "s3:GetObjectRetention",
    "ObjectLockRetainUntilDate": "s3:GetObjectRetention",
    "ObjectLockLegalHoldStatus": "s3:GetObjectLegalHold",
}


@pytest.mark.parametrize("caller", [ALT, ANONYMOUS])
@pytest.mark.parametrize("operation", ["GetObject", "HeadObject"])
async def test_tags_and_lock_of_an_object_are_for_those_who_may_read_them(store, caller, operation):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html"""
    await store.call(MAIN, "CreateBucket", Bucket="locked", ObjectLockEnabledForBucket=True)
    lock = {
        "ObjectLockMode": "GOVERNANCE",
        "ObjectLockRetainUntilDate": datetime(2090, 1, 1, tzinfo=UTC),
        "ObjectLockLegalHoldStatus": "ON",
    }
    k = {"Bucket": "locked", "Key": "k"}
    put = await store.call(MAIN, "PutObject", b"1", **k, Tagging="a=b", ContentMD5=MD5, **lock)

    async def shown(who, **members):
        response = await store.call(who, operation, **k, **members)
        return SHOWN.keys() & response.output.keys()

    for granted in (set(), {"s3:GetObjectTagging"}, set(SHOWN.values())):
        await policy(store, ["s3:GetObject", *granted], "locked/*", bucket="locked")
        expected = {member for member, action in SHOWN.items() if action in granted}
        assert await shown(caller) == expected
        assert await shown(MAIN) == SHOWN.keys()
    await policy(
        store, ["s3:GetObjectVersion", "s3:GetObjectVersionTagging"], "locked/*", bucket="locked"
    )
    assert await shown(caller, VersionId=put.output["VersionId"]) == {"TagCount"}


async def test_the_annotations_of_a_copy_are_for_those_who_may_read_them(store):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html"""
    copy = {"Bucket": "bucket", "Key": "copy", "CopySource": "bucket/k"}
    some = ["s3:GetObject", "s3:PutObject"]
    await policy(store, some, "bucket/*")
    assert await store.code(ALT, "CopyObject", **copy) == "ok"
    await store.call(MAIN, "PutObjectAnnotation", b"note", **K, AnnotationName="n")
    assert await store.code(ALT, "CopyObject", **copy) == "AccessDenied"
    assert await store.code(ALT, "CopyObject", **copy, AnnotationDirective="EXCLUDE") == "ok"
    await policy(store, [*some, "s3:GetObjectAnnotation"], "bucket/*")
    assert await store.code(ALT, "CopyObject", **copy) == "AccessDenied"
    await policy(store, [*some, "s3:GetObjectAnnotation", "s3:PutObjectAnnotation"], "bucket/*")
    assert await store.code(ALT, "CopyObject", **copy) == "ok"


async def test_logs_are_not_written_where_the_caller_may_not_write(store):
    await store.call(MAIN, "CreateBucket", Bucket="other")
    status = {"LoggingEnabled": {"TargetBucket": "other", "TargetPrefix": "k"}}
    logging = {"Bucket": "bucket", "BucketLoggingStatus": status}
    assert await store.code(NARROW, "PutBucketLogging", **logging) == "AccessDenied"
    assert await store.code(MAIN, "PutBucketLogging", **logging) == "ok"
    status["LoggingEnabled"]["TargetBucket"] = "bucket"
    assert await store.code(NARROW, "PutBucketLogging", **logging) == "ok"


@pytest.mark.parametrize("caller", [ALT, ANONYMOUS])
@pytest.mark.parametrize(
    ("operation", "members", "action"),
    [
        ("PutObject", {"ObjectLockMode": "COMPLIANCE"}, "s3:PutObjectRetention"),
        ("PutObject", {"ObjectLockLegalHoldStatus": "ON"}, "s3:PutObjectLegalHold"),
        ("CreateMultipartUpload", {"ObjectLockLegalHoldStatus": "ON"}, "s3:PutObjectLegalHold"),
        ("CopyObject", {"ObjectLockLegalHoldStatus": "ON"}, "s3:PutObjectLegalHold"),
    ],
)
async def test_whoever_may_write_may_not_lock(store, caller, operation, members, action):
    """The owner of the bucket could not delete what a stranger has locked."""
    source = {"CopySource": "bucket/k"} if operation == "CopyObject" else {}
    input = {"Bucket": "bucket", "Key": "new", **source, **members}
    request = store.request(caller, operation, **input)
    writing = ["s3:PutObject", "s3:GetObject"]
    await policy(store, writing, "bucket/*")
    with pytest.raises(S3Error, match="AccessDenied"):
        store.layer.authorize(request)
    await policy(store, [*writing, action], "bucket/*")
    store.layer.authorize(request)


@pytest.mark.parametrize(
    ("key", "value", "members"),
    [
        ("s3:x-amz-acl", "bucket-owner-full-control", {"ACL": "bucket-owner-full-control"}),
        ("s3:x-amz-storage-class", "GLACIER", {"StorageClass": "GLACIER"}),
        ("s3:RequestObjectTag/a", "b", {"Tagging": "a=b"}),
    ],
)
async def test_a_condition_on_a_new_object_holds_for_the_parts_of_its_upload(
    store, key, value, members
):
    """Clients send these headers with CreateMultipartUpload only."""
    await policy(store, "s3:PutObject", "bucket/*", Condition={"StringEquals": {key: value}})
    begun = await store.call(ALT, "CreateMultipartUpload", **K, **members)
    upload = {**K, "UploadId": begun.output["UploadId"]}
    part = await store.call(ALT, "UploadPart", b"1", **upload, PartNumber=1)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part.output["ETag"]}]}
    assert await store.code(ALT, "CompleteMultipartUpload", **upload, MultipartUpload=parts) == "ok"
    other = await store.call(MAIN, "CreateMultipartUpload", **K)
    upload = {**K, "UploadId": other.output["UploadId"]}
    assert await store.code(ALT, "UploadPart", **upload, PartNumber=1) == "AccessDenied"


@pytest.mark.parametrize(
    ("operation", "source"),
    [
        ("CopyObject", {"CopySource": "bucket/{}"}),
        ("UploadPartCopy", {"CopySource": "bucket/{}", "UploadId": "none", "PartNumber": 1}),
        ("RenameObject", {"RenameSource": "{}"}),
        ("RenameObject", {"RenameSource": "bucket/{}"}),
    ],
)
async def test_a_missing_source_is_hidden_from_whoever_may_not_list(store, operation, source):
    """Without that, a copy would tell which keys exist."""
    writing = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:RenameObject"]

    def request(key):
        named = {name: str(value).format(key) for name, value in source.items()}
        return store.request(ALT, operation, Bucket="bucket", Key="new", **named)

    await policy(store, writing, "bucket/*")
    store.layer.authorize(request("k"))
    with pytest.raises(S3Error, match="AccessDenied"):
        store.layer.authorize(request("none"))
    await policy(store, [*writing, "s3:ListBucket"], "bucket", "bucket/*")
    store.layer.authorize(request("none"))


@pytest.mark.parametrize("operation", ["GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"])
async def test_the_policy_of_a_bucket_is_for_its_own_account(store, operation):
    """Whoever may put it could lock the owner out."""
    members = {"Policy": "{}"} if operation == "PutBucketPolicy" else {}
    assert await store.code(ALT, operation, Bucket="bucket", **members) == "AccessDenied"
    await policy(store, "s3:*", "bucket", "bucket/*")
    for caller in (ALT, ANONYMOUS):
        code = await store.code(caller, operation, Bucket="bucket", **members)
        assert code == "MethodNotAllowed"
        need = Need(f"s3:{operation}", "bucket")
        assert "account that owns" in store.layer._authorization.explain(need, caller).reason
    assert await store.code(MAIN, "GetBucketPolicy", Bucket="bucket") == "ok"


async def test_whoever_may_not_read_learns_no_etag(store):
    """AWS: a write or a deletion that names an ETag needs s3:GetObject too."""
    etag = (await store.call(MAIN, "HeadObject", **K)).output["ETag"]
    one = {"Bucket": "bucket", "Delete": {"Objects": [{"Key": "k", "ETag": etag}]}}
    await policy(store, ["s3:PutObject", "s3:DeleteObject"], "bucket/*")
    for guess in (etag, '"guess"'):
        assert await store.code(ALT, "PutObject", IfMatch=guess, **K) == "AccessDenied"
        assert await store.code(ALT, "DeleteObject", IfMatch=guess, **K) == "AccessDenied"
        complete = store.request(
            ALT, "CompleteMultipartUpload", IfMatch=guess, UploadId="none", **K
        )
        with pytest.raises(S3Error, match="AccessDenied"):
            store.layer.authorize(complete)
    errors = (await store.call(ALT, "DeleteObjects", **one)).output["Errors"]
    assert [row["Code"] for row in errors] == ["AccessDenied"]
    await policy(store, ["s3:GetObject", "s3:DeleteObject"], "bucket/*")
    assert not (await store.call(ALT, "DeleteObjects", **one)).output.get("Errors")


async def test_a_policy_demands_conditional_deletions(store):
    """The second example of AWS, by each key of DeleteObjects."""
    condition = {"Null": {"s3:if-match": "false"}}
    await policy(store, "s3:DeleteObject", "bucket/*", Condition=condition)
    assert await store.code(ALT, "DeleteObject", **K) == "AccessDenied"
    objects = [{"Key": "k", "ETag": "*"}, {"Key": "other"}]
    deleted = await store.call(ALT, "DeleteObjects", Bucket="bucket", Delete={"Objects": objects})
    assert [row["Key"] for row in deleted.output["Deleted"]] == ["k"]
    assert [row["Key"] for row in deleted.output["Errors"]] == ["other"]


@pytest.mark.parametrize("caller", [ALT, ANONYMOUS])
async def test_an_append_needs_to_read(store, caller):
    """Its answer has the ETag and the checksum of the whole object."""
    await store.call(MAIN, "PutBucketAcl", ACL="public-read-write", Bucket="bucket")
    append = {**K, "body": b"more", "WriteOffsetBytes": 4}
    assert await store.code(caller, "PutObject", **append) == "AccessDenied"
    await store.call(MAIN, "PutObjectAcl", ACL="public-read", **K)
    assert await store.code(caller, "PutObject", **append) == "ok"
