"""Objects: what was put comes back, whole, in part, and unchanged by what happens meanwhile.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
"""

from __future__ import annotations

import base64
import hashlib
import os
from datetime import UTC, datetime

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, StreamBody
from s3d.agent.s3.model import operations
from tests.contract.client import chunks, read

DATA = b"0123456789"
MD5 = hashlib.md5(DATA)


def etag_of(data: bytes) -> str:
    return f'"{hashlib.md5(data).hexdigest()}"'


@pytest.mark.parametrize("size", [0, 1, 1000, 70_000, 1 << 20, (3 << 20) + 7])
async def test_the_bytes_come_back(s3, bucket, size):
    data = os.urandom(size)
    put = await s3.put(bucket, "k", data)
    assert put["ETag"] == etag_of(data)
    got = await s3("GetObject", Bucket=bucket, Key="k")
    assert got.body == data
    assert got.status == 200
    assert (got["ETag"], got["ContentLength"]) == (etag_of(data), size)
    assert got["AcceptRanges"] == "bytes"
    assert abs((datetime.now(UTC) - got["LastModified"]).total_seconds()) < 60
    assert got["LastModified"].microsecond == 0


async def test_a_body_of_unknown_size_in_odd_pieces_comes_back(s3, bucket):
    pieces = [os.urandom(size) for size in (1, 70_000, 3, 300_000, 17)]
    data = b"".join(pieces)
    put = await s3.put(bucket, "k", StreamBody(chunks(*pieces)))
    assert put["ETag"] == etag_of(data)
    assert await s3.read(bucket, "k") == data


async def test_head_gives_what_get_gives_without_the_body(s3, bucket):
    await s3.put(bucket, "k", DATA, ContentType="text/plain", Metadata={"a": "b"})
    head = await s3("HeadObject", Bucket=bucket, Key="k")
    got = await s3("GetObject", Bucket=bucket, Key="k")
    assert head.body == b""
    assert head.output == got.output


HEADERS = {
    "CacheControl": "max-age=60",
    "ContentDisposition": 'attachment; filename="x.txt"',
    "ContentEncoding": "gzip",
    "ContentLanguage": "de-DE",
    "ContentType": "text/plain; charset=utf-8",
    "Expires": datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC),
    "WebsiteRedirectLocation": "/elsewhere",
    "StorageClass": "STANDARD_IA",
    "Metadata": {"one": "1", "two": "a, b", "three": "ü"},
}


@pytest.mark.parametrize("operation", ["GetObject", "HeadObject"])
async def test_headers_and_metadata_come_back(s3, bucket, operation):
    await s3.put(bucket, "k", DATA, **HEADERS)
    got = await s3(operation, Bucket=bucket, Key="k")
    assert {name: got.get(name) for name in HEADERS} == HEADERS


async def test_what_was_not_said_is_not_given_but_a_content_type(s3, bucket):
    await s3.put(bucket, "k", DATA)
    got = await s3("GetObject", Bucket=bucket, Key="k")
    assert got["ContentType"] == "binary/octet-stream"
    assert not got.get("Metadata")
    assert {name for name in HEADERS if name in got} - {"Metadata"} == {"ContentType"}


async def test_an_overwrite_leaves_nothing_of_the_object_before(s3, bucket):
    await s3.put(bucket, "k", DATA * 10, Tagging="a=b", **HEADERS)
    await s3.put(bucket, "k", DATA)
    got = await s3("GetObject", Bucket=bucket, Key="k")
    assert got.body == DATA
    assert got["ContentLength"] == len(DATA)
    assert not got.get("Metadata")
    assert "CacheControl" not in got
    assert "TagCount" not in got


async def test_the_caller_may_ask_for_other_headers(s3, bucket):
    await s3.put(bucket, "k", DATA, ContentType="text/plain", CacheControl="no-store")
    got = await s3(
        "GetObject",
        Bucket=bucket,
        Key="k",
        ResponseContentType="text/html",
        ResponseContentDisposition="inline",
    )
    assert (got["ContentType"], got["ContentDisposition"]) == ("text/html", "inline")
    assert got["CacheControl"] == "no-store"


