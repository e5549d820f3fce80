import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.storage.reader import Reader
from s3d.agent.stores.local.tagging import (
    BUCKET_TAGS,
    OBJECT_TAGS,
    parse_header,
    parse_set,
    tag_set,
)


def as_set(*pairs):
    return {"TagSet": [{"Key": key, "Value": value} for key, value in pairs]}


def test_the_header_is_a_query():
    assert parse_header("") == {}
    assert parse_header("a=1&b=&c+d=e%2Bf&%C3%A4=%3D") == {
        "a": "1",
        "b": "",
        "c d": "e+f",
        "ä": "=",
    }


@pytest.mark.parametrize(
    "text", ["a=1&a=2", "=x", "&", "a=%FF", "&".join("ab" for _ in range(200))]
)
def test_a_header_that_is_none_is_refused(text):
    with pytest.raises(S3Error) as refused:
        parse_header(text)
    assert refused.value.code == "InvalidArgument"


def test_a_set_comes_back_in_its_order():
    pairs = [("b", "2"), ("a", "")]
    assert tag_set(parse_set(as_set(*pairs), OBJECT_TAGS).items()) == as_set(*pairs)["TagSet"]


@pytest.mark.parametrize("limit", [OBJECT_TAGS, BUCKET_TAGS])
def test_as_many_tags_as_allowed(limit):
    pairs = [(f"k{at}", "v") for at in range(limit + 1)]
    assert len(parse_set(as_set(*pairs[:-1]), limit)) == limit
    with pytest.raises(S3Error) as refused:
        parse_set(as_set(*pairs), limit)
    assert refused.value.code == "InvalidTag"


@pytest.mark.parametrize(
    "pair",
    [
        ("", "v"),
        ("k" * 129, "v"),
        ("k", "v" * 257),
        ("aws:k", "v"),
        ("AWS:k", "v"),
        ("k\n", "v"),
        ("k", "a;b"),
        ("k", "<"),
        ("k", "\x00"),
    ],
)
def test_a_bad_tag_is_refused(pair):
    with pytest.raises(S3Error) as refused:
        parse_set(as_set(pair), OBJECT_TAGS)
    assert refused.value.code == "InvalidTag"


def test_long_and_odd_tags_are_fine():
    pairs = [("k" * 128, "v" * 256), ("a b.:/=+-@_é漢", "٣ x")]
    assert parse_set(as_set(*pairs), OBJECT_TAGS) == dict(pairs)


def test_a_key_comes_once():
    with pytest.raises(S3Error, match="same key"):
        parse_set(as_set(("a", "1"), ("a", "1")), OBJECT_TAGS)


@pytest.mark.parametrize("tagging", [None, {}, {"TagSet": [{"Value": "x"}]}])
def test_a_document_without_tags_is_malformed(tagging):
    with pytest.raises(S3Error) as refused:
        parse_set(tagging, OBJECT_TAGS)
    assert refused.value.code == "MalformedXML"


TAGGING = {"TagSet": [{"Key": "a", "Value": "1"}]}


async def test_tagging_changes_neither_bytes_nor_time_nor_totals(s3, index, bucket):
    await s3.put(bucket, "k", b"data")
    before = await s3("HeadObject", Bucket=bucket, Key="k")
    totals = index.read_inline(Reader.totals)
    await s3("PutObjectTagging", Bucket=bucket, Key="k", Tagging=TAGGING)
    after = await s3("HeadObject", Bucket=bucket, Key="k")
    assert after.output == {**before.output, "TagCount": 1}
    assert index.read_inline(Reader.totals) == totals
    assert await s3.read(bucket, "k") == b"data"


async def test_tags_come_in_the_order_of_their_keys(s3, bucket):
    await s3.put(bucket, "k", Tagging="foo=1&bar")
    tags = (await s3("GetObjectTagging", Bucket=bucket, Key="k"))["TagSet"]
    assert tags == [{"Key": "bar", "Value": ""}, {"Key": "foo", "Value": "1"}]


async def test_a_tag_set_that_is_refused_changes_nothing(s3, bucket):
    await s3.put(bucket, "k", Tagging="kept=1")
    wrong = {"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}
    for name, members in (
        ("PutObjectTagging", {"Key": "k", "Tagging": wrong}),
        ("PutBucketTagging", {"Tagging": wrong}),
    ):
        await s3.refused("InvalidTag", name, Bucket=bucket, **members)
    tags = await s3("GetObjectTagging", Bucket=bucket, Key="k")
    assert tags["TagSet"] == [{"Key": "kept", "Value": "1"}]
    assert (await s3.refused("NoSuchTagSet", "GetBucketTagging", Bucket=bucket)).status == 404


async def test_tags_given_at_the_creation_of_a_bucket(s3):
    configuration = {"Tags": TAGGING["TagSet"]}
    await s3("CreateBucket", Bucket="tagged", CreateBucketConfiguration=configuration)
    assert (await s3("GetBucketTagging", Bucket="tagged"))["TagSet"] == TAGGING["TagSet"]


async def test_the_tags_of_a_delete_marker(s3, bucket):
    """405, whether or not it is named: S3 was measured, see get_object_tagging."""
    versioning = {"Status": "Enabled"}
    await s3("PutBucketVersioning", Bucket=bucket, VersioningConfiguration=versioning)
    await s3.put(bucket, "k")
    marker = (await s3("DeleteObject", Bucket=bucket, Key="k"))["VersionId"]
    for named in ({}, {"VersionId": marker}):
        at = {"Bucket": bucket, "Key": "k", **named}
        await s3.refused("MethodNotAllowed", "GetObjectTagging", **at)
        await s3.refused("MethodNotAllowed", "DeleteObjectTagging", **at)
        error = await s3.refused("MethodNotAllowed", "PutObjectTagging", Tagging=as_set(), **at)
        assert error.detail["VersionId"] == marker
    await s3.refused("NoSuchKey", "GetObjectTagging", Bucket=bucket, Key="none")
