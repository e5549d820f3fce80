"""CopyObject: data, headers, metadata and tags of the source, or new ones.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
"""

from __future__ import annotations

import hashlib
import os
from datetime import timedelta
from urllib.parse import quote

import pytest

HEADERS = {
    "ContentType": "text/plain",
    "CacheControl": "no-store",
    "Metadata": {"one": "1"},
}


@pytest.fixture
async def source(s3, bucket) -> str:
    await s3.put(bucket, "from", b"data", Tagging="a=b", StorageClass="STANDARD_IA", **HEADERS)
    return f"{bucket}/from"


async def test_a_copy_has_data_headers_metadata_and_tags_of_its_source(s3, bucket, source):
    copied = await s3("CopyObject", Bucket=bucket, Key="to", CopySource=source)
    result = copied["CopyObjectResult"]
    assert result["ETag"] == f'"{hashlib.md5(b"data").hexdigest()}"'
    got = await s3("GetObject", Bucket=bucket, Key="to")
    assert got.body == b"data"
    assert {name: got.get(name) for name in HEADERS} == HEADERS
    assert got["TagCount"] == 1
    assert got["LastModified"] == result["LastModified"]
    assert await s3.read(bucket, "from") == b"data"


async def test_the_storage_class_is_not_copied(s3, bucket, source):
    await s3("CopyObject", Bucket=bucket, Key="to", CopySource=source)
    assert "StorageClass" not in await s3("HeadObject", Bucket=bucket, Key="to")
    await s3("CopyObject", Bucket=bucket, Key="to", CopySource=source, StorageClass="ONEZONE_IA")
    assert (await s3("HeadObject", Bucket=bucket, Key="to"))["StorageClass"] == "ONEZONE_IA"


async def test_replace_takes_headers_and_metadata_from_the_request_alone(s3, bucket, source):
    await s3(
        "CopyObject",
        Bucket=bucket,
        Key="to",
        CopySource=source,
        MetadataDirective="REPLACE",
        ContentType="image/png",
        Metadata={"two": "2"},
    )
    got = await s3("HeadObject", Bucket=bucket, Key="to")
    assert (got["ContentType"], got["Metadata"]) == ("image/png", {"two": "2"})
    assert "CacheControl" not in got
    assert got["TagCount"] == 1


async def test_without_replace_the_headers_of_the_request_do_not_count(s3, bucket, source):
    await s3("CopyObject", Bucket=bucket, Key="to", CopySource=source, Metadata={"two": "2"})
    assert (await s3("HeadObject", Bucket=bucket, Key="to"))["Metadata"] == {"one": "1"}


async def test_tags_are_replaced_by_their_own_directive(s3, bucket, source):
    await s3(
        "CopyObject",
        Bucket=bucket,
        Key="to",
        CopySource=source,
        TaggingDirective="REPLACE",
        Tagging="x=y&z=",
    )
    tags = await s3("GetObjectTagging", Bucket=bucket, Key="to")
    assert sorted(tags.names("TagSet", "Key")) == ["x", "z"]
    assert (await s3("HeadObject", Bucket=bucket, Key="to"))["Metadata"] == {"one": "1"}


@pytest.mark.parametrize("member", ["MetadataDirective", "TaggingDirective"])
async def test_an_unknown_directive_is_refused(s3, bucket, source, member):
    await s3.refused(
        "InvalidArgument",
        "CopyObject",
        Bucket=bucket,
        Key="to",
        CopySource=source,
        **{member: "MERGE"},
    )


async def test_a_copy_onto_itself_must_change_something(s3, bucket, source):
    await s3.refused("InvalidRequest", "CopyObject", Bucket=bucket, Key="from", CopySource=source)
    await s3(
        "CopyObject",
        Bucket=bucket,
        Key="from",
        CopySource=source,
        MetadataDirective="REPLACE",
        Metadata={"new": "1"},
    )
    got = await s3("GetObject", Bucket=bucket, Key="from")
    assert (got.body, got["Metadata"]) == (b"data", {"new": "1"})


@pytest.mark.parametrize("key", ["a b", "a+b", "ä/ö", "a%20b", "x?y=z", "\U0001f600", "/lead"])
async def test_the_source_is_percent_encoded(s3, bucket, key):
    await s3.put(bucket, key, b"odd")
    for source in (f"{bucket}/{quote(key)}", f"/{bucket}/{quote(key, safe='')}"):
        await s3("CopyObject", Bucket=bucket, Key="to", CopySource=source)
        assert await s3.read(bucket, "to") == b"odd"