@pytest.mark.parametrize("operation", ["GetObject", "HeadObject"])
async def test_a_missing_object_is_404(s3, bucket, operation):
    error = await s3.refused("NoSuchKey", operation, Bucket=bucket, Key="k")
    assert error.status == 404


async def test_a_deleted_object_is_gone_and_deleting_it_again_is_no_error(s3, bucket):
    await s3.put(bucket, "k", DATA)
    assert (await s3("DeleteObject", Bucket=bucket, Key="k")).status == 204
    await s3.refused("NoSuchKey", "GetObject", Bucket=bucket, Key="k")
    assert (await s3("DeleteObject", Bucket=bucket, Key="k")).status == 204


async def test_the_md5_of_the_sender_is_checked(s3, bucket):
    right = base64.b64encode(MD5.digest()).decode()
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    await s3.put(bucket, "k", DATA, ContentMD5=right)
    await s3.refused("BadDigest", "PutObject", Bucket=bucket, Key="k", Body=b"x", ContentMD5=wrong)
    for bad in ("x", "abcd", "not base64!"):
        await s3.refused(
            "InvalidDigest", "PutObject", Bucket=bucket, Key="k", Body=b"x", ContentMD5=bad
        )
    assert await s3.read(bucket, "k") == DATA


async def broken(error: BaseException):
    yield b"half of the "
    raise error


@pytest.mark.parametrize("error", [S3Error("IncompleteBody"), ConnectionResetError()])
async def test_an_upload_that_breaks_off_changes_nothing(s3, bucket, error):
    await s3.put(bucket, "k", DATA)
    for key in ("k", "new"):
        with pytest.raises(type(error)):
            await s3.put(bucket, key, StreamBody(broken(error), 100))
    assert await s3.read(bucket, "k") == DATA
    assert await s3.keys(bucket) == ["k"]


async def test_metadata_beyond_2_kb_is_refused(s3, bucket):
    await s3.put(bucket, "k", Metadata={"a": "x" * 2000})
    await s3.refused(
        "MetadataTooLarge", "PutObject", Bucket=bucket, Key="k", Metadata={"a": "x" * 2048}
    )


async def test_what_is_said_to_be_larger_than_5_gib_is_refused_unread(s3, bucket):
    body = StreamBody(broken(AssertionError("it was read")), (5 << 30) + 1)
    error = await s3.refused("EntityTooLarge", "PutObject", Bucket=bucket, Key="k", Body=body)
    assert error.status == 400
    upload = (await s3("CreateMultipartUpload", Bucket=bucket, Key="k"))["UploadId"]
    at = {"Bucket": bucket, "Key": "k", "UploadId": upload, "PartNumber": 1}
    body = StreamBody(broken(AssertionError("it was read")), (5 << 30) + 1)
    await s3.refused("EntityTooLarge", "UploadPart", Body=body, **at)


async def test_a_reader_sees_the_object_as_it_was_when_it_asked(s3, bucket):
    before = os.urandom(1 << 20)
    await s3.put(bucket, "k", before)
    request = S3Request(operations()["GetObject"], {"Bucket": bucket, "Key": "k"})
    response = await s3.store.call(request)
    await s3.put(bucket, "k", b"after")
    await s3("DeleteObject", Bucket=bucket, Key="k")
    assert await read(response.body) == before


@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=2-5", 2, 6),
        ("bytes=4-", 4, 10),
        ("bytes=-3", 7, 10),
        ("bytes=-99", 0, 10),
        ("bytes=5-99", 5, 10),
        ("bytes=0-9", 0, 10),
    ],
)
async def test_a_range_is_206_with_the_part_alone(s3, bucket, header, start, stop):
    await s3.put(bucket, "k", DATA, ChecksumAlgorithm="CRC32")
    got = await s3("GetObject", Bucket=bucket, Key="k", Range=header, ChecksumMode="ENABLED")
    assert got.status == 206
    assert got.body == DATA[start:stop]
    assert got["ContentLength"] == stop - start
    assert got["ContentRange"] == f"bytes {start}-{stop - 1}/10"
    assert got["ETag"] == etag_of(DATA)
    assert "ChecksumCRC32" not in got
    head = await s3("HeadObject", Bucket=bucket, Key="k", Range=header)
    assert (head.status, head["ContentLength"]) == (206, stop - start)


