"""Who may do what, by real clients: owners, other accounts, keys with a scope, and nobody.

Each case is one that AWS's documentation decides:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-policy-language-overview.html
"""

from __future__ import annotations

import json
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError

from tests.agent_process import AgentProcess, launch
from tests.e2e.principals import (
    ALL_USERS,
    ALT_ACCOUNT,
    ALT_ID,
    MAIN_ID,
    Principals,
    allow,
    outcome,
    statement,
    with_headers,
)

READ = {"private": False, "public-read": True, "public-read-write": True}
WRITE = {"private": False, "public-read": False, "public-read-write": True}


@pytest.fixture(scope="module")
def who(agent: AgentProcess) -> Principals:
    return Principals(agent)


@pytest.mark.rule("ACCESS-2")
@pytest.mark.parametrize("bucket_acl", READ)
@pytest.mark.parametrize("object_acl", READ)
@pytest.mark.parametrize("caller", ["alt", "anonymous"])
def test_what_canned_lists_allow(
    who: Principals, caller: str, object_acl: str, bucket_acl: str
) -> None:
    """The cases `access bucket ... object ...` in all combinations."""
    client, bucket = getattr(who, caller), who.bucket(ACL=bucket_acl)
    who.main.put_object(Bucket=bucket, Key="given", Body=b"1", ACL=object_acl)
    who.main.put_object(Bucket=bucket, Key="plain", Body=b"2")
    expected = {
        "given": READ[object_acl],
        "plain": False,
        "list": READ[bucket_acl],
        "list v2": READ[bucket_acl],
        "list versions": READ[bucket_acl],
        "uploads": READ[bucket_acl],
        "head": READ[bucket_acl],
        "put": WRITE[bucket_acl],
        "overwrite": WRITE[bucket_acl],
        "delete": False,
        "acl": False,
        "bucket acl": False,
        "put acl": False,
        "policy": False,
    }
    at = {"Bucket": bucket}
    found = {
        "given": outcome(client.get_object, Key="given", **at),
        "plain": outcome(client.get_object, Key="plain", **at),
        "list": outcome(client.list_objects, **at),
        "list v2": outcome(client.list_objects_v2, **at),
        "list versions": outcome(client.list_object_versions, **at),
        "uploads": outcome(client.list_multipart_uploads, **at),
        "head": outcome(client.head_bucket, **at),
        "put": outcome(client.put_object, Key="new", Body=b"3", **at),
        "overwrite": outcome(client.put_object, Key="plain", Body=b"4", **at),
        "delete": outcome(client.delete_object, Key="given", **at),
        "acl": outcome(client.get_object_acl, Key="given", **at),
        "bucket acl": outcome(client.get_bucket_acl, **at),
        "put acl": outcome(client.put_bucket_acl, ACL="private", **at),
        "policy": outcome(client.get_bucket_policy, **at),
    }
    refused = {"403", "AccessDenied"}
    assert {name: code == "ok" for name, code in found.items()} == expected, found
    assert {code for code in found.values() if code != "ok"} <= refused


def test_authenticated_read_is_for_who_has_a_key(who: Principals) -> None:
    bucket = who.bucket(ACL="authenticated-read")
    who.main.put_object(Bucket=bucket, Key="k", ACL="authenticated-read")
    at = {"Bucket": bucket, "Key": "k"}
    assert outcome(who.alt.get_object, **at) == "ok"
    assert outcome(who.alt.list_objects, Bucket=bucket) == "ok"
    assert outcome(who.anonymous.get_object, **at) == "AccessDenied"
    assert outcome(who.anonymous.list_objects, Bucket=bucket) == "AccessDenied"


@pytest.mark.rule("ACCESS-3")
def test_a_missing_object_is_hidden_from_who_may_not_list(who: Principals) -> None:
    """object raw get object gone, bucket gone; object delete key bucket gone."""
    private, listed = who.bucket(), who.bucket(ACL="public-read")
    for client in (who.alt, who.anonymous):
        assert outcome(client.get_object, Bucket=private, Key="none") == "AccessDenied"
        assert outcome(client.head_object, Bucket=private, Key="none") == "403"
        assert outcome(client.get_object, Bucket=listed, Key="none") == "NoSuchKey"
        assert outcome(client.head_object, Bucket=listed, Key="none") == "404"
        for call in (client.get_object, client.delete_object):
            assert outcome(call, Bucket="no-such-bucket", Key="k") == "NoSuchBucket"
        assert outcome(client.list_objects, Bucket="no-such-bucket") == "NoSuchBucket"


def grants(answer: Any) -> set[tuple[str, str]]:
    return {
        (grant["Grantee"].get("URI") or grant["Grantee"]["ID"], grant["Permission"])
        for grant in answer["Grants"]
    }