async def test_between_buckets_and_after_the_source_is_gone(s3, bucket, name):
    data = os.urandom(300_000)
    other = f"{name}-2"
    await s3("CreateBucket", Bucket=other)
    await s3.put(bucket, "from", data)
    await s3("CopyObject", Bucket=other, Key="to", CopySource=f"{bucket}/from")
    await s3("DeleteObject", Bucket=bucket, Key="from")
    assert await s3.read(other, "to") == data
    await s3("DeleteObject", Bucket=other, Key="to")


async def test_a_missing_source(s3, bucket, name):
    copy = {"Bucket": bucket, "Key": "to"}
    await s3.refused("NoSuchKey", "CopyObject", CopySource=f"{bucket}/none", **copy)
    await s3.refused("NoSuchBucket", "CopyObject", CopySource=f"{name}-none/k", **copy)
    await s3.put(bucket, "from")
    await s3.refused(
        "NoSuchBucket", "CopyObject", Bucket=f"{name}-none", Key="k", CopySource=f"{bucket}/from"
    )
    assert await s3.keys(bucket) == ["from"]


@pytest.mark.parametrize("source", ["", "x", "/", "bucket-only", "bucket/", "/bucket/"])
async def test_a_source_that_names_no_object_is_refused(s3, bucket, source):
    await s3.refused("InvalidArgument", "CopyObject", Bucket=bucket, Key="to", CopySource=source)


async def test_conditions_on_the_source(s3, bucket, source):
    head = await s3("HeadObject", Bucket=bucket, Key="from")
    etag, modified = head["ETag"], head["LastModified"]
    before = modified - timedelta(seconds=1)
    copy = {"Bucket": bucket, "Key": "to", "CopySource": source}
    for condition in (
        {"CopySourceIfMatch": '"x"'},
        {"CopySourceIfNoneMatch": etag},
        {"CopySourceIfModifiedSince": modified},
        {"CopySourceIfUnmodifiedSince": before},
        {"CopySourceIfNoneMatch": etag, "CopySourceIfModifiedSince": before},
    ):
        await s3.refused("PreconditionFailed", "CopyObject", **copy, **condition)
    assert await s3.keys(bucket) == ["from"]
    for condition in (
        {"CopySourceIfMatch": etag},
        {"CopySourceIfNoneMatch": '"x"'},
        {"CopySourceIfMatch": etag, "CopySourceIfUnmodifiedSince": before},
    ):
        await s3("CopyObject", **copy, **condition)


async def test_conditions_on_the_target(s3, bucket, source):
    copy = {"Bucket": bucket, "Key": "to", "CopySource": source}
    await s3.refused("NoSuchKey", "CopyObject", IfMatch='"x"', **copy)
    await s3("CopyObject", IfNoneMatch="*", **copy)
    await s3.refused("PreconditionFailed", "CopyObject", IfNoneMatch="*", **copy)
    await s3.refused("PreconditionFailed", "CopyObject", IfMatch='"x"', **copy)


async def test_a_copy_keeps_the_checksum_or_makes_the_one_asked_for(s3, bucket):
    sent = await s3.put(bucket, "from", b"data", ChecksumAlgorithm="CRC32C")
    copy = {"Bucket": bucket, "CopySource": f"{bucket}/from"}
    kept = await s3("CopyObject", Key="to", **copy)
    assert kept["CopyObjectResult"]["ChecksumCRC32C"] == sent["ChecksumCRC32C"]
    made = await s3("CopyObject", Key="to", ChecksumAlgorithm="SHA256", **copy)
    again = await s3.put(bucket, "other", b"data", ChecksumAlgorithm="SHA256")
    assert made["CopyObjectResult"]["ChecksumSHA256"] == again["ChecksumSHA256"]


async def test_a_copy_of_a_multipart_object_is_a_plain_one(s3, bucket):
    upload = (await s3("CreateMultipartUpload", Bucket=bucket, Key="from"))["UploadId"]
    part = {"Bucket": bucket, "Key": "from", "UploadId": upload}
    sent = await s3("UploadPart", PartNumber=1, Body=b"data", **part)
    parts = {"Parts": [{"PartNumber": 1, "ETag": sent["ETag"]}]}
    await s3("CompleteMultipartUpload", MultipartUpload=parts, **part)
    copied = await s3("CopyObject", Bucket=bucket, Key="to", CopySource=f"{bucket}/from")
    assert copied["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(b"data").hexdigest()}"'
    assert await s3.read(bucket, "to") == b"data"
