"""What a policy and Object Ownership may be when they are put."""

import json

import pytest

POLICY = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::bucket/*",
    },
}


async def block(s3, bucket, **switches):
    await s3("PutPublicAccessBlock", Bucket=bucket, PublicAccessBlockConfiguration=switches)


async def test_a_policy_is_for_its_own_bucket(s3, bucket):
    await s3("PutBucketPolicy", Bucket=bucket, Policy=json.dumps(POLICY))
    await s3("CreateBucket", Bucket="other")
    await s3.refused(
        "MalformedPolicy", "PutBucketPolicy", Bucket="other", Policy=json.dumps(POLICY)
    )
    await s3.refused("NoSuchBucket", "PutBucketPolicy", Bucket="none", Policy="")


async def test_a_public_policy_can_be_refused(s3, bucket):
    await block(s3, bucket, BlockPublicPolicy=True)
    put = {"Bucket": bucket, "Policy": json.dumps(POLICY)}
    await s3.refused("AccessDenied", "PutBucketPolicy", **put)
    await s3.refused("NoSuchBucketPolicy", "GetBucketPolicy", Bucket=bucket)


async def test_enforced_ownership_needs_a_private_list(s3, bucket):
    controls = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    put = {"Bucket": bucket, "OwnershipControls": controls}
    await s3("PutBucketAcl", Bucket=bucket, ACL="public-read")
    code = "InvalidBucketAclWithObjectOwnership"
    await s3.refused(code, "PutBucketOwnershipControls", **put)
    await s3("PutBucketAcl", Bucket=bucket, ACL="private")
    await s3("PutBucketOwnershipControls", **put)
    await s3.refused(
        "AccessControlListNotSupported", "PutBucketAcl", Bucket=bucket, ACL="public-read"
    )


@pytest.mark.parametrize(
    ("acl", "switches", "is_public"),
    [
        ("private", {}, False),
        ("public-read", {}, True),
        ("authenticated-read", {}, True),
        ("public-read", {"IgnorePublicAcls": True}, False),
    ],
)
async def test_a_list_can_make_a_bucket_public(s3, bucket, acl, switches, is_public):
    await s3("PutBucketAcl", Bucket=bucket, ACL=acl)
    await block(s3, bucket, **switches)
    status = await s3("GetBucketPolicyStatus", Bucket=bucket)
    assert status["PolicyStatus"] == {"IsPublic": is_public}
