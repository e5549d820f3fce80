"""Multipart uploads: the order and size of parts, what becomes of them, and the object they make.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members
from tests.contract.client import Answer, Client

MIB = 1 << 20
LARGE = os.urandom(5 * MIB)


@dataclass(frozen=True)
class Upload:
    """One multipart upload and how to speak of it."""

    s3: Client
    at: Members

    @classmethod
    async def create(cls, s3: Client, bucket: str, key: str = "k", **members) -> Upload:
        created = await s3("CreateMultipartUpload", Bucket=bucket, Key=key, **members)
        assert (created["Bucket"], created["Key"]) == (bucket, key)
        return cls(s3, {"Bucket": bucket, "Key": key, "UploadId": created["UploadId"]})

    async def part(self, number: int, body: bytes, **members) -> Members:
        """Sends a part; gives the entry for Complete."""
        sent = await self.s3("UploadPart", PartNumber=number, Body=body, **members, **self.at)
        return {"PartNumber": number, "ETag": sent["ETag"]}

    async def complete(self, *parts: Members, **members) -> Answer:
        listed = {"Parts": list(parts)}
        return await self.s3(
            "CompleteMultipartUpload", MultipartUpload=listed, **members, **self.at
        )

    async def refused(self, code: str, *parts: Members, **members) -> S3Error:
        listed = {"Parts": list(parts)}
        return await self.s3.refused(
            code, "CompleteMultipartUpload", MultipartUpload=listed, **members, **self.at
        )


@pytest.fixture
async def upload(s3, bucket) -> Upload:
    return await Upload.create(s3, bucket)


def etag_of(*parts: bytes) -> str:
    """MD5 of the MD5s of the parts, and how many they are."""
    digests = b"".join(hashlib.md5(part).digest() for part in parts)
    return f'"{hashlib.md5(digests).hexdigest()}-{len(parts)}"'


async def test_parts_become_one_object(s3, bucket):
    upload = await Upload.create(s3, bucket, ContentType="text/plain", Metadata={"a": "b"})
    one = await upload.part(1, LARGE)
    two = await upload.part(2, b"the end")
    assert one["ETag"] == f'"{hashlib.md5(LARGE).hexdigest()}"'
    assert await s3.keys(bucket) == []
    completed = await upload.complete(one, two)
    assert completed["ETag"] == etag_of(LARGE, b"the end")
    assert (completed["Bucket"], completed["Key"]) == (bucket, "k")
    assert completed["Location"]
    got = await s3("GetObject", Bucket=bucket, Key="k")
    assert got.body == LARGE + b"the end"
    assert got["ETag"] == completed["ETag"]
    assert (got["ContentType"], got["Metadata"]) == ("text/plain", {"a": "b"})
    assert await s3.keys(bucket) == ["k"]


async def test_a_single_small_part_and_an_empty_one_are_enough(s3, bucket):
    for body in (b"small", b""):
        upload = await Upload.create(s3, bucket)
        completed = await upload.complete(await upload.part(1, body))
        assert completed["ETag"] == etag_of(body)
        assert await s3.read(bucket, "k") == body


async def test_parts_may_come_in_any_order_and_with_gaps_in_their_numbers(s3, bucket, upload):
    last = await upload.part(10_000, b"last")
    first = await upload.part(7, LARGE)
    completed = await upload.complete(first, last)
    assert completed["ETag"] == etag_of(LARGE, b"last")
    assert await s3.read(bucket, "k") == LARGE + b"last"


async def test_parts_sent_at_once(s3, bucket, upload):
    bodies = [bytes([number]) * (5 * MIB) for number in range(1, 4)]
    async with asyncio.TaskGroup() as group:
        sent = [
            group.create_task(upload.part(number, body)) for number, body in enumerate(bodies, 1)
        ]
    completed = await upload.complete(*(task.result() for task in sent))
    assert completed["ETag"] == etag_of(*bodies)
    assert await s3.read(bucket, "k", Range=f"bytes={5 * MIB - 1}-{5 * MIB}") == b"\1\2"


async def test_a_part_sent_again_replaces_the_one_before(s3, bucket, upload):
    before = await upload.part(1, b"before")
    after = await upload.part(1, b"after")
    await upload.refused("InvalidPart", before)
    await upload.complete(after)
    assert await s3.read(bucket, "k") == b"after"


async def test_parts_that_are_not_named_are_dropped(s3, bucket, upload):
    one = await upload.part(1, b"one")
    await upload.part(2, b"two")
    await upload.complete(one)
    assert await s3.read(bucket, "k") == b"one"


async def test_every_part_but_the_last_has_5_mib(s3, bucket, upload):
    small = await upload.part(1, LARGE[:-1])
    last = await upload.part(2, b"end")
    error = await upload.refused("EntityTooSmall", small, last)
    assert error.status == 400
    large = await upload.part(1, LARGE)
    await upload.complete(large, last)


async def test_parts_are_named_in_ascending_order_and_once(s3, bucket, upload):
    one, two = await upload.part(1, LARGE), await upload.part(2, LARGE)
    await upload.refused("InvalidPartOrder", two, one)
    await upload.complete(one, two)


async def test_parts_are_named_as_they_were_sent(s3, bucket, upload):
    one = await upload.part(1, b"one")
    await upload.refused("InvalidPart", {"PartNumber": 1, "ETag": '"00"'})
    await upload.refused("InvalidPart", one, {"PartNumber": 2, "ETag": one["ETag"]})
    await upload.complete({"PartNumber": 1, "ETag": one["ETag"].strip('"')})


async def test_a_complete_without_parts_is_malformed(s3, bucket, upload):
    await upload.part(1, b"one")
    await upload.refused("MalformedXML")
    await s3.refused("MalformedXML", "CompleteMultipartUpload", **upload.at)
    assert await s3.keys(bucket) == []


async def test_a_refused_complete_leaves_the_upload_as_it_was(s3, bucket, upload):
    one = await upload.part(1, b"one")
    await upload.refused("InvalidPart", {"PartNumber": 2, "ETag": one["ETag"]})
    listed = await s3("ListParts", **upload.at)
    assert listed.names("Parts", "PartNumber") == [1]
    await upload.complete(one)


@pytest.mark.parametrize("number", [0, -1, 10_001])
async def test_part_numbers_lie_between_1_and_10000(s3, upload, number):
    await s3.refused("InvalidArgument", "UploadPart", PartNumber=number, Body=b"", **upload.at)


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("UploadPart", {"PartNumber": 1}),
        ("ListParts", {}),
        ("AbortMultipartUpload", {}),
        (
            "CompleteMultipartUpload",
            {"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": '"x"'}]}},
        ),
    ],
)
async def test_without_the_upload_every_operation_says_so(s3, bucket, upload, operation, members):
    for at in (
        {"UploadId": "no-such-upload"},
        {"UploadId": upload.at["UploadId"], "Key": "other"},
    ):
        await s3.refused("NoSuchUpload", operation, **{**upload.at, **at}, **members)


async def test_an_aborted_upload_is_gone_and_the_object_before_stays(s3, bucket, upload):
    await s3.put(bucket, "k", b"before")
    one = await upload.part(1, b"one")
    assert (await s3("AbortMultipartUpload", **upload.at)).status == 204
    await s3.refused("NoSuchUpload", "ListParts", **upload.at)
    await upload.refused("NoSuchUpload", one)
    assert await s3.read(bucket, "k") == b"before"
    assert "Uploads" not in await s3("ListMultipartUploads", Bucket=bucket)


async def test_a_completed_upload_is_gone_and_completing_it_again_harms_nothing(s3, bucket, upload):
    one = await upload.part(1, b"one")
    completed = await upload.complete(one)
    # AWS repeats its answer for a while, for clients whose connection broke.
    again = {"MultipartUpload": {"Parts": [one]}, **upload.at}
    assert await s3.code("CompleteMultipartUpload", **again) in ("", "NoSuchUpload")
    assert (await s3("HeadObject", Bucket=bucket, Key="k"))["ETag"] == completed["ETag"]
    await s3.refused("NoSuchUpload", "UploadPart", PartNumber=2, Body=b"", **upload.at)
    assert "Uploads" not in await s3("ListMultipartUploads", Bucket=bucket)
    assert await s3.read(bucket, "k") == b"one"


async def test_of_concurrent_completes_of_different_uploads_one_object_remains(s3, bucket):
    uploads = [await Upload.create(s3, bucket) for _ in range(4)]
    bodies = [b"upload %d" % number for number in range(4)]
    parts = [await upload.part(1, body) for upload, body in zip(uploads, bodies, strict=True)]
    async with asyncio.TaskGroup() as group:
        for upload, part in zip(uploads, parts, strict=True):
            group.create_task(upload.complete(part))
    assert await s3.read(bucket, "k") in bodies
    assert await s3.keys(bucket) == ["k"]


async def test_a_complete_with_conditions(s3, bucket):
    upload = await Upload.create(s3, bucket)
    part = await upload.part(1, b"new")
    await upload.refused("NoSuchKey", part, IfMatch='"x"')
    etag = (await s3.put(bucket, "k", b"old"))["ETag"]
    await upload.refused("PreconditionFailed", part, IfNoneMatch="*")
    await upload.refused("PreconditionFailed", part, IfMatch='"x"')
    assert await s3.read(bucket, "k") == b"old"
    await upload.complete(part, IfMatch=etag)
    assert await s3.read(bucket, "k") == b"new"


async def test_the_size_that_complete_expects_is_checked(s3, bucket, upload):
    part = await upload.part(1, b"12345")
    await upload.refused("InvalidRequest", part, MpuObjectSize=6)
    await upload.complete(part, MpuObjectSize=5)


async def test_the_md5_of_a_part_is_checked(s3, upload):
    wrong = "1B2M2Y8AsgTpgAmY7PhCfg=="
    await s3.refused(
        "BadDigest", "UploadPart", PartNumber=1, Body=b"data", ContentMD5=wrong, **upload.at
    )
    assert "Parts" not in await s3("ListParts", **upload.at)


async def test_parts_are_listed_in_pages(s3, bucket):
    upload = await Upload.create(s3, bucket, StorageClass="STANDARD_IA")
    bodies = {number: b"x" * number for number in (1, 2, 5, 9, 10_000)}
    etags = {number: (await upload.part(number, body))["ETag"] for number, body in bodies.items()}
    for size in range(1, 6):
        found, after = [], {}
        while True:
            page = await s3("ListParts", MaxParts=size, **after, **upload.at)
            assert len(page["Parts"]) <= size
            assert page["MaxParts"] == size
            found += page["Parts"]
            if not page["IsTruncated"]:
                break
            after = {"PartNumberMarker": page["NextPartNumberMarker"]}
        assert {part["PartNumber"]: part["ETag"] for part in found} == etags
        assert [part["Size"] for part in found] == [len(body) for body in bodies.values()]
    listed = await s3("ListParts", **upload.at)
    assert (listed["Bucket"], listed["Key"]) == (bucket, "k")
    assert listed["UploadId"] == upload.at["UploadId"]
    assert listed["StorageClass"] == "STANDARD_IA"
    assert listed["Owner"]["ID"] == listed["Initiator"]["ID"]
    assert abs((datetime.now(UTC) - listed["Parts"][0]["LastModified"]).total_seconds()) < 60


async def test_an_object_tells_its_parts(s3, bucket, upload):
    parts = [await upload.part(1, LARGE), await upload.part(2, b"end")]
    await upload.complete(*parts)
    for number, body, start in ((1, LARGE, 0), (2, b"end", len(LARGE))):
        got = await s3("GetObject", Bucket=bucket, Key="k", PartNumber=number)
        assert (got.status, got.body, got["PartsCount"]) == (206, body, 2)
        end = start + len(body) - 1
        assert got["ContentRange"] == f"bytes {start}-{end}/{len(LARGE) + 3}"
        head = await s3("HeadObject", Bucket=bucket, Key="k", PartNumber=number)
        assert (head["ContentLength"], head["PartsCount"]) == (len(body), 2)
    await s3.refused("InvalidPartNumber", "GetObject", Bucket=bucket, Key="k", PartNumber=3)
    asked = {"Bucket": bucket, "Key": "k", "ObjectAttributes": ["ObjectParts", "ETag"]}
    got = await s3("GetObjectAttributes", **asked)
    assert got["ObjectParts"]["TotalPartsCount"] == 2
    assert got["ETag"] == etag_of(LARGE, b"end").strip('"')


async def test_a_part_copied_from_an_object(s3, bucket, upload):
    await s3.put(bucket, "from", LARGE + b"tail")
    copy = {"CopySource": f"{bucket}/from", **upload.at}
    end = len(LARGE) - 1
    one = await s3("UploadPartCopy", PartNumber=1, CopySourceRange=f"bytes=0-{end}", **copy)
    two = await s3("UploadPartCopy", PartNumber=2, **copy)
    result = one["CopyPartResult"]
    assert result["ETag"] == f'"{hashlib.md5(LARGE).hexdigest()}"'
    assert abs((datetime.now(UTC) - result["LastModified"]).total_seconds()) < 60
    completed = await upload.complete(
        {"PartNumber": 1, "ETag": result["ETag"]},
        {"PartNumber": 2, "ETag": two["CopyPartResult"]["ETag"]},
    )
    assert completed["ETag"] == etag_of(LARGE, LARGE + b"tail")
    await s3("DeleteObject", Bucket=bucket, Key="from")
    assert await s3.read(bucket, "k") == LARGE + LARGE + b"tail"


async def test_a_part_copied_with_a_bad_range_or_source(s3, bucket, upload):
    await s3.put(bucket, "from", b"0123456789")
    copy = {"PartNumber": 1, "CopySource": f"{bucket}/from", **upload.at}
    for header in ("bytes=0-10", "bytes=5-", "bytes=-5", "bytes=5-2", "0-5", "bytes=a-b"):
        await s3.refused("InvalidArgument", "UploadPartCopy", CopySourceRange=header, **copy)
    await s3.refused("PreconditionFailed", "UploadPartCopy", CopySourceIfMatch='"x"', **copy)
    copy["CopySource"] = f"{bucket}/none"
    await s3.refused("NoSuchKey", "UploadPartCopy", **copy)
    copy["CopySource"], copy["UploadId"] = f"{bucket}/from", "none"
    await s3.refused("NoSuchUpload", "UploadPartCopy", **copy)


async def test_a_part_may_be_copied_from_the_very_object_that_is_replaced(s3, bucket, upload):
    await s3.put(bucket, "k", b"0123456789")
    copy = {"PartNumber": 1, "CopySource": f"{bucket}/k", **upload.at}
    sent = await s3("UploadPartCopy", CopySourceRange="bytes=2-4", **copy)
    await upload.complete({"PartNumber": 1, "ETag": sent["CopyPartResult"]["ETag"]})
    assert await s3.read(bucket, "k") == b"234"


async def test_tags_given_at_the_beginning_are_those_of_the_object(s3, bucket):
    upload = await Upload.create(s3, bucket, Tagging="a=b")
    await upload.complete(await upload.part(1, b"x"))
    tags = await s3("GetObjectTagging", Bucket=bucket, Key="k")
    assert tags["TagSet"] == [{"Key": "a", "Value": "b"}]
