"""acls: where lists are kept, and that they follow versions. The rest is in tests/contract."""

from __future__ import annotations

from s3d.agent.s3.acl import OWNER, private


async def test_without_a_list_everything_is_private_and_nothing_is_kept(s3, bucket, index):
    await s3.put(bucket, "k")
    assert (await s3("GetBucketAcl", Bucket=bucket)).output == private(OWNER)
    assert (await s3("GetObjectAcl", Bucket=bucket, Key="k")).output == private(OWNER)
    assert index.read_inline(lambda reader: reader.settings(bucket)) == {}
    assert index.read_inline(lambda reader: reader.object(bucket, b"k")).description.acl is None


async def test_each_version_has_its_own_list(s3, bucket):
    await s3("PutBucketVersioning", Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    old = (await s3.put(bucket, "k"))["VersionId"]
    await s3.put(bucket, "k")
    at = {"Bucket": bucket, "Key": "k"}
    await s3("PutObjectAcl", ACL="public-read", VersionId=old, **at)
    assert len((await s3("GetObjectAcl", VersionId=old, **at))["Grants"]) == 2
    assert len((await s3("GetObjectAcl", **at))["Grants"]) == 1
