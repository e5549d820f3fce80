"""The scope of a key holds for every operation that passes the layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody, Members, RequestContext, S3Request, WireRequest
from s3d.agent.s3.model import UNKNOWN, operations
from s3d.agent.s3.principal import KeyScope, Principal
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.stores.access.key_scope_layer import KeyScopeLayer
from s3d.agent.stores.local.store import LocalStore


def principal(scope: KeyScope | None = None, **changes: Any) -> Principal:
    return Principal("K", "f" * 64, "o", "1" * 12, "arn", scope=scope, **changes)


TEAM = principal(KeyScope("bucket", "team/"))
READER = principal(is_read_only=True)


@pytest.fixture
async def layer(tmp_path: Path):
    index = Index.open(tmp_path / "index.sqlite", ephemeral=True)
    store = LocalStore(index, Blobs(tmp_path / "blobs", ephemeral=True))
    agent = S3Client(store)
    for bucket in ("bucket", "other"):
        await agent.create_bucket(bucket)
        for key in ("team/a", "team/b", "secret", "teams"):
            await agent.store(bucket, key, BytesBody(key.encode()))
    try:
        yield KeyScopeLayer(store)
    finally:
        index.close()


class Caller:
    """Calls the layer as a principal: await caller("GetObject", Key="k")."""

    def __init__(
        self, layer: KeyScopeLayer, who: Principal | None, client_address: str = ""
    ) -> None:
        context = RequestContext("R", who, client_address=client_address)
        self._client = S3Client(layer, context)

    async def __call__(self, operation: str, body: bytes | None = None, **members: Any) -> Members:
        given = {"Bucket": "bucket", **members}
        if operations()[operation].scope == "service":
            del given["Bucket"]
        payload = None if body is None else BytesBody(body)
        return await self._client.output(operation, given, payload)

    async def code(self, operation: str, body: bytes | None = None, **members: Any) -> str:
        try:
            await self(operation, body, **members)
        except S3Error as error:
            return error.code
        return ""


async def test_the_agent_itself_and_an_unrestricted_key_may_do_everything(layer) -> None:
    for who in (None, principal()):
        caller = Caller(layer, who)
        await caller("PutObject", b"1", Key="anything")
        await caller("ListObjectsV2")
        await caller("DeleteObjects", Delete={"Objects": [{"Key": "anything"}]})
        assert (await caller("ListBuckets"))["Buckets"]


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("GetObject", {"Key": "team/a"}),
        ("HeadObject", {"Key": "team/a"}),
        ("GetObjectAttributes", {"Key": "team/a", "ObjectAttributes": ["ETag"]}),
        ("PutObject", {"Key": "team/new"}),
        ("DeleteObject", {"Key": "team/b"}),
        ("CopyObject", {"Key": "team/c", "CopySource": "bucket/team/a"}),
        ("ListObjectsV2", {"Prefix": "team/"}),
        ("ListObjects", {"Prefix": "team/a"}),
        ("ListObjectVersions", {"Prefix": "team/"}),
        ("ListMultipartUploads", {"Prefix": "team/"}),
        ("CreateMultipartUpload", {"Key": "team/m"}),
        ("GetObjectTagging", {"Key": "team/a"}),
        ("PutObjectTagging", {"Key": "team/a", "Tagging": {"TagSet": []}}),
        ("GetBucketLocation", {}),
    ],
)
async def test_inside_its_prefix_a_key_may_do_everything(layer, operation, members) -> None:
    body = b"1" if operation == "PutObject" else None
    assert await Caller(layer, TEAM).code(operation, body, **members) == ""


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("GetObject", {"Key": "secret"}),
        ("GetObject", {"Key": "teams"}),
        ("GetObject", {"Key": "nothing"}),
        ("GetObject", {"Key": "team/../secret"}),
        ("GetObject", {"Bucket": "other", "Key": "team/a"}),
        ("GetObject", {"Bucket": "missing", "Key": "team/a"}),
        ("HeadObject", {"Key": "secret"}),
        ("PutObject", {"Key": "secret"}),
        ("PutObject", {"Key": "team/a.tar", "Metadata": {"Snowball-Auto-Extract": "true"}}),
        (
            "CreateMultipartUpload",
            {"Key": "team/a.tar", "Metadata": {"snowball-auto-extract": "true"}},
        ),
        ("DeleteObject", {"Key": "secret"}),
        ("CopyObject", {"Key": "team/c", "CopySource": "bucket/secret"}),
        ("CopyObject", {"Key": "team/c", "CopySource": "bucket/team/a+b"}),
        ("CopyObject", {"Key": "team/c", "CopySource": "other/team/a"}),
        ("CopyObject", {"Key": "team/c", "CopySource": "bucket/team/../secret"}),
        ("CopyObject", {"Key": "secret", "CopySource": "bucket/team/a"}),
        (
            "UploadPartCopy",
            {"Key": "team/c", "UploadId": "u", "PartNumber": 1, "CopySource": "bucket/secret"},
        ),
        ("ListObjectsV2", {}),
        ("ListObjectsV2", {"Prefix": "tea"}),
        ("ListObjectsV2", {"Prefix": "team"}),
        ("ListObjectsV2", {"Prefix": "team/../"}),
        ("ListObjectsV2", {"Bucket": "other", "Prefix": "team/"}),
        ("ListObjects", {"Prefix": ""}),
        ("ListObjectVersions", {}),
        ("ListMultipartUploads", {}),
        ("ListBuckets", {}),
        ("HeadBucket", {}),
        ("CreateBucket", {"Bucket": "mine"}),
        ("DeleteBucket", {}),
        ("PutBucketPolicy", {"Policy": "{}"}),
        ("GetBucketPolicy", {}),
        ("GetBucketVersioning", {}),
        ("PutObjectAcl", {"Key": "secret", "ACL": "private"}),
    ],
)
@pytest.mark.rule("KEY-1")
async def test_outside_its_prefix_a_key_may_do_nothing(layer, operation, members) -> None:
    caller = Caller(layer, TEAM)
    body = b"1" if operation == "PutObject" else None
    assert await caller.code(operation, body, **members) == "AccessDenied"


@pytest.mark.rule("KEY-1")
async def test_a_read_only_key_changes_nothing(layer) -> None:
    caller = Caller(layer, READER)
    for operation, given in [
        ("PutObject", {"Key": "x"}),
        ("DeleteObject", {"Key": "secret"}),
        ("CopyObject", {"Key": "x", "CopySource": "bucket/secret"}),
        ("CreateMultipartUpload", {"Key": "x"}),
        ("AbortMultipartUpload", {"Key": "x", "UploadId": "u"}),
        ("CreateBucket", {"Bucket": "mine"}),
        ("DeleteBucket", {}),
        ("PutBucketTagging", {"Tagging": {"TagSet": []}}),
        ("DeleteBucketCors", {}),
    ]:
        body = b"1" if operation == "PutObject" else None
        assert await caller.code(operation, body, **given) == "AccessDenied", operation
    deleted = await caller("DeleteObjects", Delete={"Objects": [{"Key": "secret"}]})
    assert deleted["Errors"][0]["Code"] == "AccessDenied"
    assert await caller.code("GetObject", Key="secret") == ""
    assert len((await caller("ListObjectsV2"))["Contents"]) == 4


async def test_of_many_deletions_each_is_decided(layer) -> None:
    keys = ["team/a", "secret", "team/../teams", "team/b", "nothing"]
    given = {"Objects": [{"Key": key} for key in keys]}
    output = await Caller(layer, TEAM)("DeleteObjects", Delete=given)
    assert [row["Key"] for row in output["Deleted"]] == ["team/a", "team/b"]
    assert [row["Key"] for row in output["Errors"]] == ["secret", "team/../teams", "nothing"]
    assert {row["Code"] for row in output["Errors"]} == {"AccessDenied"}
    left = await Caller(layer, None)("ListObjectsV2")
    assert [row["Key"] for row in left["Contents"]] == ["secret", "teams"]


async def test_when_no_deletion_is_permitted_the_store_is_not_called(layer) -> None:
    given = {"Objects": [{"Key": "secret", "VersionId": "v"}], "Quiet": True}
    output = await Caller(layer, TEAM)("DeleteObjects", Bucket="missing", Delete=given)
    row = {"Key": "secret", "VersionId": "v", "Code": "AccessDenied", "Message": "Access Denied"}
    assert output == {"Errors": [row]}


@pytest.mark.parametrize(
    ("query", "headers", "is_permitted"),
    [
        ("list-type=2&prefix=team%2F", (), True),
        ("list-type=2&prefix=team%2F&prefix=", (), False),
        ("list-type=2&prefix=team%2F&Prefix=", (), False),
        ("list-type=2&prefix=team%2F&pref%69x=", (), False),
        ("list-type=2&prefix=team%2F&%50refix=", (), False),
        ("list-type=2&prefix=team%2F;prefix=", (), False),
        ("list-type=2&prefix=team%2F%3Bprefix%3D", (), True),
        ("prefix=team%2F&&list-type=2", (("x-amz-meta-a", "1"), ("x-amz-meta-a", "2")), True),
        ("", (("x-amz-copy-source", "/bucket/team/a"),), True),
        ("", (("x-amz-copy-source", "/bucket/team/a"), ("x-amz-copy-source", "/bucket/s")), False),
    ],
)
def test_what_a_remote_could_read_otherwise_is_refused(layer, query, headers, is_permitted) -> None:
    """The remote gets the request as it came, and may take the last of two values."""
    given = {"Bucket": "bucket", "Prefix": "team/"}
    wire = WireRequest("GET", "/bucket", query, headers)
    op = operations()["ListObjectsV2"]
    request = S3Request(op, given, None, wire, RequestContext("R", TEAM))
    if is_permitted:
        layer.authorize(request)
        return
    with pytest.raises(S3Error, match="AccessDenied"):
        layer.authorize(request)


LOGGED = {"LoggingEnabled": {"TargetBucket": "other", "TargetPrefix": "logs/"}}
TO_OTHER = {"S3BucketDestination": {"Bucket": "arn:aws:s3:::other", "Format": "CSV"}}
ANALYZED = {"DataExport": {"OutputSchemaVersion": "V_1", "Destination": TO_OTHER}}
REPLICATED = {"Role": "r", "Rules": [{"Destination": {"Bucket": "arn:aws:s3:::other"}}]}


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("PutBucketLogging", {"BucketLoggingStatus": LOGGED}),
        ("PutBucketInventoryConfiguration", {"InventoryConfiguration": {"Destination": TO_OTHER}}),
        (
            "PutBucketAnalyticsConfiguration",
            {"AnalyticsConfiguration": {"StorageClassAnalysis": ANALYZED}},
        ),
        ("PutBucketReplication", {"ReplicationConfiguration": REPLICATED}),
    ],
)
@pytest.mark.rule("KEY-1")
def test_a_key_has_nothing_written_where_it_may_not_write(layer, operation, members) -> None:
    """It may change every setting of its bucket, and has nothing to do with the other one."""
    context = RequestContext("R", principal(KeyScope("bucket", "")))
    request = S3Request(operations()[operation], {"Bucket": "bucket", **members}, context=context)
    with pytest.raises(S3Error, match="AccessDenied"):
        layer.authorize(request)
    both = RequestContext("R", principal(KeyScope("other", "")))
    own = {"BucketLoggingStatus": LOGGED}
    into_itself = S3Request(
        operations()["PutBucketLogging"], {"Bucket": "other", **own}, context=both
    )
    layer.authorize(into_itself)


async def test_a_session_that_denies_objects_by_their_tags(layer) -> None:
    """Nobody knows the tags of an object in front of a remote, so any object may have them."""
    policy = """{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/team/*",
         "Condition": {"StringEquals": {"s3:ExistingObjectTag/secret": "1"},
                       "IpAddress": {"aws:SourceIp": "%s"}}}]}"""
    for source, code in (("192.0.2.1", "AccessDenied"), ("198.51.100.1", "")):
        caller = Caller(layer, principal(session_policies=(policy % source,)), "192.0.2.1")
        assert await caller.code("GetObject", Key="team/a") == code
        assert await caller.code("CopyObject", Key="c", CopySource="bucket/team/a") == code
        assert await caller.code("GetObject", Key="secret") == ""
        assert await caller.code("DeleteObject", Key="team/none") == ""


async def test_a_copy_with_annotations_of_a_session_that_must_not_read_them(layer) -> None:
    """Whether there are some, only the remote knows: what nothing denies is passed on."""
    allowed = """{"Statement": [
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObjectTagging", "s3:PutObject"],
         "Resource": "*"}%s]}"""
    denied = ', {"Effect": "Deny", "Action": "s3:GetObjectAnnotation", "Resource": "*"}'
    copy = {"Key": "team/c", "CopySource": "bucket/team/a"}
    for more, directive, code in [
        ("", {}, ""),
        (denied, {}, "AccessDenied"),
        (denied, {"AnnotationDirective": "EXCLUDE"}, ""),
    ]:
        caller = Caller(layer, principal(session_policies=(allowed % more,)))
        assert await caller.code("CopyObject", **copy, **directive) == code


async def test_an_unknown_operation_is_for_unrestricted_keys_only(layer) -> None:
    for who, code in ((TEAM, "AccessDenied"), (READER, "AccessDenied")):
        request = S3Request(UNKNOWN, {"Bucket": "bucket"}, context=RequestContext("R", who))
        with pytest.raises(S3Error) as caught:
            await layer.call(request)
        assert caught.value.code == code


@pytest.mark.parametrize("name", sorted(operations()))
def test_every_operation_needs_something(layer, name) -> None:
    """A key for a bucket that nobody has is refused whatever it asks for."""
    nothing = principal(KeyScope("nobody-has-this", ""))
    given = {"Bucket": "bucket", "Key": "team/a", "CopySource": "bucket/k", "RenameSource": "/b/k"}
    request = S3Request(operations()[name], given, context=RequestContext("R", nothing))
    if name == "DeleteObjects":
        return  # test_of_many_deletions_each_is_decided
    with pytest.raises(S3Error, match="AccessDenied"):
        layer.authorize(request)


async def test_the_policy_of_a_session_narrows_what_the_key_may_do(layer) -> None:
    policy = """{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::bucket/team/*"},
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::bucket",
         "Condition": {"StringEquals": {"s3:prefix": "team/"}}},
        {"Effect": "Deny", "Action": "*", "Resource": "arn:aws:s3:::bucket/team/b"}]}"""
    caller = Caller(layer, principal(session_policies=(policy,)))
    assert await caller.code("GetObject", Key="team/a") == ""
    assert await caller.code("GetObject", Key="team/b") == "AccessDenied"
    assert await caller.code("GetObject", Key="secret") == "AccessDenied"
    assert await caller.code("PutObject", b"1", Key="team/a") == "AccessDenied"
    assert await caller.code("ListObjectsV2", Prefix="team/") == ""
    assert await caller.code("ListObjectsV2") == "AccessDenied"
    both = Caller(layer, principal(KeyScope("other", ""), session_policies=(policy,)))
    assert await both.code("GetObject", Key="team/a") == "AccessDenied"