@pytest.mark.parametrize(
    ("permission", "may"),
    [
        ("FULL_CONTROL", {"list", "put", "get acl", "put acl"}),
        ("READ", {"list"}),
        ("WRITE", {"put"}),
        ("READ_ACP", {"get acl"}),
        ("WRITE_ACP", {"put acl"}),
    ],
)
def test_what_a_grant_to_a_user_allows(who: Principals, permission: str, may: set[str]) -> None:
    """bucket acl grant userid ...; also with the headers."""
    bucket = who.bucket()
    header = {
        "FULL_CONTROL": "GrantFullControl",
        "READ": "GrantRead",
        "WRITE": "GrantWrite",
        "READ_ACP": "GrantReadACP",
        "WRITE_ACP": "GrantWriteACP",
    }[permission]
    who.main.put_bucket_acl(Bucket=bucket, **{header: f"id={ALT_ID}"})
    acl = who.main.get_bucket_acl(Bucket=bucket)
    assert grants(acl) == {(ALT_ID, permission)}
    assert acl["Grants"][0]["Grantee"]["DisplayName"] == "alt"
    found = {
        "list": outcome(who.alt.list_objects, Bucket=bucket),
        "put": outcome(who.alt.put_object, Bucket=bucket, Key="k"),
        "get acl": outcome(who.alt.get_bucket_acl, Bucket=bucket),
        "put acl": outcome(who.alt.put_bucket_acl, Bucket=bucket, GrantRead=f"id={ALT_ID}"),
    }
    assert {name for name, code in found.items() if code == "ok"} == may, found
    assert outcome(who.main.list_objects, Bucket=bucket) == "ok"
    assert outcome(who.main.put_object, Bucket=bucket, Key="k") == "ok"


@pytest.mark.parametrize("operation", ["PutObject", "CopyObject", "CreateMultipartUpload"])
def test_a_write_keeps_a_grant_to_write(who: Principals, operation: str) -> None:
    """object header acl grants: it means nothing for an object, but PutObjectAcl has it as well."""
    at = {"Bucket": who.bucket(), "Key": "k"}
    who.main.put_object(**at)
    more = {"CopySource": {**at}, "StorageClass": "STANDARD"} if operation == "CopyObject" else {}
    made = with_headers(who.main, operation, x_amz_grant_write=f"id={ALT_ID}")(**at, **more)
    if "UploadId" in made:
        part = who.main.upload_part(**at, UploadId=made["UploadId"], PartNumber=1)
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        upload = {**at, "UploadId": made["UploadId"]}
        who.main.complete_multipart_upload(**upload, MultipartUpload=parts)
    assert grants(who.main.get_object_acl(**at)) == {(ALT_ID, "WRITE")}


def test_a_grant_to_nobody_is_refused(who: Principals) -> None:
    """bucket acl grant nonexist user; by an address: UnresolvableGrantByEmailAddress."""
    bucket = who.bucket()
    for header, code in (
        ("id=_foo", "InvalidArgument"),
        ("emailAddress=doesnotexist@example.com", "UnresolvableGrantByEmailAddress"),
    ):
        assert outcome(who.main.put_bucket_acl, Bucket=bucket, GrantRead=header) == code
        assert outcome(who.main.put_object, Bucket=bucket, Key="k", GrantRead=header) == code


@pytest.mark.parametrize(
    ("canned", "expected"),
    [
        ("bucket-owner-read", {(ALT_ID, "FULL_CONTROL"), (MAIN_ID, "READ")}),
        ("bucket-owner-full-control", {(ALT_ID, "FULL_CONTROL"), (MAIN_ID, "FULL_CONTROL")}),
        ("private", {(ALT_ID, "FULL_CONTROL")}),
        ("public-read", {(ALL_USERS, "READ"), (ALT_ID, "FULL_CONTROL")}),
    ],
)
def test_an_object_belongs_to_its_writer(
    who: Principals, canned: str, expected: set[tuple[str, str]]
) -> None:
    """object acl canned bucketownerread, bucketownerfullcontrol."""
    bucket = who.bucket(ACL="public-read-write")
    who.alt.put_object(Bucket=bucket, Key="k", Body=b"1")
    at = {"Bucket": bucket, "Key": "k"}
    assert outcome(who.main.get_object, **at) == "AccessDenied"
    assert outcome(who.main.get_object_acl, **at) == "AccessDenied"
    who.alt.put_object_acl(ACL=canned, **at)
    acl = who.alt.get_object_acl(**at)
    assert (acl["Owner"], grants(acl)) == ({"ID": ALT_ID, "DisplayName": "alt"}, expected)
    may_read = canned != "private"
    assert (outcome(who.main.get_object, **at) == "ok") is may_read
    may_see = canned == "bucket-owner-full-control"
    assert (outcome(who.main.get_object_acl, **at) == "ok") is may_see
    listed = who.main.list_objects(Bucket=bucket)["Contents"]
    assert [row["Owner"]["ID"] for row in listed] == [ALT_ID]
    assert outcome(who.main.delete_object, **at) == "ok"


