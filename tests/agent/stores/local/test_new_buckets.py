"""The defaults of new buckets, and what CreateBucket may ask for beside them."""

import pytest

from s3d.agent.storage.blobs import Blobs
from s3d.agent.stores.local.new_buckets import AWS_2026
from s3d.agent.stores.local.store import LocalStore
from tests.contract.client import Client


@pytest.fixture
def aws(index, tmp_path):
    return Client(
        LocalStore(index, Blobs(tmp_path / "blobs", ephemeral=True), new_buckets=AWS_2026)
    )


async def test_an_open_bucket_has_no_settings(s3, bucket, index):
    assert index.read_inline(lambda reader: reader.settings(bucket)) == {}
    await s3("PutBucketAcl", Bucket=bucket, ACL="public-read")


async def test_a_bucket_as_aws_makes_it(aws):
    await aws("CreateBucket", Bucket="bucket")
    controls = await aws("GetBucketOwnershipControls", Bucket="bucket")
    assert controls["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    block = await aws("GetPublicAccessBlock", Bucket="bucket")
    assert set(block["PublicAccessBlockConfiguration"].values()) == {True}
    encryption = (await aws("GetBucketEncryption", Bucket="bucket"))[
        "ServerSideEncryptionConfiguration"
    ]
    blocked = encryption["Rules"][0]["BlockedEncryptionTypes"]
    assert blocked == {"EncryptionType": ["SSE-C"]}
    await aws.refused(
        "AccessControlListNotSupported", "PutBucketAcl", Bucket="bucket", ACL="public-read"
    )
    await aws("CreateBucket", Bucket="bucket")


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"ACL": "private"}, ""),
        ({"ACL": "public-read"}, "InvalidBucketAclWithObjectOwnership"),
        ({"ACL": "log-delivery-write"}, "InvalidBucketAclWithObjectOwnership"),
        ({"ObjectOwnership": "ObjectWriter"}, ""),
        ({"ObjectOwnership": "ObjectWriter", "ACL": "log-delivery-write"}, ""),
        (
            {"ObjectOwnership": "ObjectWriter", "ACL": "public-read"},
            "InvalidBucketAclWithBlockPublicAccessError",
        ),
    ],
)
async def test_what_a_request_may_ask_for(aws, members, code):
    assert await aws.code("CreateBucket", Bucket="bucket", **members) == code


async def test_what_is_set_explicitly_counts(aws):
    await aws("CreateBucket", Bucket="bucket", ObjectOwnership="BucketOwnerPreferred")
    await aws("DeletePublicAccessBlock", Bucket="bucket")
    await aws("PutBucketAcl", Bucket="bucket", ACL="public-read")
    status = await aws("GetBucketPolicyStatus", Bucket="bucket")
    assert status["PolicyStatus"] == {"IsPublic": True}
