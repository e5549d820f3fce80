import base64
import os
from datetime import timedelta

import pytest

from s3d.agent.s3 import checksums
from s3d.agent.s3.messages import StreamBody
from s3d.agent.s3.part_sizes import MIN_PART
from s3d.agent.storage.reader import Reader, highest_blob
from s3d.agent.storage.records import Extent, PartRecord
from tests.agent.storage.files import files, left

PART = os.urandom(5 << 20)


@pytest.fixture
async def at(s3, bucket):
    upload = await s3("CreateMultipartUpload", Bucket=bucket, Key="k")
    return {"Bucket": bucket, "Key": "k", "UploadId": upload["UploadId"]}


async def part(s3, at, number, data):
    answer = await s3("UploadPart", PartNumber=number, Body=data, **at)
    return {"PartNumber": number, "ETag": answer["ETag"]}


async def test_to_complete_writes_no_bytes(s3, at, index, tmp_path):
    parts = [await part(s3, at, 1, PART), await part(s3, at, 2, b"tail")]
    before = files(tmp_path)
    await s3("CompleteMultipartUpload", MultipartUpload={"Parts": parts}, **at)
    assert files(tmp_path) == before
    assert index.read_inline(Reader.totals).size == len(PART) + 4
    assert await s3.read(at["Bucket"], "k") == PART + b"tail"
    assert await s3.read(at["Bucket"], "k", Range="bytes=-6") == PART[-2:] + b"tail"


async def test_what_is_replaced_left_out_or_aborted_takes_its_file_along(s3, at, tmp_path):
    await part(s3, at, 1, b"first")
    kept = await part(s3, at, 1, b"second")
    await part(s3, at, 2, b"not listed")
    await s3("CompleteMultipartUpload", MultipartUpload={"Parts": [kept]}, **at)
    assert await left(tmp_path, 1)
    upload = (await s3("CreateMultipartUpload", Bucket=at["Bucket"], Key="k"))["UploadId"]
    again = {**at, "UploadId": upload}
    await part(s3, again, 1, b"third")
    await s3("AbortMultipartUpload", **again)
    assert await left(tmp_path, 1)


async def test_an_upload_that_is_aborted_while_a_part_comes_takes_nothing(s3, at, tmp_path):
    async def slow():
        yield b"x" * 100
        await s3("AbortMultipartUpload", **at)

    await s3.refused("NoSuchUpload", "UploadPart", PartNumber=1, Body=StreamBody(slow()), **at)
    assert await left(tmp_path, 0)


async def test_unfinished_uploads_go_with_their_bucket(s3, at, index, tmp_path):
    await part(s3, at, 1, b"data")
    await s3("DeleteBucket", Bucket=at["Bucket"])
    assert await left(tmp_path, 0)
    assert index.read_inline(highest_blob) == 0
    assert index.read_inline(Reader.totals) == (0, 0)
    await s3("CreateBucket", Bucket=at["Bucket"])
    assert "Uploads" not in await s3("ListMultipartUploads", Bucket=at["Bucket"])


async def test_a_refused_complete_changes_nothing(s3, at):
    one = await part(s3, at, 1, b"data")
    await s3.put(at["Bucket"], "k", b"other")
    wanted = {"Parts": [one]}
    await s3.refused(
        "PreconditionFailed",
        "CompleteMultipartUpload",
        MultipartUpload=wanted,
        IfNoneMatch="*",
        **at,
    )
    assert await s3.read(at["Bucket"], "k") == b"other"
    await s3("CompleteMultipartUpload", MultipartUpload=wanted, **at)
    assert await s3.read(at["Bucket"], "k") == b"data"


async def test_a_repeated_complete_is_answered_alike_until_the_object_is_another(s3, at):
    wanted = {"Parts": [await part(s3, at, 1, b"data")]}
    first = await s3("CompleteMultipartUpload", MultipartUpload=wanted, **at)
    again = await s3("CompleteMultipartUpload", MultipartUpload=wanted, **at)
    assert again.output == first.output
    await s3.put(at["Bucket"], "k", b"other")
    await s3.refused("NoSuchUpload", "CompleteMultipartUpload", MultipartUpload=wanted, **at)
    assert await s3.read(at["Bucket"], "k") == b"other"