def test_a_bucket_belongs_to_one_account(who: Principals) -> None:
    """bucket create exists nonowner; bucket recreate overwrite acl, new acl."""
    bucket = who.bucket()
    assert outcome(who.alt.create_bucket, Bucket=bucket) == "BucketAlreadyExists"
    assert outcome(who.main.create_bucket, Bucket=bucket) == "ok"
    assert outcome(who.main.create_bucket, Bucket=bucket, ACL="public-read") != "ok"
    public = who.bucket(ACL="public-read")
    assert outcome(who.main.create_bucket, Bucket=public) == "BucketAlreadyExists"
    assert outcome(who.anonymous.create_bucket, Bucket="anonymous-bucket") == "AccessDenied"
    assert outcome(who.anonymous.list_buckets) == "AccessDenied"
    names = [each["Name"] for each in who.alt.list_buckets()["Buckets"]]
    assert bucket not in names
    mine = who.main.list_buckets()
    assert bucket in [each["Name"] for each in mine["Buckets"]]
    assert mine["Owner"]["ID"] == MAIN_ID


def test_versions_have_lists_of_their_own(who: Principals) -> None:
    """versioned object acl."""
    bucket = who.bucket()
    who.main.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    old = who.main.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    who.main.put_object(Bucket=bucket, Key="k", Body=b"2")
    at = {"Bucket": bucket, "Key": "k"}
    who.main.put_object_acl(VersionId=old, ACL="public-read", **at)
    assert outcome(who.anonymous.get_object, VersionId=old, **at) == "ok"
    assert outcome(who.anonymous.get_object, **at) == "AccessDenied"
    acl = who.main.get_object_acl(VersionId=old, **at)
    assert grants(acl) == {(ALL_USERS, "READ"), (MAIN_ID, "FULL_CONTROL")}


# ---------------------------------------------------------------- policies


@pytest.mark.rule("ACCESS-4")
def test_a_policy_opens_a_bucket_to_others(who: Principals) -> None:
    """bucket policy, bucketv2 policy, another bucket."""
    bucket = who.bucket()
    who.main.put_object(Bucket=bucket, Key="k", Body=b"1")
    who.policy(bucket, allow("s3:ListBucket", bucket, f"{bucket}/*"))
    for client in (who.alt, who.anonymous):
        assert outcome(client.list_objects, Bucket=bucket) == "ok"
        assert outcome(client.list_objects_v2, Bucket=bucket) == "ok"
        assert outcome(client.get_object, Bucket=bucket, Key="k") == "AccessDenied"
        assert outcome(client.get_object, Bucket=bucket, Key="none") == "NoSuchKey"
    who.main.delete_bucket_policy(Bucket=bucket)
    assert outcome(who.alt.list_objects, Bucket=bucket) == "AccessDenied"


@pytest.mark.rule("ACCESS-1")
def test_a_deny_wins_over_a_list(who: Principals) -> None:
    """bucket policy acl: a list that allows and a policy that denies."""
    bucket = who.bucket(ACL="public-read")
    who.main.put_object(Bucket=bucket, Key="k", ACL="public-read")
    who.policy(bucket, statement("Deny", ["s3:ListBucket", "s3:GetObject"], bucket, f"{bucket}/*"))
    for client in (who.alt, who.anonymous, who.main):
        assert outcome(client.list_objects, Bucket=bucket) == "AccessDenied"
        assert outcome(client.get_object, Bucket=bucket, Key="k") == "AccessDenied"
    assert outcome(who.main.get_bucket_policy, Bucket=bucket) == "ok"
    who.main.delete_bucket_policy(Bucket=bucket)
    assert outcome(who.anonymous.list_objects, Bucket=bucket) == "ok"


@pytest.mark.parametrize("by", ["arn", "account", "canonical"])
def test_a_policy_names_an_account(who: Principals, by: str) -> None:
    bucket = who.bucket()
    principal = {
        "arn": {"AWS": f"arn:aws:iam::{ALT_ACCOUNT}:root"},
        "account": {"AWS": ALT_ACCOUNT},
        "canonical": {"CanonicalUser": ALT_ID},
    }[by]
    who.policy(bucket, allow("s3:ListBucket", bucket, Principal=principal))
    assert outcome(who.alt.list_objects, Bucket=bucket) == "ok"
    assert outcome(who.anonymous.list_objects, Bucket=bucket) == "AccessDenied"


def test_a_grant_to_all_but_some_is_refused(who: Principals) -> None:
    """bucket policy allow notprincipal."""
    bucket = who.bucket()
    given = allow("s3:ListBucket", bucket, NotPrincipal={"AWS": ALT_ACCOUNT})
    del given["Principal"]
    with pytest.raises(ClientError, match="MalformedPolicy"):
        who.policy(bucket, given)


