"""Checksums beyond the ETag: what the sender says is checked, kept and given back.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
"""

from __future__ import annotations

import base64
import hashlib
import zlib

import pytest

from s3d.agent.s3.messages import StreamBody
from tests.contract.client import chunks

DATA = b"123456789"


def b64(number: int, size: int) -> str:
    return base64.b64encode(number.to_bytes(size, "big")).decode()


DATA_CHECKSUMS = {
    "CRC32": b64(0xCBF43926, 4),
    "CRC32C": b64(0xE3069283, 4),
    "CRC64NVME": b64(0xAE8B14860A799888, 8),
    "SHA1": base64.b64encode(hashlib.sha1(DATA).digest()).decode(),
    "SHA256": base64.b64encode(hashlib.sha256(DATA).digest()).decode(),
}
"""The check value of each algorithm: its checksum of the digits 1 to 9."""

SIZES = {"CRC32": 4, "CRC32C": 4, "CRC64NVME": 8, "SHA1": 20, "SHA256": 32}

every_algorithm = pytest.mark.parametrize("algorithm", DATA_CHECKSUMS)


@every_algorithm
@pytest.mark.parametrize("said", ["value", "algorithm", "both"])
async def test_a_checksum_is_kept_and_given_to_who_asks(s3, bucket, algorithm, said):
    member = f"Checksum{algorithm}"
    members = {}
    if said != "algorithm":
        members[member] = DATA_CHECKSUMS[algorithm]
    if said != "value":
        members["ChecksumAlgorithm"] = algorithm
    put = await s3.put(bucket, "k", DATA, **members)
    assert (put[member], put["ChecksumType"]) == (DATA_CHECKSUMS[algorithm], "FULL_OBJECT")
    for operation in ("GetObject", "HeadObject"):
        got = await s3(operation, Bucket=bucket, Key="k", ChecksumMode="ENABLED")
        assert (got[member], got["ChecksumType"]) == (DATA_CHECKSUMS[algorithm], "FULL_OBJECT")
        got = await s3(operation, Bucket=bucket, Key="k")
        assert member not in got
    listed = await s3("ListObjectsV2", Bucket=bucket)
    assert listed.names("Contents", "ChecksumAlgorithm") == [[algorithm]]


@every_algorithm
async def test_a_wrong_checksum_is_refused_and_nothing_is_stored(s3, bucket, algorithm):
    wrong = base64.b64encode(bytes(SIZES[algorithm])).decode()
    await s3.refused(
        "BadDigest",
        "PutObject",
        Bucket=bucket,
        Key="k",
        Body=DATA,
        **{f"Checksum{algorithm}": wrong},
    )
    assert await s3.keys(bucket) == []


@every_algorithm
@pytest.mark.parametrize("value", ["x", "AAAA", "not base64 at all"])
async def test_a_checksum_that_can_be_none_is_refused(s3, bucket, algorithm, value):
    members = {f"Checksum{algorithm}": value}
    await s3.refused("InvalidRequest", "PutObject", Bucket=bucket, Key="k", Body=DATA, **members)


async def test_two_checksums_are_one_too_many(s3, bucket):
    members = {f"Checksum{name}": DATA_CHECKSUMS[name] for name in ("CRC32", "SHA1")}
    await s3.refused("InvalidRequest", "PutObject", Bucket=bucket, Key="k", Body=DATA, **members)


async def test_an_unknown_algorithm_is_refused(s3, bucket):
    await s3.refused(
        "InvalidRequest", "PutObject", Bucket=bucket, Key="k", ChecksumAlgorithm="CRC16"
    )


@every_algorithm
async def test_a_checksum_in_the_trailer_is_checked_and_kept(s3, bucket, algorithm):
    trailer = f"x-amz-checksum-{algorithm.lower()}"
    body = StreamBody(chunks(DATA[:4], DATA[4:]))
    body.trailers = {trailer: DATA_CHECKSUMS[algorithm]}
    put = await s3.put(bucket, "k", body, ChecksumAlgorithm=algorithm)
    assert put[f"Checksum{algorithm}"] == DATA_CHECKSUMS[algorithm]
    wrong = StreamBody(chunks(DATA))
    wrong.trailers = {trailer: base64.b64encode(bytes(SIZES[algorithm])).decode()}
    await s3.refused(
        "BadDigest", "PutObject", Bucket=bucket, Key="k", Body=wrong, ChecksumAlgorithm=algorithm
    )
    assert await s3.read(bucket, "k") == DATA


ONE, TWO = b"1" * (5 << 20), b"the end"