async def test_ten_thousand_parts_are_listed_in_one_commit(s3, at, index):
    etag = f'"{"0" * 32}"'
    await s3.put(at["Bucket"], "bytes", PART)
    blob = index.read_inline(highest_blob)

    def fill(tx):
        for number in range(1, 10_001):
            extents = (Extent(blob, 0, MIN_PART),)
            tx.incref(extents)
            tx.put_part(
                at["Bucket"], at["UploadId"], PartRecord(number, MIN_PART, etag, 0.0, extents), None
            )

    await index.write(fill)
    parts = [{"PartNumber": number, "ETag": etag} for number in range(1, 10_001)]
    done = await s3("CompleteMultipartUpload", MultipartUpload={"Parts": parts}, **at)
    assert done["ETag"].endswith('-10000"')
    last = await s3("HeadObject", Bucket=at["Bucket"], Key="k", PartNumber=10_000)
    assert (last["PartsCount"], last["ContentLength"]) == (10_000, MIN_PART)
    middle = 5_000 * MIN_PART
    span = f"bytes={middle - 3}-{middle + 2}"
    assert await s3.read(at["Bucket"], "k", Range=span) == PART[-3:] + PART[:3]
    one_more = {"Body": b"x", "WriteOffsetBytes": 10_000 * MIN_PART}
    await s3.refused("TooManyParts", "PutObject", Bucket=at["Bucket"], Key="k", **one_more)


async def test_an_upload_is_aborted_only_if_it_began_at_the_time_that_is_named(s3, at):
    (upload,) = (await s3("ListMultipartUploads", Bucket=at["Bucket"]))["Uploads"]
    other = upload["Initiated"] + timedelta(seconds=1)
    await s3.refused("PreconditionFailed", "AbortMultipartUpload", IfMatchInitiatedTime=other, **at)
    await s3("AbortMultipartUpload", IfMatchInitiatedTime=upload["Initiated"], **at)
    assert "Uploads" not in await s3("ListMultipartUploads", Bucket=at["Bucket"])


@pytest.mark.finding("F14")
@pytest.mark.parametrize("algorithm", ["SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128"])
async def test_the_newest_checksums_of_parts_are_composed(s3, bucket, algorithm):
    member = f"Checksum{algorithm}"
    place = {"Bucket": bucket, "Key": "new"}
    made = await s3("CreateMultipartUpload", ChecksumAlgorithm=algorithm, **place)
    assert made["ChecksumType"] == "COMPOSITE"
    upload, parts = place | {"UploadId": made["UploadId"]}, []
    for number, data in ((1, PART), (2, b"tail")):
        sent = await s3(
            "UploadPart", PartNumber=number, Body=data, ChecksumAlgorithm=algorithm, **upload
        )
        parts.append({"PartNumber": number, "ETag": sent["ETag"], member: sent[member]})
    digests = [base64.b64decode(each[member]) for each in parts]
    whole = {"MultipartUpload": {"Parts": parts}, **upload}
    wrong = {member: parts[0][member]}
    await s3.refused("BadDigest", "CompleteMultipartUpload", **whole, **wrong)
    done = await s3("CompleteMultipartUpload", **whole)
    assert done[member] == checksums.composite(algorithm, digests)
    attributes = ["Checksum", "ObjectParts"]
    found = await s3("GetObjectAttributes", ObjectAttributes=attributes, **place)
    assert found["Checksum"] == {member: done[member], "ChecksumType": "COMPOSITE"}
    assert [each[member] for each in found["ObjectParts"]["Parts"]] == [e[member] for e in parts]
    kind = {"ChecksumAlgorithm": algorithm, "ChecksumType": "FULL_OBJECT"}
    await s3.refused("InvalidRequest", "CreateMultipartUpload", **kind, **place)