@pytest.mark.parametrize("size", [70_000, 3 << 20])
async def test_a_range_of_a_large_object(s3, bucket, size):
    data = os.urandom(size)
    await s3.put(bucket, "k", data)
    for start, stop in ((0, 10), (1000, 66_000), (size - 1, size)):
        got = await s3.read(bucket, "k", Range=f"bytes={start}-{stop - 1}")
        assert got == data[start:stop]


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-20", "bytes=-0"])
async def test_a_range_beyond_the_end_is_416(s3, bucket, header):
    await s3.put(bucket, "k", DATA)
    error = await s3.refused("InvalidRange", "GetObject", Bucket=bucket, Key="k", Range=header)
    assert error.status == 416
    assert error.detail["ActualObjectSize"] == 10


async def test_an_empty_object_has_no_range(s3, bucket):
    await s3.put(bucket, "k", b"")
    await s3.refused("InvalidRange", "GetObject", Bucket=bucket, Key="k", Range="bytes=0-")


@pytest.mark.parametrize("header", ["bytes=5-2", "bytes=a-b", "items=0-1", "bytes=0-1,4-5", "x"])
async def test_a_range_that_is_none_is_ignored(s3, bucket, header):
    await s3.put(bucket, "k", DATA)
    got = await s3("GetObject", Bucket=bucket, Key="k", Range=header)
    assert (got.status, got.body) == (200, DATA)
    assert "ContentRange" not in got


async def test_a_plain_object_is_its_own_first_part(s3, bucket):
    await s3.put(bucket, "k", DATA)
    got = await s3("GetObject", Bucket=bucket, Key="k", PartNumber=1)
    assert (got.status, got.body) == (206, DATA)
    assert "PartsCount" not in got
    error = await s3.refused("InvalidPartNumber", "GetObject", Bucket=bucket, Key="k", PartNumber=2)
    assert error.status == 416
    await s3.refused(
        "InvalidRequest", "GetObject", Bucket=bucket, Key="k", PartNumber=1, Range="bytes=0-1"
    )


@pytest.mark.parametrize("storage_class", ["PLAIN", "standard"])
async def test_an_unknown_storage_class_is_refused(s3, bucket, storage_class):
    await s3.refused(
        "InvalidStorageClass", "PutObject", Bucket=bucket, Key="k", StorageClass=storage_class
    )


async def test_attributes_are_those_asked_for(s3, bucket):
    await s3.put(bucket, "k", DATA, ChecksumAlgorithm="SHA256")
    asked = ["ETag", "ObjectSize", "StorageClass", "Checksum", "ObjectParts"]
    got = await s3("GetObjectAttributes", Bucket=bucket, Key="k", ObjectAttributes=asked)
    assert got["ETag"] == MD5.hexdigest()
    assert got["ObjectSize"] == 10
    assert got["StorageClass"] == "STANDARD"
    digest = base64.b64encode(hashlib.sha256(DATA).digest()).decode()
    assert got["Checksum"]["ChecksumSHA256"] == digest
    assert got["Checksum"]["ChecksumType"] == "FULL_OBJECT"
    assert "ObjectParts" not in got
    assert got["LastModified"]
    got = await s3("GetObjectAttributes", Bucket=bucket, Key="k", ObjectAttributes=["ObjectSize"])
    assert got["ObjectSize"] == 10
    assert "ETag" not in got
    assert "Checksum" not in got


async def test_attributes_of_nothing(s3, bucket):
    await s3.refused(
        "NoSuchKey", "GetObjectAttributes", Bucket=bucket, Key="k", ObjectAttributes=["ETag"]
    )
    await s3.put(bucket, "k", DATA)
    await s3.refused(
        "InvalidArgument", "GetObjectAttributes", Bucket=bucket, Key="k", ObjectAttributes=["Size"]
    )