def test_conditions_on_tags(who: Principals) -> None:
    """bucket policy get obj (tagging, acl) existing tag, put obj tagging existing tag."""
    bucket = who.bucket()
    for key, value in (("public", "public"), ("private", "private"), ("other", None)):
        who.main.put_object(Bucket=bucket, Key=key, Body=b"1")
        tag = {"Key": "security" if value else "else", "Value": value or "public"}
        who.main.put_object_tagging(Bucket=bucket, Key=key, Tagging={"TagSet": [tag]})
    if_public = {"StringEquals": {"s3:ExistingObjectTag/security": "public"}}
    actions = ["s3:GetObject", "s3:GetObjectTagging", "s3:PutObjectTagging", "s3:GetObjectAcl"]
    who.policy(bucket, allow(actions, f"{bucket}/*", Condition=if_public))
    tagging = {"TagSet": [{"Key": "security", "Value": "public"}, {"Key": "b", "Value": "c"}]}
    for key, code in (("public", "ok"), ("private", "AccessDenied"), ("other", "AccessDenied")):
        at = {"Bucket": bucket, "Key": key}
        assert outcome(who.alt.get_object, **at) == code
        assert outcome(who.alt.get_object_tagging, **at) == code
        assert outcome(who.alt.get_object_acl, **at) == code
        assert outcome(who.alt.put_object_tagging, Tagging=tagging, **at) == code
    gone = {"TagSet": [{"Key": "security", "Value": "private"}]}
    at = {"Bucket": bucket, "Key": "public"}
    assert outcome(who.alt.put_object_tagging, Tagging=gone, **at) == "ok"
    assert outcome(who.alt.get_object, **at) == "AccessDenied"


