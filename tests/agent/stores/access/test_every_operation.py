"""Every operation as every kind of caller: allowed, or AccessDenied.

TABLE says what AWS's references require of each operation; a new operation without a row fails. The
store behind the access control only says that a request has come through, so none of them changes
the buckets, whose policies are real.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from s3d.agent.core.access_keys import principal_of
from s3d.agent.core.store import TerminalStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, S3Response
from s3d.agent.s3.model import operations
from s3d.agent.s3.principal import ANONYMOUS, Principal
from s3d.agent.stores.access.layer import AccessLayer
from s3d.shared.access_key import AccessKey
from s3d.shared.config.values import Secret
from tests.agent.stores.access.conftest import ALT, MAIN, Store

TABLE = """
AbortMultipartUpload AbortMultipartUpload@k
CompleteMultipartUpload PutObject@k
CopyObject PutObject@k GetObject@s GetObjectTagging@s
CreateBucket CreateBucket@b
CreateBucketMetadataConfiguration CreateBucketMetadataTableConfiguration@b
CreateBucketMetadataTableConfiguration CreateBucketMetadataTableConfiguration@b
CreateMultipartUpload PutObject@k
CreateSession s3express:CreateSession@b
DeleteBucket DeleteBucket@b
DeleteBucketAnalyticsConfiguration PutAnalyticsConfiguration@b
DeleteBucketCors PutBucketCORS@b
DeleteBucketEncryption PutEncryptionConfiguration@b
DeleteBucketIntelligentTieringConfiguration PutIntelligentTieringConfiguration@b
DeleteBucketInventoryConfiguration PutInventoryConfiguration@b
DeleteBucketLifecycle PutLifecycleConfiguration@b
DeleteBucketMetadataConfiguration DeleteBucketMetadataTableConfiguration@b
DeleteBucketMetadataTableConfiguration DeleteBucketMetadataTableConfiguration@b
DeleteBucketMetricsConfiguration PutMetricsConfiguration@b
DeleteBucketOwnershipControls PutBucketOwnershipControls@b
DeleteBucketPolicy DeleteBucketPolicy@b
DeleteBucketReplication PutReplicationConfiguration@b
DeleteBucketTagging PutBucketTagging@b
DeleteBucketWebsite DeleteBucketWebsite@b
DeleteObject DeleteObject@k
DeleteObjectAnnotation DeleteObjectAnnotation@k
DeleteObjectTagging DeleteObjectTagging@k
DeleteObjects DeleteObject@k
DeletePublicAccessBlock PutBucketPublicAccessBlock@b
GetBucketAbac GetBucketAbac@b
GetBucketAccelerateConfiguration GetAccelerateConfiguration@b
GetBucketAcl GetBucketAcl@b
GetBucketAnalyticsConfiguration GetAnalyticsConfiguration@b
GetBucketCors GetBucketCORS@b
GetBucketEncryption GetEncryptionConfiguration@b
GetBucketIntelligentTieringConfiguration GetIntelligentTieringConfiguration@b
GetBucketInventoryConfiguration GetInventoryConfiguration@b
GetBucketLifecycle GetLifecycleConfiguration@b
GetBucketLifecycleConfiguration GetLifecycleConfiguration@b
GetBucketLocation GetBucketLocation@b
GetBucketLogging GetBucketLogging@b
GetBucketMetadataConfiguration GetBucketMetadataTableConfiguration@b
GetBucketMetadataTableConfiguration GetBucketMetadataTableConfiguration@b
GetBucketMetricsConfiguration GetMetricsConfiguration@b
GetBucketNotification GetBucketNotification@b
GetBucketNotificationConfiguration GetBucketNotification@b
GetBucketOwnershipControls GetBucketOwnershipControls@b
GetBucketPolicy GetBucketPolicy@b
GetBucketPolicyStatus GetBucketPolicyStatus@b
GetBucketReplication GetReplicationConfiguration@b
GetBucketRequestPayment GetBucketRequestPayment@b
GetBucketTagging GetBucketTagging@b
GetBucketVersioning GetBucketVersioning@b
GetBucketWebsite GetBucketWebsite@b
GetObject GetObject@k
GetObjectAcl GetObjectAcl@k
GetObjectAnnotation GetObjectAnnotation@k
GetObjectAttributes GetObjectAttributes@k GetObject@k
GetObjectLegalHold GetObjectLegalHold@k
GetObjectLockConfiguration GetBucketObjectLockConfiguration@b
GetObjectRetention GetObjectRetention@k
GetObjectTagging GetObjectTagging@k
GetObjectTorrent GetObjectTorrent@k
GetPublicAccessBlock GetBucketPublicAccessBlock@b
HeadBucket ListBucket@b
HeadObject GetObject@k
ListBucketAnalyticsConfigurations GetAnalyticsConfiguration@b
ListBucketIntelligentTieringConfigurations GetIntelligentTieringConfiguration@b
ListBucketInventoryConfigurations GetInventoryConfiguration@b
ListBucketMetricsConfigurations GetMetricsConfiguration@b
ListBuckets ListAllMyBuckets@*
ListDirectoryBuckets s3express:ListAllMyDirectoryBuckets@*
ListMultipartUploads ListBucketMultipartUploads@b
ListObjectAnnotations ListObjectAnnotations@k
ListObjectVersions ListBucketVersions@b
ListObjects ListBucket@b
ListObjectsV2 ListBucket@b
ListParts ListMultipartUploadParts@k
PutBucketAbac PutBucketAbac@b
PutBucketAccelerateConfiguration PutAccelerateConfiguration@b
PutBucketAcl PutBucketAcl@b
PutBucketAnalyticsConfiguration PutAnalyticsConfiguration@b
PutBucketCors PutBucketCORS@b
PutBucketEncryption PutEncryptionConfiguration@b
PutBucketIntelligentTieringConfiguration PutIntelligentTieringConfiguration@b
PutBucketInventoryConfiguration PutInventoryConfiguration@b
PutBucketLifecycle PutLifecycleConfiguration@b
PutBucketLifecycleConfiguration PutLifecycleConfiguration@b
PutBucketLogging PutBucketLogging@b
PutBucketMetricsConfiguration PutMetricsConfiguration@b
PutBucketNotification PutBucketNotification@b
PutBucketNotificationConfiguration PutBucketNotification@b
PutBucketOwnershipControls PutBucketOwnershipControls@b
PutBucketPolicy PutBucketPolicy@b
PutBucketReplication PutReplicationConfiguration@b
PutBucketRequestPayment PutBucketRequestPayment@b
PutBucketTagging PutBucketTagging@b
PutBucketVersioning PutBucketVersioning@b
PutBucketWebsite PutBucketWebsite@b
PutObject PutObject@k
PutObjectAcl PutObjectAcl@k
PutObjectAnnotation PutObjectAnnotation@k
PutObjectLegalHold PutObjectLegalHold@k
PutObjectLockConfiguration PutBucketObjectLockConfiguration@b
PutObjectRetention PutObjectRetention@k
PutObjectTagging PutObjectTagging@k
PutPublicAccessBlock PutBucketPublicAccessBlock@b
RenameObject RenameObject@k GetObject@r DeleteObject@r PutObject@k
RestoreObject RestoreObject@k
SelectObjectContent GetObject@k
UpdateBucketMetadataAnnotationTableConfiguration UpdateBucketMetadataAnnotationTableConfiguration@b
UpdateBucketMetadataInventoryTableConfiguration UpdateBucketMetadataInventoryTableConfiguration@b
UpdateBucketMetadataJournalTableConfiguration UpdateBucketMetadataJournalTableConfiguration@b
UpdateObjectEncryption UpdateObjectEncryption@k
UploadPart PutObject@k
UploadPartCopy PutObject@k GetObject@s
WriteGetObjectResponse s3-object-lambda:WriteGetObjectResponse@*
"""
"""Operation, and ACTION@PLACE for all that it needs: PLACES; without a service, the action is of
S3."""

PLACES = {"*": "*", "b": "bucket", "k": "bucket/k", "r": "bucket/r", "s": "source/s"}
"""r: the source of a rename, s: that of a copy."""

MEMBERS: dict[str, dict[str, Any]] = {
    "CopyObject": {"CopySource": "source/s"},
    "DeleteObjects": {"Delete": {"Objects": [{"Key": "k"}]}},
    "RenameObject": {"RenameSource": "/bucket/r"},
    "UploadPartCopy": {"CopySource": "source/s", "UploadId": "u", "PartNumber": 1},
}
"""What a request needs to have beside bucket and key."""

ACCOUNT_OPERATIONS = {
    "ListBuckets",
    "ListDirectoryBuckets",
    "WriteGetObjectResponse",
    "CreateBucket",
}
"""Operations on no bucket that exists: what others own and grant does not count."""
POLICY_OPERATIONS = {"DeleteBucketPolicy", "GetBucketPolicy", "PutBucketPolicy"}
"""Only the account of the bucket has them, and its root user cannot lose them."""
EXISTING_OBJECT_OPERATIONS = {
    "CopyObject", "DeleteObjectAnnotation", "DeleteObjectTagging", "GetObject", "GetObjectAcl",
    "GetObjectAnnotation", "GetObjectAttributes", "GetObjectLegalHold", "GetObjectRetention",
    "GetObjectTagging", "GetObjectTorrent", "HeadObject", "ListObjectAnnotations", "PutObjectAcl",
    "PutObjectAnnotation", "PutObjectLegalHold", "PutObjectRetention", "PutObjectTagging",
    "RenameObject", "RestoreObject", "SelectObjectContent", "UpdateObjectEncryption",
    "UploadPartCopy",
}  # fmt: skip
"""They answer 404 without their object, which callers that may not list must not learn."""


class Need(NamedTuple):
    action: str
    resource: str
    """BUCKET or BUCKET/KEY."""


def _need(word: str) -> Need:
    action, place = word.split("@")
    return Need(action if ":" in action else f"s3:{action}", PLACES[place])


NEEDS = {
    name: [_need(word) for word in words]
    for name, *words in (line.split() for line in TABLE.split("\n") if line)
}
S3_OPERATIONS = sorted(name for name, needs in NEEDS.items() if needs[0].action.startswith("s3:"))
"""Policies of buckets do not know the actions of other services."""
BUCKET_OPERATIONS = [name for name in S3_OPERATIONS if name not in ACCOUNT_OPERATIONS]


class Reached(TerminalStore):
    """Answers every request that comes through."""

    def call(self, request: S3Request[Any]) -> Any:
        if request.op.name == "DeleteObjects":
            return self._deleted(request)
        return _done({})

    async def _deleted(self, request: S3Request[Any]) -> S3Response[Any]:
        return S3Response({"Deleted": list(request.input["Delete"]["Objects"])})


async def _done(output: dict[str, Any]) -> S3Response[Any]:
    return S3Response(output)


class World:
    """The buckets "bucket" and "source" of MAIN, and what their policies say."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._layer = AccessLayer(Reached(), store.layer._authorization)

    async def policy(self, effect: str, needs: list[Need], who: Any = "*") -> None:
        """Let the policies of the buckets say this, and nothing else."""
        for bucket in ("bucket", "source"):
            own = [need for need in needs if need.resource.split("/")[0] == bucket]
            if not own:
                await self._store.call(None, "DeleteBucketPolicy", Bucket=bucket)
                continue
            document = policy(effect, own, Principal=who)
            await self._store.call(None, "PutBucketPolicy", Bucket=bucket, Policy=document)

    async def outcome(self, caller: Principal, name: str, **members: Any) -> str:
        """ "" for a request that is allowed, or the code of the error."""
        given = {"Bucket": "bucket", "Key": "k", **MEMBERS.get(name, {}), **members}
        if operations()[name].scope == "service":
            given = {}
        request = self._store.request(caller, name, **given)
        try:
            response = await self._layer.call(request)
        except S3Error as error:
            return error.code
        errors = response.output.get("Errors")
        return errors[0]["Code"] if errors else ""


