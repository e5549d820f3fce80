import json
import logging

import msgspec
import pytest

from s3d.agent.s3.access_decision import ENFORCED, WRITER
from s3d.agent.s3.acl import OWNER
from s3d.agent.s3.public_access import NOTHING_BLOCKED, PublicAccessBlock
from s3d.agent.storage.bucket_access import (
    ACL,
    OWNERSHIP,
    POLICY,
    PUBLIC_ACCESS_BLOCK,
    canonical_id,
    object_access,
    read_bucket_access,
)
from s3d.agent.storage.index import Index
from s3d.agent.storage.records import BucketRecord, Description, ObjectRecord


@pytest.fixture
async def index(tmp_path):
    index = Index.open(tmp_path / "index.sqlite", ephemeral=True)
    await index.write(lambda tx: tx.put_bucket(BucketRecord("b", 1.0)))
    yield index
    index.close()


async def put(index, name, value):
    encoded = None if value is None else msgspec.msgpack.encode(value)
    await index.write(lambda tx: tx.put_setting("b", name, encoded))


def policy(resource):
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{resource}",
    }
    return {"Policy": json.dumps({"Statement": statement})}


async def test_a_bucket_without_settings(index):
    access = index.read_inline(lambda reader: read_bucket_access(reader, "b"))
    assert (access.owner, access.policy, access.block) == (OWNER["ID"], None, NOTHING_BLOCKED)
    assert (access.ownership, access.is_plain, access.is_public) == (WRITER, True, False)
    assert index.read_inline(lambda reader: read_bucket_access(reader, "none")) is None


async def test_each_change_of_a_setting_is_seen(index):
    look = index.per_bucket(read_bucket_access)
    assert look("b").is_plain
    assert look("b") is look("b")
    await put(index, POLICY, policy("b/*"))
    assert not look("b").is_plain
    await put(
        index, PUBLIC_ACCESS_BLOCK, {"PublicAccessBlockConfiguration": {"BlockPublicAcls": 1}}
    )
    assert look("b").block == PublicAccessBlock(block_public_acls=True)
    rules = {"Rules": [{"ObjectOwnership": ENFORCED}]}
    await put(index, OWNERSHIP, {"OwnershipControls": rules})
    assert look("b").ownership == ENFORCED
    await put(index, ACL, {"Grants": []})
    assert look("b").acl == {"Grants": []}
    await put(index, POLICY, None)
    assert look("b").is_plain
    await index.write(lambda tx: tx.delete_bucket("b"))
    assert look("b") is None


async def test_a_policy_that_an_older_version_took_has_no_effect(index, caplog):
    await put(index, POLICY, policy("another-bucket/*"))
    with caplog.at_level(logging.WARNING):
        access = index.read_inline(lambda reader: read_bucket_access(reader, "b"))
    assert access.is_plain
    assert "Policy has invalid resource" in caplog.text


def test_the_owners_of_records():
    assert canonical_id("") == OWNER["ID"]
    assert canonical_id("other") == "other"
    assert object_access(ObjectRecord("k")).owner == OWNER["ID"]
    record = ObjectRecord("k", owner="other", description=Description(acl={"Grants": []}))
    assert object_access(record) == ("other", {"Grants": []})