async def multipart(s3, bucket, kind: str, algorithm: str):
    """An object of two parts: (its parts for Complete, what names the upload)."""
    created = await s3(
        "CreateMultipartUpload",
        Bucket=bucket,
        Key="k",
        ChecksumAlgorithm=algorithm,
        ChecksumType=kind,
    )
    assert (created["ChecksumAlgorithm"], created["ChecksumType"]) == (algorithm, kind)
    at = {"Bucket": bucket, "Key": "k", "UploadId": created["UploadId"]}
    member, parts = f"Checksum{algorithm}", []
    for number, body in enumerate((ONE, TWO), 1):
        sent = await s3(
            "UploadPart", PartNumber=number, Body=body, ChecksumAlgorithm=algorithm, **at
        )
        parts.append({"PartNumber": number, "ETag": sent["ETag"], member: sent[member]})
    return parts, at


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA1", "SHA256"])
async def test_a_composite_checksum_is_the_checksum_of_those_of_the_parts(s3, bucket, algorithm):
    parts, at = await multipart(s3, bucket, "COMPOSITE", algorithm)
    member = f"Checksum{algorithm}"
    digests = b"".join(base64.b64decode(part[member]) for part in parts)
    plain = await s3.put(bucket, "digests", digests, ChecksumAlgorithm=algorithm)
    completed = await s3("CompleteMultipartUpload", MultipartUpload={"Parts": parts}, **at)
    assert completed[member] == f"{plain[member]}-2"
    assert completed["ChecksumType"] == "COMPOSITE"
    got = await s3("HeadObject", Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (got[member], got["ChecksumType"]) == (completed[member], "COMPOSITE")
    attributes = await s3(
        "GetObjectAttributes", Bucket=bucket, Key="k", ObjectAttributes=["ObjectParts", "Checksum"]
    )
    assert [part[member] for part in attributes["ObjectParts"]["Parts"]] == [
        part[member] for part in parts
    ]
    assert [part["Size"] for part in attributes["ObjectParts"]["Parts"]] == [len(ONE), len(TWO)]
    found, after = [], 0
    for last in (False, True):
        page = await s3(
            "GetObjectAttributes",
            Bucket=bucket,
            Key="k",
            ObjectAttributes=["ObjectParts"],
            MaxParts=1,
            PartNumberMarker=after,
        )
        listed = page["ObjectParts"]
        assert (listed["TotalPartsCount"], listed["IsTruncated"]) == (2, not last)
        found += [part["PartNumber"] for part in listed["Parts"]]
        after = int(listed["NextPartNumberMarker"])
    assert found == [1, 2]


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME"])
async def test_a_full_object_checksum_is_that_of_the_whole(s3, bucket, algorithm):
    parts, at = await multipart(s3, bucket, "FULL_OBJECT", algorithm)
    member = f"Checksum{algorithm}"
    plain = await s3.put(bucket, "whole", ONE + TWO, ChecksumAlgorithm=algorithm)
    completed = await s3("CompleteMultipartUpload", MultipartUpload={"Parts": parts}, **at)
    assert (completed[member], completed["ChecksumType"]) == (plain[member], "FULL_OBJECT")
    if algorithm == "CRC32":
        assert completed[member] == b64(zlib.crc32(ONE + TWO), 4)


async def test_the_checksum_that_complete_expects_is_checked(s3, bucket):
    parts, at = await multipart(s3, bucket, "FULL_OBJECT", "CRC32")
    complete = {"MultipartUpload": {"Parts": parts}, "ChecksumType": "FULL_OBJECT", **at}
    await s3.refused("BadDigest", "CompleteMultipartUpload", ChecksumCRC32=b64(1, 4), **complete)
    right = b64(zlib.crc32(ONE + TWO), 4)
    await s3("CompleteMultipartUpload", ChecksumCRC32=right, **complete)


async def test_the_checksum_of_a_part_named_at_complete_is_checked(s3, bucket):
    parts, at = await multipart(s3, bucket, "COMPOSITE", "SHA256")
    parts[1]["ChecksumSHA256"] = parts[0]["ChecksumSHA256"]
    await s3.refused(
        "InvalidPart", "CompleteMultipartUpload", MultipartUpload={"Parts": parts}, **at
    )


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [("CRC64NVME", "COMPOSITE"), ("SHA1", "FULL_OBJECT"), ("SHA256", "FULL_OBJECT")],
)
async def test_a_kind_that_the_algorithm_has_not_is_refused(s3, bucket, algorithm, kind):
    await s3.refused(
        "InvalidRequest",
        "CreateMultipartUpload",
        Bucket=bucket,
        Key="k",
        ChecksumAlgorithm=algorithm,
        ChecksumType=kind,
    )


async def test_a_part_with_a_wrong_checksum_is_refused(s3, bucket):
    upload = (await s3("CreateMultipartUpload", Bucket=bucket, Key="k"))["UploadId"]
    at = {"Bucket": bucket, "Key": "k", "UploadId": upload, "PartNumber": 1}
    await s3.refused("BadDigest", "UploadPart", Body=DATA, ChecksumCRC32=b64(1, 4), **at)
    await s3("UploadPart", Body=DATA, ChecksumCRC32=DATA_CHECKSUMS["CRC32"], **at)