def test_conditions_on_what_is_written(who: Principals) -> None:
    """bucket policy put obj acl, put obj grant, put obj request obj tag, put obj copy source."""
    bucket = who.bucket()
    objects = f"{bucket}/*"
    no_public = {"StringLike": {"s3:x-amz-acl": "public*"}}
    who.policy(
        bucket,
        allow("s3:PutObject", objects),
        statement("Deny", "s3:PutObject", objects, Condition=no_public),
    )
    at = {"Bucket": bucket, "Key": "k"}
    assert outcome(who.alt.put_object, **at) == "ok"
    assert outcome(who.alt.put_object, ACL="public-read", **at) == "AccessDenied"
    full = {"StringEquals": {"s3:x-amz-grant-full-control": f"id={MAIN_ID}"}}
    who.policy(bucket, allow("s3:PutObject", objects, Condition=full))
    assert outcome(who.alt.put_object, **at) == "AccessDenied"
    assert outcome(who.alt.put_object, GrantFullControl=f"id={MAIN_ID}", **at) == "ok"
    assert grants(who.main.get_object_acl(**at)) == {(MAIN_ID, "FULL_CONTROL")}
    tagged = {"StringEquals": {"s3:RequestObjectTag/security": "public"}}
    who.policy(bucket, allow("s3:PutObject", objects, Condition=tagged))
    assert outcome(who.alt.put_object, **at) == "AccessDenied"
    assert outcome(who.alt.put_object, Tagging="security=public", **at) == "ok"
    assert outcome(who.alt.put_object, Tagging="security=private", **at) == "AccessDenied"
    plain = {"StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}}
    who.policy(
        bucket,
        allow("s3:PutObject", objects),
        statement("Deny", "s3:PutObject", objects, Condition=plain),
    )
    assert outcome(who.alt.put_object, **at) == "AccessDenied"
    assert outcome(who.alt.put_object, ServerSideEncryption="AES256", **at) == "ok"


def test_conditions_on_encryption(who: Principals) -> None:
    """bucket policy put obj (s3, kms) noenc, sse c enforced, sse c deny algo."""
    bucket = who.bucket()
    at = {"Bucket": bucket, "Key": "k"}
    header = "s3:x-amz-server-side-encryption"
    plain = allow("s3:PutObject", f"{bucket}/*")
    deny = statement("Deny", "s3:PutObject", f"{bucket}/*")
    must = [{"Null": {header: "true"}}, {"StringNotEquals": {header: "aws:kms"}}]
    who.policy(bucket, plain, *({**deny, "Condition": condition} for condition in must))
    assert outcome(who.main.put_object, **at) == "AccessDenied"
    assert outcome(who.main.put_object, ServerSideEncryption="AES256", **at) == "AccessDenied"
    assert outcome(who.main.put_object, ServerSideEncryption="aws:kms", **at) == "ok"
    customer = "s3:x-amz-server-side-encryption-customer-algorithm"
    who.policy(bucket, plain, {**deny, "Condition": {"Null": {customer: "true"}}})
    assert outcome(who.main.put_object, **at) == "AccessDenied"
    who.policy(bucket, plain, {**deny, "Condition": {"StringNotEquals": {customer: "AES256"}}})
    assert outcome(who.main.put_object, **at) == "AccessDenied"


@pytest.mark.rule("ACCESS-5")
def test_copies_need_their_source(who: Principals) -> None:
    """bucket policy put obj copy source, upload part copy; object copy not owned bucket."""
    source, target = who.bucket(), who.bucket(who.alt)
    for key in ("public/k", "private/k"):
        who.main.put_object(Bucket=source, Key=key, Body=b"1")
    to = {"Bucket": target, "Key": "k"}
    for key in ("public/k", "private/k"):
        assert outcome(who.alt.copy_object, CopySource=f"{source}/{key}", **to) == "AccessDenied"
    who.policy(source, allow("s3:GetObject", f"{source}/public/*"))
    assert outcome(who.alt.copy_object, CopySource=f"{source}/public/k", **to) == "ok"
    assert outcome(who.alt.copy_object, CopySource=f"{source}/private/k", **to) == "AccessDenied"
    upload = {**to, "UploadId": who.alt.create_multipart_upload(**to)["UploadId"], "PartNumber": 1}
    copy = who.alt.upload_part_copy
    assert outcome(copy, CopySource=f"{source}/public/k", **upload) == "ok"
    assert outcome(copy, CopySource=f"{source}/private/k", **upload) == "AccessDenied"
    assert outcome(who.main.copy_object, CopySource=f"{source}/public/k", **to) == "AccessDenied"
    # The tags of a source go along, so they have to be readable too.
    tags = {"TagSet": [{"Key": "a", "Value": "b"}]}
    who.main.put_object_tagging(Bucket=source, Key="public/k", Tagging=tags)
    assert outcome(who.alt.copy_object, CopySource=f"{source}/public/k", **to) == "AccessDenied"
    replace = {"TaggingDirective": "REPLACE"}
    assert outcome(who.alt.copy_object, CopySource=f"{source}/public/k", **to, **replace) == "ok"
    # A policy of the target that allows copies of one source only.
    where = {"StringLike": {"s3:x-amz-copy-source": f"{source}/public/*"}}
    mine = who.bucket()
    who.policy(mine, allow("s3:PutObject", f"{mine}/*", Condition=where))
    to = {"Bucket": mine, "Key": "k", **replace}
    assert outcome(who.alt.copy_object, CopySource=f"{source}/public/k", **to) == "ok"
    assert outcome(who.alt.copy_object, CopySource=f"{target}/k", **to) == "AccessDenied"


def test_uploads_in_parts(who: Principals) -> None:
    """bucket policy multipart: the initiator may end what it has begun."""
    bucket = who.bucket()
    at = {"Bucket": bucket, "Key": "k"}
    assert outcome(who.alt.create_multipart_upload, **at) == "AccessDenied"
    who.policy(bucket, allow("s3:PutObject", f"{bucket}/*"))
    upload = {**at, "UploadId": who.alt.create_multipart_upload(**at)["UploadId"]}
    part = who.alt.upload_part(PartNumber=1, Body=b"1", **upload)
    assert outcome(who.alt.list_parts, **upload) == "ok"
    assert outcome(who.main.list_parts, **upload) == "ok"
    assert outcome(who.anonymous.list_parts, **upload) == "AccessDenied"
    assert outcome(who.alt.list_multipart_uploads, Bucket=bucket) == "AccessDenied"
    shown = who.main.list_multipart_uploads(Bucket=bucket)["Uploads"][0]
    assert (shown["Owner"]["ID"], shown["Initiator"]["ID"]) == (ALT_ID, ALT_ID)
    parts = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    assert outcome(who.alt.complete_multipart_upload, MultipartUpload=parts, **upload) == "ok"
    other = {**at, "UploadId": who.alt.create_multipart_upload(**at)["UploadId"]}
    assert outcome(who.anonymous.abort_multipart_upload, **other) == "AccessDenied"
    assert outcome(who.alt.abort_multipart_upload, **other) == "ok"


def test_an_operator_with_if_exists(who: Principals) -> None:
    """bucket policy set condition operator end with IfExists."""
    bucket = who.bucket()
    who.main.put_object(Bucket=bucket, Key="k")
    referer = {"StringLikeIfExists": {"aws:Referer": "http://www.example.com/*"}}
    who.policy(bucket, allow("s3:GetObject", f"{bucket}/*", Condition=referer))
    for client in (who.alt, who.anonymous):
        for header, code in (
            ({}, "ok"),
            ({"referer": "http://www.example.com/page"}, "ok"),
            ({"referer": "http://example.com"}, "AccessDenied"),
        ):
            get = with_headers(client, "GetObject", **header)
            assert outcome(get, Bucket=bucket, Key="k") == code


def test_conditions_on_the_connection_and_the_listing(who: Principals) -> None:
    bucket = who.bucket()
    local = {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}, "Bool": {"aws:SecureTransport": False}}
    prefix = {"StringEquals": {"s3:prefix": "home/"}, "NumericLessThanEquals": {"s3:max-keys": 5}}
    who.policy(bucket, allow("s3:ListBucket", bucket, Condition={**local, **prefix}))
    listing = who.alt.list_objects_v2
    assert outcome(listing, Bucket=bucket, Prefix="home/", MaxKeys=5) == "ok"
    assert outcome(listing, Bucket=bucket, Prefix="home/", MaxKeys=6) == "AccessDenied"
    assert outcome(listing, Bucket=bucket, Prefix="", MaxKeys=5) == "AccessDenied"
    assert outcome(listing, Bucket=bucket, MaxKeys=5) == "AccessDenied"
    far = {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}
    who.policy(bucket, allow("s3:ListBucket", bucket, Condition=far))
    assert outcome(listing, Bucket=bucket) == "AccessDenied"


