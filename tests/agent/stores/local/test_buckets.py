import asyncio

import pytest

WEST = {"LocationConstraint": "eu-west-1"}


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


@pytest.mark.parametrize("limit", [0, -1, 10_001])
async def test_a_page_of_buckets_has_a_size(s3, limit):
    await s3.refused("InvalidArgument", "ListBuckets", MaxBuckets=limit)


async def test_of_many_who_delete_and_put_nobody_is_lost(s3, bucket):
    """Either the put came first and the bucket stays, or it finds no bucket."""
    async with asyncio.TaskGroup() as group:
        put = group.create_task(s3.code("PutObject", Bucket=bucket, Key="k", Body=b"data"))
        gone = group.create_task(s3.code("DeleteBucket", Bucket=bucket))
    assert {put.result(), gone.result()} in ({"", "BucketNotEmpty"}, {"NoSuchBucket", ""})
