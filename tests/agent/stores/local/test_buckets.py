import asyncio

import pytest

from s3d.agent.stores.local.store import LocalStore
from tests.contract.client import Client

WEST = {"LocationConstraint": "eu-west-1"}


@pytest.fixture
def at_home(index, blobs):
    """A store whose endpoint has a region of its own."""
    return Client(LocalStore(index, blobs, region="home"))


async def test_creating_a_bucket_again_is_fine_in_us_east_1_only(s3):
    await s3("CreateBucket", Bucket="east")
    await s3("CreateBucket", Bucket="east")
    await s3("CreateBucket", Bucket="west", CreateBucketConfiguration=WEST)
    for members in ({"Bucket": "west"}, {"Bucket": "east"}):
        await s3.refused(
            "BucketAlreadyOwnedByYou", "CreateBucket", CreateBucketConfiguration=WEST, **members
        )
    await s3.refused("BucketAlreadyOwnedByYou", "CreateBucket", Bucket="west")


async def test_the_region_is_told_by_head_location_and_list(s3):
    await s3("CreateBucket", Bucket="east")
    await s3("CreateBucket", Bucket="west", CreateBucketConfiguration=WEST)
    assert (await s3("HeadBucket", Bucket="west"))["BucketRegion"] == "eu-west-1"
    assert "LocationConstraint" not in await s3("GetBucketLocation", Bucket="east")
    listed = await s3("ListBuckets", BucketRegion="eu-west-1")
    assert listed.names("Buckets", "Name") == ["west"]


@pytest.mark.parametrize("region", ["us-west-2", "ap-southeast-7", "us-gov-west-1", "home"])
async def test_a_bucket_is_in_a_region_of_aws_or_of_the_endpoint(at_home, region):
    placed = {"CreateBucketConfiguration": {"LocationConstraint": region}}
    await at_home("CreateBucket", Bucket="bucket", **placed)
    assert (await at_home("HeadBucket", Bucket="bucket"))["BucketRegion"] == region


@pytest.mark.parametrize("region", ["us-east-1", "nowhere", "us-west-2 ", "US-WEST-2", "eu", "x-1"])
async def test_another_region_is_refused(at_home, region):
    placed = {"CreateBucketConfiguration": {"LocationConstraint": region}}
    await at_home.refused("InvalidLocationConstraint", "CreateBucket", Bucket="bucket", **placed)
    await at_home.refused("NoSuchBucket", "HeadBucket", Bucket="bucket")


async def test_the_oldest_name_of_a_region_is_returned_as_it_came(s3):
    placed = {"CreateBucketConfiguration": {"LocationConstraint": "EU"}}
    await s3("CreateBucket", Bucket="bucket", **placed)
    assert (await s3("GetBucketLocation", Bucket="bucket"))["LocationConstraint"] == "EU"
    assert (await s3("HeadBucket", Bucket="bucket"))["BucketRegion"] == "eu-west-1"
    listed = await s3("ListBuckets", BucketRegion="eu-west-1")
    assert listed.names("Buckets", "BucketRegion") == ["eu-west-1"]


@pytest.mark.parametrize("limit", [0, -1, 10_001])
async def test_a_page_of_buckets_has_a_size(s3, limit):
    await s3.refused("InvalidArgument", "ListBuckets", MaxBuckets=limit)


async def test_of_many_who_delete_and_put_nobody_is_lost(s3, bucket):
    """Either the put came first and the bucket stays, or it finds no bucket."""
    async with asyncio.TaskGroup() as group:
        put = group.create_task(s3.code("PutObject", Bucket=bucket, Key="k", Body=b"data"))
        gone = group.create_task(s3.code("DeleteBucket", Bucket=bucket))
    assert {put.result(), gone.result()} in ({"", "BucketNotEmpty"}, {"NoSuchBucket", ""})