@pytest.mark.rule("ACCESS-5")
def test_each_key_of_a_deletion_is_decided_on_its_own(who: Principals) -> None:
    bucket = who.bucket()
    for key in ("a/1", "b/1", "a/2"):
        who.main.put_object(Bucket=bucket, Key=key)
    who.policy(bucket, allow("s3:DeleteObject", f"{bucket}/a/*"))
    objects = [{"Key": key} for key in ("a/1", "b/1", "a/2")]
    answer = who.alt.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    assert [row["Key"] for row in answer["Deleted"]] == ["a/1", "a/2"]
    assert [(row["Key"], row["Code"]) for row in answer["Errors"]] == [("b/1", "AccessDenied")]
    answer = who.anonymous.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "b/1"}]})
    assert [row["Code"] for row in answer["Errors"]] == ["AccessDenied"]
    left = who.main.list_objects(Bucket=bucket)["Contents"]
    assert [row["Key"] for row in left] == ["b/1"]


# ---------------------------------------------------------------- ownership and the switches


def blocked(who: Principals, bucket: str, *names: str) -> None:
    every = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    who.main.put_public_access_block(
        Bucket=bucket,
        PublicAccessBlockConfiguration={name: name in names for name in every},
    )


def test_public_lists_can_be_refused(who: Principals) -> None:
    """block public put bucket acls, block public object canned acls."""
    bucket = who.bucket()
    blocked(who, bucket, "BlockPublicAcls")
    for acl in ("public-read", "public-read-write", "authenticated-read"):
        assert outcome(who.main.put_bucket_acl, Bucket=bucket, ACL=acl) == "AccessDenied"
        at = {"Bucket": bucket, "Key": "k", "ACL": acl}
        assert outcome(who.main.put_object, **at) == "AccessDenied"
        assert outcome(who.main.create_multipart_upload, **at) == "AccessDenied"
    assert outcome(who.main.put_object, Bucket=bucket, Key="k", ACL="private") == "ok"
    acl = {"Bucket": bucket, "Key": "k", "GrantRead": f"uri={ALL_USERS}"}
    assert outcome(who.main.put_object_acl, **acl) == "AccessDenied"


def test_public_lists_can_be_ignored(who: Principals) -> None:
    """ignore public acls."""
    bucket = who.bucket(ACL="public-read")
    who.main.put_object(Bucket=bucket, Key="k", ACL="public-read")
    assert outcome(who.anonymous.get_object, Bucket=bucket, Key="k") == "ok"
    blocked(who, bucket, "IgnorePublicAcls")
    assert outcome(who.anonymous.get_object, Bucket=bucket, Key="k") == "AccessDenied"
    assert outcome(who.alt.list_objects, Bucket=bucket) == "AccessDenied"
    who.main.delete_public_access_block(Bucket=bucket)
    assert outcome(who.anonymous.get_object, Bucket=bucket, Key="k") == "ok"


def test_public_policies_can_be_refused_and_restricted(who: Principals) -> None:
    """block public policy, block public restrict public buckets."""
    bucket = who.bucket()
    who.main.put_object(Bucket=bucket, Key="k")
    public = allow("s3:GetObject", f"{bucket}/*")
    who.policy(bucket, public)
    assert outcome(who.anonymous.get_object, Bucket=bucket, Key="k") == "ok"
    blocked(who, bucket, "RestrictPublicBuckets")
    assert outcome(who.anonymous.get_object, Bucket=bucket, Key="k") == "AccessDenied"
    assert outcome(who.alt.get_object, Bucket=bucket, Key="k") == "AccessDenied"
    assert outcome(who.main.get_object, Bucket=bucket, Key="k") == "ok"
    blocked(who, bucket, "BlockPublicPolicy")
    with pytest.raises(ClientError, match="AccessDenied"):
        who.policy(bucket, public)
    who.policy(bucket, {**public, "Principal": {"AWS": ALT_ACCOUNT}})
    assert outcome(who.alt.get_object, Bucket=bucket, Key="k") == "ok"


def test_a_policy_can_deny_the_switches(who: Principals) -> None:
    """get public block deny bucket policy."""
    bucket = who.bucket()
    blocked(who, bucket, "IgnorePublicAcls")
    assert outcome(who.main.get_public_access_block, Bucket=bucket) == "ok"
    who.policy(bucket, statement("Deny", "s3:GetBucketPublicAccessBlock", bucket))
    assert outcome(who.main.get_public_access_block, Bucket=bucket) == "AccessDenied"


def test_whether_a_bucket_is_public(who: Principals) -> None:
    """get (public, authpublic, publicpolicy, nonpublicpolicy) acl bucket policy status."""

    def status(bucket: str) -> bool:
        answer = who.main.get_bucket_policy_status(Bucket=bucket)
        return bool(answer["PolicyStatus"]["IsPublic"])

    bucket = who.bucket()
    assert not status(bucket)
    for acl in ("public-read", "authenticated-read"):
        assert status(who.bucket(ACL=acl))
    who.policy(bucket, allow("s3:ListBucket", bucket))
    assert status(bucket)
    where = {"IpAddress": {"aws:SourceIp": "10.0.0.0/32"}}
    who.policy(bucket, allow("s3:ListBucket", bucket, Condition=where))
    assert not status(bucket)


