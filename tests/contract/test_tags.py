"""Tags of objects and buckets.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
"""

from __future__ import annotations

import pytest


def tag_set(**tags: str) -> dict:
    return {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}


@pytest.fixture
async def at(s3, bucket) -> dict:
    """An object with tags, as members."""
    await s3.put(bucket, "k", b"data", Tagging="a=1&b%20c=%C3%BC+%2B&empty=")
    return {"Bucket": bucket, "Key": "k"}


async def tags_of(s3, at) -> dict[str, str]:
    tags = (await s3("GetObjectTagging", **at)).get("TagSet", [])
    return {tag["Key"]: tag["Value"] for tag in tags}


async def test_tags_are_put_with_the_object(s3, at):
    assert await tags_of(s3, at) == {"a": "1", "b c": "ü +", "empty": ""}
    assert (await s3("HeadObject", **at))["TagCount"] == 3
    assert (await s3("GetObject", **at))["TagCount"] == 3


async def test_tags_are_replaced_as_a_whole_and_leave_the_object_alone(s3, at):
    before = (await s3("GetObject", **at)).output
    await s3("PutObjectTagging", Tagging=tag_set(x="y"), **at)
    assert await tags_of(s3, at) == {"x": "y"}
    after = await s3("GetObject", **at)
    assert after.body == b"data"
    assert after.output == {**before, "TagCount": 1}


async def test_tags_are_deleted(s3, at):
    assert (await s3("DeleteObjectTagging", **at)).status == 204
    assert await tags_of(s3, at) == {}
    assert "TagCount" not in await s3("HeadObject", **at)
    assert await s3.read(bucket=at["Bucket"], key=at["Key"]) == b"data"


async def test_an_empty_tag_set_is_no_tags(s3, at):
    await s3("PutObjectTagging", Tagging={"TagSet": []}, **at)
    assert await tags_of(s3, at) == {}


@pytest.mark.parametrize("operation", ["GetObjectTagging", "DeleteObjectTagging"])
async def test_a_missing_object_has_no_tags_to_speak_of(s3, bucket, operation):
    await s3.refused("NoSuchKey", operation, Bucket=bucket, Key="none")
    await s3.refused(
        "NoSuchKey", "PutObjectTagging", Bucket=bucket, Key="none", Tagging=tag_set(a="b")
    )


TOO_MANY = {f"k{number}": "v" for number in range(11)}
BAD_TAGS = [
    [{"Key": "", "Value": "v"}],
    [{"Key": "k" * 129, "Value": "v"}],
    [{"Key": "k", "Value": "v" * 257}],
    [{"Key": "same", "Value": "1"}, {"Key": "same", "Value": "2"}],
    [{"Key": "aws:reserved", "Value": "v"}],
    [{"Key": "bad<char>", "Value": "v"}],
]


@pytest.mark.parametrize("tags", BAD_TAGS)
async def test_bad_tags_are_refused_and_the_old_ones_stay(s3, at, tags):
    before = await tags_of(s3, at)
    await s3.refused("InvalidTag", "PutObjectTagging", Tagging={"TagSet": tags}, **at)
    assert await tags_of(s3, at) == before
    await s3.refused(
        "InvalidTag", "PutBucketTagging", Bucket=at["Bucket"], Tagging={"TagSet": tags}
    )


async def test_an_object_has_ten_tags_at_most(s3, at):
    ten = dict(list(TOO_MANY.items())[:10])
    await s3("PutObjectTagging", Tagging=tag_set(**ten), **at)
    # AWS says BadRequest here, its documentation InvalidTag.
    for operation, members in (
        ("PutObjectTagging", {"Tagging": tag_set(**TOO_MANY)}),
        ("PutObject", {"Tagging": "&".join(f"{key}=v" for key in TOO_MANY)}),
    ):
        code = await s3.code(operation, **members, **at)
        assert code in ("BadRequest", "InvalidTag")
    assert await tags_of(s3, at) == ten


async def test_the_longest_tags_are_taken(s3, at):
    longest = {"k" * 128: "v" * 256, "ü" * 128: "ü" * 256, "a-+=._:/@ b": ""}
    await s3("PutObjectTagging", Tagging=tag_set(**longest), **at)
    assert await tags_of(s3, at) == longest


@pytest.mark.parametrize("tagging", ["a=1&a=2", "=v", "k" * 129 + "=v", "aws:x=v"])
async def test_bad_tags_with_an_object_are_refused(s3, bucket, tagging):
    code = await s3.code("PutObject", Bucket=bucket, Key="k", Tagging=tagging)
    assert code in ("InvalidArgument", "InvalidTag")
    assert await s3.keys(bucket) == []


async def test_tags_of_a_bucket(s3, bucket):
    await s3.refused("NoSuchTagSet", "GetBucketTagging", Bucket=bucket)
    fifty = {f"k{number}": "v" for number in range(50)}
    assert (await s3("PutBucketTagging", Bucket=bucket, Tagging=tag_set(**fifty))).status == 204
    got = await s3("GetBucketTagging", Bucket=bucket)
    assert {tag["Key"]: tag["Value"] for tag in got["TagSet"]} == fifty
    await s3("PutBucketTagging", Bucket=bucket, Tagging=tag_set(only="this"))
    assert (await s3("GetBucketTagging", Bucket=bucket))["TagSet"] == [
        {"Key": "only", "Value": "this"}
    ]
    assert (await s3("DeleteBucketTagging", Bucket=bucket)).status == 204
    await s3.refused("NoSuchTagSet", "GetBucketTagging", Bucket=bucket)
