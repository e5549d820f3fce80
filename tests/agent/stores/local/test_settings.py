"""settings: the table against the model, and what has a handler at all."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from s3d.agent.core.store import handlers_of
from s3d.agent.s3.model import operations, service
from s3d.agent.stores.local.acls import AclOps
from s3d.agent.stores.local.bucket_encryption import BucketEncryptionOps
from s3d.agent.stores.local.configurations import ConfigurationOps
from s3d.agent.stores.local.locks import LockOps
from s3d.agent.stores.local.notifications import NotificationOps
from s3d.agent.stores.local.settings import ENFORCED, SETTINGS, STORED_ONLY, SettingOps
from tests.user_guide import GUIDE

NOT_IMPLEMENTED = {
    # deprecated: never routed to
    "GetBucketLifecycle",
    "GetBucketNotification",
    "PutBucketLifecycle",
    "PutBucketNotification",
    # made of services outside S3
    "CreateBucketMetadataConfiguration",
    "CreateBucketMetadataTableConfiguration",
    "DeleteBucketMetadataConfiguration",
    "DeleteBucketMetadataTableConfiguration",
    "GetBucketMetadataConfiguration",
    "GetBucketMetadataTableConfiguration",
    "UpdateBucketMetadataAnnotationTableConfiguration",
    "UpdateBucketMetadataInventoryTableConfiguration",
    "UpdateBucketMetadataJournalTableConfiguration",
    # of directory buckets, archives and Lambda, or a query language
    "CreateSession",
    "ListDirectoryBuckets",
    "RestoreObject",
    "SelectObjectContent",
    "WriteGetObjectResponse",
}


def test_the_embedded_store_answers_every_operation_of_the_model_but_these(local):
    assert set(operations()) - set(local._handlers) == NOT_IMPLEMENTED


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.put)
def test_the_operations_of_a_setting_belong_together(setting):
    names = [name for name in (setting.put, setting.get, setting.delete) if name]
    rows = [operations()[name] for name in names]
    assert len({op.subresource for op in rows}) == 1
    assert [op.method for op in rows] == ["PUT", "GET", "DELETE"][: len(rows)]
    assert all(op.scope == "bucket" for op in rows)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.put)
def test_what_is_put_has_the_form_of_what_is_given_back(setting):
    given, answer = service().input_of(setting.put), service().output_of(setting.get)
    shape = service().shapes[given.members[given.payload].shape]
    if answer.payload:
        assert service().shapes[answer.members[answer.payload].shape] == shape
    else:
        members = set(answer.members) - {"RequestCharged"}
        assert members == set(shape.members) | set(setting.beside)
    assert set(setting.beside) <= set(given.members)


def test_every_setting_is_either_kept_or_enforced():
    words = {
        operations()[name].subresource
        for part in (
            SettingOps,
            BucketEncryptionOps,
            ConfigurationOps,
            AclOps,
            LockOps,
            NotificationOps,
        )
        for name in handlers_of(part)
    }
    assert not STORED_ONLY.keys() & ENFORCED.keys()
    assert words - {"policyStatus"} == STORED_ONLY.keys() | ENFORCED.keys()


def test_the_user_guide_lists_what_is_kept_and_not_enforced():
    _, _, section = GUIDE.lower().partition("\n## kept, not enforced")
    section = section.partition("\n#")[0]
    assert [name for name in STORED_ONLY.values() if name not in section] == []
    assert [name for name in ENFORCED.values() if name.lower() in section] == []


async def test_lifecycle_says_what_it_takes_for_a_small_object(s3, bucket):
    rule = {"Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}
    lifecycle = {"Bucket": bucket, "LifecycleConfiguration": {"Rules": [rule]}}
    put = await s3("PutBucketLifecycleConfiguration", **lifecycle)
    got = await s3("GetBucketLifecycleConfiguration", Bucket=bucket)
    member = "TransitionDefaultMinimumObjectSize"
    assert put[member] == got[member] == "all_storage_classes_128K"
    chosen = {member: "varies_by_storage_class"}
    await s3("PutBucketLifecycleConfiguration", **lifecycle, **chosen)
    assert (await s3("GetBucketLifecycleConfiguration", Bucket=bucket))[member] == chosen[member]


@pytest.mark.finding("REPLICATION-TARGET")
async def test_a_destination_of_replication_must_be_a_versioned_bucket_of_the_owner(s3, index):
    versioned = {"VersioningConfiguration": {"Status": "Enabled"}}
    for name in ("source", "plain", "target", "foreign"):
        await s3("CreateBucket", Bucket=name)
    for name in ("source", "target", "foreign"):
        await s3("PutBucketVersioning", Bucket=name, **versioned)

    def give(tx):
        tx.put_bucket(replace(tx.bucket("foreign"), owner="f" * 64))

    await index.write(give)

    async def code(target: str) -> str:
        rule = {"Status": "Enabled", "Destination": {"Bucket": f"arn:aws:s3:::{target}"}}
        setting = {"ReplicationConfiguration": {"Role": "arn:aws:iam::1:role/r", "Rules": [rule]}}
        return await s3.code("PutBucketReplication", Bucket="source", **setting)

    assert await code("none") == "InvalidRequest"
    assert await code("plain") == "InvalidRequest"
    assert await code("foreign") == "AccessDenied"
    assert await code("target") == ""