def test_the_owner_of_a_bucket_can_own_all_of_it(who: Principals) -> None:
    """create bucket bucket owner enforced, put bucket ownership bucket owner enforced."""
    bucket = who.bucket(ObjectOwnership="BucketOwnerEnforced")
    rules = who.main.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    who.policy(bucket, allow("s3:PutObject", f"{bucket}/*"))
    at = {"Bucket": bucket, "Key": "k"}
    assert outcome(who.alt.put_object, Body=b"1", **at) == "ok"
    assert outcome(who.alt.put_object, ACL="bucket-owner-full-control", **at) == "ok"
    assert outcome(who.main.get_object, **at) == "ok"
    assert outcome(who.alt.get_object, **at) == "AccessDenied"
    assert grants(who.main.get_object_acl(**at)) == {(MAIN_ID, "FULL_CONTROL")}
    unsupported = "AccessControlListNotSupported"
    assert outcome(who.main.put_object, ACL="public-read", **at) == unsupported
    assert outcome(who.main.put_object_acl, ACL="public-read", **at) == unsupported
    assert outcome(who.main.put_bucket_acl, Bucket=bucket, ACL="public-read") == unsupported
    with pytest.raises(ClientError, match="InvalidBucketAclWithObjectOwnership"):
        who.bucket(ObjectOwnership="BucketOwnerEnforced", ACL="public-read")
    public = who.bucket(ACL="public-read")
    enforced = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    put = who.main.put_bucket_ownership_controls
    code = "InvalidBucketAclWithObjectOwnership"
    assert outcome(put, Bucket=public, OwnershipControls=enforced) == code
    who.main.put_bucket_acl(Bucket=public, ACL="private")
    assert outcome(put, Bucket=public, OwnershipControls=enforced) == "ok"


def test_enforced_ownership_takes_what_others_have_written(who: Principals) -> None:
    bucket = who.bucket(ACL="public-read-write")
    at = {"Bucket": bucket, "Key": "k"}
    who.alt.put_object(Body=b"1", **at)
    assert who.main.list_objects(Bucket=bucket)["Contents"][0]["Owner"]["ID"] == ALT_ID
    assert outcome(who.main.get_object, **at) == "AccessDenied"
    who.main.put_bucket_acl(Bucket=bucket, ACL="private")
    enforced = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    who.main.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=enforced)
    assert who.main.list_objects(Bucket=bucket)["Contents"][0]["Owner"]["ID"] == MAIN_ID
    assert outcome(who.main.get_object, **at) == "ok"
    assert outcome(who.alt.get_object, **at) == "AccessDenied"


@pytest.mark.parametrize(
    ("ownership", "owner"), [("BucketOwnerPreferred", MAIN_ID), ("ObjectWriter", ALT_ID)]
)
def test_the_owner_of_a_bucket_can_be_preferred(
    who: Principals, ownership: str, owner: str
) -> None:
    """put bucket ownership bucket owner preferred, object writer."""
    bucket = who.bucket(ObjectOwnership=ownership, ACL="public-read-write")
    at = {"Bucket": bucket, "Key": "k"}
    who.alt.put_object(ACL="bucket-owner-full-control", **at)
    assert who.main.get_object_acl(**at)["Owner"]["ID"] == owner
    who.alt.put_object(**at)
    assert who.alt.get_object_acl(**at)["Owner"]["ID"] == ALT_ID


# ---------------------------------------------------------------- keys with a scope


@pytest.mark.rule("KEY-1")
def test_keys_of_one_account(who: Principals) -> None:
    bucket, other = who.bucket(), who.bucket()
    for key in ("in/k", "out/k"):
        who.main.put_object(Bucket=bucket, Key=key)
    reader = who.client(read_only=True)
    narrow = who.client(bucket=bucket, prefix="in/")
    assert outcome(reader.get_object, Bucket=bucket, Key="out/k") == "ok"
    assert outcome(reader.put_object, Bucket=bucket, Key="in/k") == "AccessDenied"
    assert outcome(reader.delete_bucket, Bucket=other) == "AccessDenied"
    assert outcome(narrow.get_object, Bucket=bucket, Key="in/k") == "ok"
    assert outcome(narrow.put_object, Bucket=bucket, Key="in/new") == "ok"
    assert outcome(narrow.get_object, Bucket=bucket, Key="out/k") == "AccessDenied"
    assert outcome(narrow.get_object, Bucket=bucket, Key="in/none") == "NoSuchKey"
    assert outcome(narrow.get_object, Bucket=bucket, Key="out/none") == "AccessDenied"
    assert outcome(narrow.list_objects, Bucket=bucket, Prefix="in/") == "ok"
    assert outcome(narrow.list_objects, Bucket=bucket) == "AccessDenied"
    assert outcome(narrow.list_objects, Bucket=other) == "AccessDenied"
    source = f"{bucket}/out/k"
    to = {"Bucket": bucket, "Key": "in/copy"}
    assert outcome(narrow.copy_object, CopySource=source, **to) == "AccessDenied"
    # A policy for everyone gives the keys of the account more than their scope.
    who.policy(bucket, allow("s3:GetObject", f"{bucket}/out/*"))
    assert outcome(narrow.get_object, Bucket=bucket, Key="out/k") == "ok"


