"""Buckets: create, head, list, delete, and what needs one.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest


async def test_a_created_bucket_is_there_until_it_is_deleted(s3, name):
    await s3.refused("NoSuchBucket", "HeadBucket", Bucket=name)
    created = await s3("CreateBucket", Bucket=name)
    assert created["Location"] == f"/{name}"
    head = await s3("HeadBucket", Bucket=name)
    assert head["BucketRegion"]
    deleted = await s3("DeleteBucket", Bucket=name)
    assert deleted.status == 204
    await s3.refused("NoSuchBucket", "HeadBucket", Bucket=name)
    await s3.refused("NoSuchBucket", "DeleteBucket", Bucket=name)


async def test_buckets_are_listed_by_name_with_their_date_and_owner(s3, name):
    names = [f"{name}-{letter}" for letter in "cab"]
    for each in names:
        await s3("CreateBucket", Bucket=each)
    listed = await s3("ListBuckets")
    mine = [bucket for bucket in listed["Buckets"] if bucket["Name"] in names]
    assert [bucket["Name"] for bucket in mine] == sorted(names)
    for bucket in mine:
        assert abs((datetime.now(UTC) - bucket["CreationDate"]).total_seconds()) < 60
    assert listed["Owner"]["ID"]


async def test_a_listing_of_buckets_comes_in_pages_and_by_prefix(s3, name):
    names = [f"{name}-{number}" for number in range(5)]
    for each in names:
        await s3("CreateBucket", Bucket=each)
    found, token = [], {}
    while True:
        page = await s3("ListBuckets", Prefix=f"{name}-", MaxBuckets=2, **token)
        assert len(page["Buckets"]) <= 2
        assert page["Prefix"] == f"{name}-"
        found += page.names("Buckets", "Name")
        if "ContinuationToken" not in page:
            break
        token = {"ContinuationToken": page["ContinuationToken"]}
    assert found == names


async def test_the_region_of_a_bucket_is_its_location_constraint(s3, name):
    await s3("CreateBucket", Bucket=name)
    location = await s3("GetBucketLocation", Bucket=name)
    assert location.get("LocationConstraint", "") == ""
    await s3(
        "CreateBucket",
        Bucket=f"{name}-eu",
        CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
    )
    location = await s3("GetBucketLocation", Bucket=f"{name}-eu")
    assert location["LocationConstraint"] == "eu-central-1"
    assert (await s3("HeadBucket", Bucket=f"{name}-eu"))["BucketRegion"] == "eu-central-1"


async def test_creating_a_bucket_again_leaves_its_objects_alone(s3, bucket):
    await s3.put(bucket, "k", b"data")
    # In us-east-1 AWS answers 200, elsewhere 409.
    assert await s3.code("CreateBucket", Bucket=bucket) in ("", "BucketAlreadyOwnedByYou")
    assert await s3.read(bucket, "k") == b"data"


@pytest.mark.parametrize(
    "bad",
    [
        "ab",
        "a" * 64,
        "Upper",
        "under_score",
        "-dash",
        "dash-",
        ".dot",
        "dot.",
        "two..dots",
        "192.168.5.4",
        "space name",
        "sl/ash",
        "umläut",
        "xn--name",
        "name-s3alias",
    ],
)
async def test_a_bad_bucket_name_is_refused(s3, bad):
    await s3.refused("InvalidBucketName", "CreateBucket", Bucket=bad)


@pytest.mark.parametrize("good", ["abc", "a" * 63, "1st", "a.b-c.d", "2001.0.0"])
async def test_a_good_bucket_name_is_taken(s3, good):
    await s3("CreateBucket", Bucket=good)
    await s3("HeadBucket", Bucket=good)
    await s3("DeleteBucket", Bucket=good)


async def test_a_bucket_with_an_object_cannot_be_deleted(s3, bucket):
    await s3.put(bucket, "k")
    await s3.refused("BucketNotEmpty", "DeleteBucket", Bucket=bucket)
    await s3("DeleteObject", Bucket=bucket, Key="k")
    await s3("DeleteBucket", Bucket=bucket)


async def test_a_bucket_with_a_version_or_a_delete_marker_cannot_be_deleted(s3, versioned):
    version = (await s3.put(versioned, "k"))["VersionId"]
    marker = (await s3("DeleteObject", Bucket=versioned, Key="k"))["VersionId"]
    await s3.refused("BucketNotEmpty", "DeleteBucket", Bucket=versioned)
    await s3("DeleteObject", Bucket=versioned, Key="k", VersionId=version)
    await s3.refused("BucketNotEmpty", "DeleteBucket", Bucket=versioned)
    await s3("DeleteObject", Bucket=versioned, Key="k", VersionId=marker)
    await s3("DeleteBucket", Bucket=versioned)


async def test_nothing_of_a_deleted_bucket_is_in_a_new_one_of_that_name(s3, versioned):
    await s3("PutBucketTagging", Bucket=versioned, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    await s3("PutBucketAcl", Bucket=versioned, ACL="public-read")
    await s3("DeleteBucket", Bucket=versioned)
    await s3("CreateBucket", Bucket=versioned)
    await s3.refused("NoSuchTagSet", "GetBucketTagging", Bucket=versioned)
    assert "Status" not in await s3("GetBucketVersioning", Bucket=versioned)
    assert len((await s3("GetBucketAcl", Bucket=versioned))["Grants"]) == 1


PARTS = {"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": '"x"'}]}}


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("ListObjects", {}),
        ("ListObjectsV2", {}),
        ("ListObjectVersions", {}),
        ("ListMultipartUploads", {}),
        ("GetBucketLocation", {}),
        ("GetBucketVersioning", {}),
        ("PutBucketVersioning", {"VersioningConfiguration": {"Status": "Enabled"}}),
        ("GetBucketTagging", {}),
        ("PutBucketTagging", {"Tagging": {"TagSet": []}}),
        ("DeleteBucketTagging", {}),
        ("GetBucketCors", {}),
        ("DeleteBucketCors", {}),
        ("GetBucketAcl", {}),
        ("DeleteObjects", {"Delete": {"Objects": [{"Key": "k"}]}}),
        ("GetObject", {"Key": "k"}),
        ("HeadObject", {"Key": "k"}),
        ("PutObject", {"Key": "k"}),
        ("DeleteObject", {"Key": "k"}),
        ("CopyObject", {"Key": "k", "CopySource": "no-such-bucket/k"}),
        ("GetObjectAttributes", {"Key": "k", "ObjectAttributes": ["ETag"]}),
        ("GetObjectTagging", {"Key": "k"}),
        ("PutObjectTagging", {"Key": "k", "Tagging": {"TagSet": []}}),
        ("DeleteObjectTagging", {"Key": "k"}),
        ("GetObjectAcl", {"Key": "k"}),
        ("CreateMultipartUpload", {"Key": "k"}),
        ("UploadPart", {"Key": "k", "UploadId": "u", "PartNumber": 1}),
        ("CompleteMultipartUpload", {"Key": "k", "UploadId": "u", **PARTS}),
    ],
)
async def test_without_the_bucket_every_operation_says_so(s3, name, operation, members):
    await s3.refused("NoSuchBucket", operation, Bucket=name, **members)
