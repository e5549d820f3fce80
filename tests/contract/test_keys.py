"""Every legal key is a key: nothing is a path, a folder, or a special name.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
"""

from __future__ import annotations

from urllib.parse import quote

import pytest

ODD = [
    "k" * 1024,
    "ü" * 512,
    "/".join(["s" * 255] * 4),
    "one segment of " + "x" * 300,
    "/leading",
    "//",
    "/",
    "trailing/",
    "a//b",
    ".",
    "a/..",
    "a/../b",
    "a/b/../../c",
    "a/./b",
    "...",
    "..a",
    "new\nline",
    "tab\tand\rreturn",
    " space ",
    "+plus+",
    "%41%2F",
    "?query=1&x",
    "#fragment",
    "back\\slash",
    "quote\"'`",
    "<xml>&amp;",
    "\U0001f600\U0001f468‍\U0001f469",
    "e\u0301",
    "\u00e9",
    "CON",
    "nul.txt",
    "a:b|c*?",
    "\x7f\x01",
    "\u202eevil",
    "\ufeffbom",
    "\U0010ffff",
    "UPPER",
    "upper",
]


async def test_odd_keys_live_side_by_side(s3, bucket):
    for key in ODD:
        await s3.put(bucket, key, key.encode())
    assert await s3.keys(bucket) == sorted(ODD, key=str.encode)
    for key in ODD:
        assert await s3.read(bucket, key) == key.encode()
        await s3("DeleteObject", Bucket=bucket, Key=key)
    assert await s3.keys(bucket) == []


async def test_a_key_and_what_looks_like_a_folder_live_together(s3, bucket):
    for key in ("k", "k/", "k/x", "k/x/", "k//"):
        await s3.put(bucket, key, key.encode())
    await s3("DeleteObject", Bucket=bucket, Key="k/")
    assert await s3.keys(bucket) == ["k", "k//", "k/x", "k/x/"]
    for key in ("k", "k//", "k/x", "k/x/"):
        assert await s3.read(bucket, key) == key.encode()


@pytest.mark.parametrize("key", ["k" * 1024, "a/..", "new\nline", "\U0001f600", "/lead"])
async def test_odd_keys_in_every_other_operation(s3, bucket, key):
    upload = (await s3("CreateMultipartUpload", Bucket=bucket, Key=key))["UploadId"]
    at = {"Bucket": bucket, "Key": key}
    part = await s3("UploadPart", UploadId=upload, PartNumber=1, Body=b"data", **at)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    await s3("CompleteMultipartUpload", UploadId=upload, MultipartUpload=parts, **at)
    await s3("PutObjectTagging", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]}, **at)
    await s3("CopyObject", Bucket=bucket, Key="to", CopySource=f"{bucket}/{quote(key)}")
    assert await s3.read(bucket, "to") == b"data"
    await s3("DeleteObjects", Bucket=bucket, Delete={"Objects": [{"Key": key}]})
    assert await s3.keys(bucket) == ["to"]


@pytest.mark.parametrize("key", ["..", "../x", "a/../../x", "a/../..", ""])
async def test_a_key_that_climbs_out_of_its_bucket_is_refused(s3, bucket, key):
    await s3.refused("InvalidURI", "PutObject", Bucket=bucket, Key=key)


@pytest.mark.parametrize("key", ["k" * 1025, "ü" * 513])
@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("PutObject", {}),
        ("CreateMultipartUpload", {}),
        ("CopyObject", {"CopySource": "bucket/key"}),
    ],
)
async def test_a_key_of_more_than_1024_bytes_is_refused(s3, bucket, operation, members, key):
    await s3.refused("KeyTooLongError", operation, Bucket=bucket, Key=key, **members)