def policy(effect: str, needs: list[Need], **members: Any) -> str:
    statements = [
        {"Effect": effect, "Action": need.action, "Resource": f"arn:aws:s3:::{need.resource}"}
        | members
        for need in needs
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def session(*needs: Need) -> Principal:
    """A session of MAIN that may do nothing else."""
    other = Need("s3:GetBucketWebsite", "elsewhere")  # a policy must have a statement
    allowed = policy("Allow", [*needs, other])
    return replace(MAIN, session_policies=(allowed,), parent="MAIN", parent_arn=MAIN.arn)


def all_but_one(name: str) -> Iterator[list[Need]]:
    for each in NEEDS[name]:
        yield [need for need in NEEDS[name] if need != each]


@pytest.fixture
async def world(store) -> World:
    await store.call(MAIN, "CreateBucket", Bucket="source")
    for place in (("bucket", "r"), ("source", "s")):
        members = {"Bucket": place[0], "Key": place[1], "Tagging": "a=b"}
        await store.call(MAIN, "PutObject", **members)
    return World(store)


async def differing(
    world: World, caller: Principal, expected: Callable[[str], str], names: list[str] | None = None
) -> dict[str, str]:
    """The operations whose outcome is not the expected one."""
    outcomes = {name: await world.outcome(caller, name) for name in names or NEEDS}
    return {name: code for name, code in outcomes.items() if code != expected(name)}


def test_every_operation_has_a_row():
    assert NEEDS.keys() == operations().keys()
    unknown = MEMBERS.keys() | ACCOUNT_OPERATIONS | POLICY_OPERATIONS | EXISTING_OBJECT_OPERATIONS
    assert unknown <= NEEDS.keys()


async def test_the_owner_may_do_everything(world):
    assert await differing(world, MAIN, lambda name: "") == {}


async def test_another_account_may_do_what_is_its_own(world):
    def expected(name: str) -> str:
        return "" if name in ACCOUNT_OPERATIONS else "AccessDenied"

    assert await differing(world, ALT, expected) == {}


async def test_nobody_may_do_anything(world):
    assert await differing(world, ANONYMOUS, lambda name: "AccessDenied") == {}


@pytest.mark.parametrize("caller", [ALT, ANONYMOUS], ids=["account", "everyone"])
async def test_a_policy_grants_what_it_names_and_no_more(world, caller):
    who = "*" if caller.is_anonymous else {"AWS": caller.arn}
    wrong: dict[str, list[str]] = {}
    for name in BUCKET_OPERATIONS:
        await world.policy("Allow", NEEDS[name], who)
        expected, found = [], [await world.outcome(caller, name)]
        expected.append("MethodNotAllowed" if name in POLICY_OPERATIONS else "")
        for few in all_but_one(name):
            await world.policy("Allow", few, who)
            found.append(await world.outcome(caller, name))
            expected.append("AccessDenied")
        if found != expected:
            wrong[name] = found
    assert wrong == {}


async def test_a_policy_denies_the_owner_each_thing_that_an_operation_needs(world):
    wrong: dict[str, str] = {}
    for name in BUCKET_OPERATIONS:
        expected = "" if name in POLICY_OPERATIONS else "AccessDenied"
        for need in NEEDS[name]:
            await world.policy("Deny", [need])
            found = await world.outcome(MAIN, name)
            if found != expected:
                wrong[f"{name} without {need.action}"] = found
    assert wrong == {}


async def test_a_session_may_do_what_its_policy_names_and_no_more(world):
    wrong: dict[str, list[str]] = {}
    for name in S3_OPERATIONS:
        needs = NEEDS[name]
        found = [await world.outcome(session(*needs), name)]
        found += [await world.outcome(session(*few), name) for few in all_but_one(name)]
        if found != ["", *(["AccessDenied"] * len(needs))]:
            wrong[name] = found
    assert wrong == {}


async def test_a_key_for_another_bucket_may_do_nothing(world):
    other = principal_of(AccessKey("OTHER", Secret("s"), name="other", bucket="elsewhere"))
    assert await differing(world, other, lambda name: "AccessDenied") == {}


async def test_a_key_without_writes_may_read(world):
    reader = principal_of(AccessKey("READER", Secret("s"), name="reader", read_only=True))

    def expected(name: str) -> str:
        is_read = operations()[name].method in ("GET", "HEAD") or name == "SelectObjectContent"
        return "" if is_read else "AccessDenied"

    assert await differing(world, reader, expected, S3_OPERATIONS) == {}


@pytest.mark.parametrize("may_list", [False, True])
async def test_whether_an_object_exists_is_for_those_who_may_list(world, may_list):
    """The store would answer NoSuchKey."""
    listing = [Need("s3:ListBucket", "bucket"), Need("s3:ListBucket", "source")]
    missing = {
        "CopyObject": {"CopySource": "source/none"},
        "RenameObject": {"RenameSource": "/bucket/none"},
        "UploadPartCopy": {"CopySource": "source/none"},
    }
    wrong: dict[str, str] = {}
    for name in BUCKET_OPERATIONS:
        needs = NEEDS[name] if operations()[name].scope == "object" else []
        if not needs:
            continue
        granted = [Need(need.action, need.resource.split("/")[0] + "/*") for need in needs]
        await world.policy("Allow", granted + (listing if may_list else []))
        members = missing.get(name, {"Key": "none"})
        found = await world.outcome(ALT, name, **members)
        expected = "AccessDenied" if name in EXISTING_OBJECT_OPERATIONS and not may_list else ""
        if found != expected:
            wrong[name] = found
    assert wrong == {}


async def test_a_missing_bucket_is_no_secret(world):
    """The store answers NoSuchBucket, to everyone but one who would create it."""
    for caller in (MAIN, ALT, ANONYMOUS):
        wrong: dict[str, str] = {}
        for name in BUCKET_OPERATIONS:
            found = await world.outcome(caller, name, Bucket="none")
            is_copy = "CopySource" in MEMBERS.get(name, {})
            if found != ("AccessDenied" if is_copy and caller is not MAIN else ""):
                wrong[name] = found
        assert wrong == {}, caller.arn