def status_of(request: str | Request) -> int:
    try:
        with urlopen(request) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


@pytest.mark.rule("ACCESS-5")
def test_presigned_urls_and_forms(who: Principals) -> None:
    """object anon put write access; post object anonymous request."""
    bucket, public = who.bucket(), who.bucket(ACL="public-read-write")
    who.main.put_object(Bucket=bucket, Key="k", Body=b"data")
    for client, code in ((who.main, 200), (who.alt, 403)):
        url = client.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"})
        assert status_of(url) == code
    assert outcome(who.anonymous.put_object, Bucket=public, Key="k", Body=b"1") == "ok"
    assert outcome(who.anonymous.put_object, Bucket=bucket, Key="k", Body=b"1") == "AccessDenied"
    endpoint = who.main.meta.endpoint_url
    for name, code in ((public, 204), (bucket, 403)):
        form = (
            b'--b\r\ncontent-disposition: form-data; name="key"\r\n\r\nform\r\n'
            b'--b\r\ncontent-disposition: form-data; name="file"\r\n\r\ndata\r\n--b--\r\n'
        )
        headers = {"content-type": "multipart/form-data; boundary=b"}
        assert status_of(Request(f"{endpoint}/{name}", form, headers)) == code


@pytest.mark.parametrize(
    ("key", "value"), [("aws:Referer", "http://evil/*"), ("aws:UserAgent", "evil*")]
)
def test_conditions_see_the_headers_of_a_form(
    agent: AgentProcess, who: Principals, key: str, value: str
) -> None:
    """A form does not get around a statement that denies what its headers say."""
    bucket = who.bucket()
    denied = statement(
        "Deny", "s3:PutObject", f"{bucket}/*", Condition={"StringLike": {key: value}}
    )
    who.policy(bucket, allow("s3:PutObject", f"{bucket}/*"), denied)
    part = 'Content-Disposition: form-data; name="{}"\r\n\r\nk\r\n'
    body = f"--b\r\n{part.format('key')}--b\r\n{part.format('file')}--b--\r\n".encode()
    headers = {"Content-Type": "multipart/form-data; boundary=b", "User-Agent": "evil/1"}
    headers["Referer"] = "http://evil/page"
    form = Request(f"{agent.endpoint}/{bucket}", body, headers, method="POST")
    with pytest.raises(HTTPError) as refused:
        urlopen(form)
    refused.value.close()
    assert refused.value.code == 403
    form.add_header("User-Agent", "good")
    form.add_header("Referer", "http://good/")
    with urlopen(form) as answer:
        assert answer.status == 204


def test_logs_go_to_a_bucket_of_the_same_owner(who: Principals) -> None:
    logged, foreign = who.bucket(who.alt), who.bucket()
    mine = who.bucket(who.alt)
    put = who.alt.put_bucket_logging
    for target, code in ((foreign, "InvalidTargetBucketForLogging"), (mine, "ok")):
        status = {"LoggingEnabled": {"TargetBucket": target, "TargetPrefix": "log/"}}
        assert outcome(put, Bucket=logged, BucketLoggingStatus=status) == code


def test_the_expected_owner(who: Principals) -> None:
    bucket = who.bucket()
    listing = who.main.list_objects
    assert outcome(listing, Bucket=bucket, ExpectedBucketOwner="000000000000") == "ok"
    assert outcome(listing, Bucket=bucket, ExpectedBucketOwner=ALT_ACCOUNT) == "AccessDenied"


def test_a_policy_is_returned_as_it_was_put(who: Principals) -> None:
    bucket = who.bucket()
    who.policy(bucket, allow("s3:GetObject", f"{bucket}/*"))
    text = who.main.get_bucket_policy(Bucket=bucket)["Policy"]
    assert json.loads(text)["Statement"][0]["Action"] == "s3:GetObject"


def test_new_buckets_as_aws_makes_them(tmp_path: Any) -> None:
    home = tmp_path / "home"
    agent = launch(home, env={"S3D_NEW_BUCKETS": "aws-2026"})
    try:
        who = Principals(agent)
        bucket = who.bucket()
        at = {"Bucket": bucket, "Key": "k"}
        assert outcome(who.main.put_object, Body=b"1", **at) == "ok"
        unsupported = "AccessControlListNotSupported"
        assert outcome(who.main.put_object_acl, ACL="public-read", **at) == unsupported
        with pytest.raises(ClientError, match="AccessDenied"):
            who.policy(bucket, allow("s3:GetObject", f"{bucket}/*"))
        who.main.delete_public_access_block(Bucket=bucket)
        who.policy(bucket, allow("s3:GetObject", f"{bucket}/*"))
        assert outcome(who.anonymous.get_object, **at) == "ok"
        customer = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "0" * 32}
        assert outcome(who.main.put_object, **at, **customer) == "AccessDenied"
        open_to_all = "InvalidBucketAclWithObjectOwnership"
        create = who.main.create_bucket
        assert outcome(create, Bucket="another-bucket", ACL="public-read") == open_to_all
    finally:
        agent.kill()
