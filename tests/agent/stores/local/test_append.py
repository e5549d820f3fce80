"""WriteOffsetBytes: an extension of ours in buckets without versioning."""

from __future__ import annotations

import base64
import zlib

import pytest

SMALL, LARGE = b"abc", b"x" * 70_000
"""What is a row of the index, and what is a file."""


@pytest.mark.parametrize("pieces", [[SMALL] * 3, [SMALL, LARGE], [LARGE, SMALL], [LARGE, LARGE]])
async def test_bytes_are_added_behind_the_object(s3, bucket, pieces):
    await s3.put(bucket, "k", pieces[0], Metadata={"a": "b"})
    size = len(pieces[0])
    for number, piece in enumerate(pieces[1:], 2):
        put = await s3.put(bucket, "k", piece, WriteOffsetBytes=size)
        size += len(piece)
        assert put["Size"] == size
        assert put["ETag"].endswith(f'-{number}"')
    whole = b"".join(pieces)
    got = await s3("GetObject", Bucket=bucket, Key="k")
    assert (got.body, got["ETag"], got["Metadata"]) == (whole, put["ETag"], {"a": "b"})
    assert got["ContentLength"] == size
    middle = await s3("GetObject", Bucket=bucket, Key="k", Range=f"bytes=1-{size - 2}")
    assert middle.body == whole[1:-1]


async def test_an_append_at_0_makes_the_object(s3, bucket):
    put = await s3.put(bucket, "k", SMALL, WriteOffsetBytes=0)
    assert await s3.read(bucket, "k") == SMALL
    assert "-" not in put["ETag"]


async def test_an_append_to_an_empty_object(s3, bucket):
    await s3.put(bucket, "k", b"")
    for size in (0, 3):
        await s3.put(bucket, "k", SMALL, WriteOffsetBytes=size)
    assert await s3.read(bucket, "k") == SMALL * 2


async def test_nothing_appended_changes_nothing(s3, bucket):
    before = await s3.put(bucket, "k", SMALL)
    after = await s3.put(bucket, "k", b"", WriteOffsetBytes=3)
    assert (after["ETag"], after["Size"]) == (before["ETag"], 3)


@pytest.mark.parametrize("offset", [0, 2, 4])
async def test_another_offset_than_the_size_is_refused(s3, bucket, offset):
    await s3.put(bucket, "k", SMALL)
    error = await s3.refused(
        "InvalidWriteOffset",
        "PutObject",
        Bucket=bucket,
        Key="k",
        Body=SMALL,
        WriteOffsetBytes=offset,
    )
    assert error.status == 400
    assert await s3.read(bucket, "k") == SMALL


async def test_an_offset_into_nothing_is_refused(s3, bucket):
    members = {"Bucket": bucket, "Key": "k", "WriteOffsetBytes": 3}
    await s3.refused("InvalidWriteOffset", "PutObject", **members)


async def test_a_bucket_with_versioning_takes_no_append(s3, bucket):
    await s3("PutBucketVersioning", Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    members = {"Bucket": bucket, "Key": "k", "WriteOffsetBytes": 0}
    await s3.refused("NotImplemented", "PutObject", **members)


async def test_a_crc_is_that_of_the_whole(s3, bucket):
    await s3.put(bucket, "k", SMALL, ChecksumAlgorithm="CRC32")
    put = await s3.put(bucket, "k", LARGE, ChecksumAlgorithm="CRC32", WriteOffsetBytes=3)
    right = base64.b64encode(zlib.crc32(SMALL + LARGE).to_bytes(4, "big")).decode()
    assert put["ChecksumCRC32"] == right


@pytest.mark.parametrize("second", ["SHA256", "CRC32"])
async def test_a_checksum_that_cannot_be_combined_is_dropped(s3, bucket, second):
    await s3.put(bucket, "k", SMALL, ChecksumAlgorithm="SHA256")
    await s3.put(bucket, "k", SMALL, ChecksumAlgorithm=second, WriteOffsetBytes=3)
    got = await s3("HeadObject", Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert not [name for name in got.output if name.startswith("Checksum")]


async def test_the_appended_bytes_are_checked(s3, bucket):
    await s3.put(bucket, "k", SMALL)
    members = {"Bucket": bucket, "Key": "k", "Body": SMALL, "WriteOffsetBytes": 3}
    await s3.refused("BadDigest", "PutObject", ChecksumCRC32="AAAAAA==", **members)
    await s3.refused("PreconditionFailed", "PutObject", IfMatch='"other"', **members)
    assert await s3.read(bucket, "k") == SMALL


async def test_a_copy_of_an_appended_object_has_the_md5_of_its_bytes(s3, bucket):
    await s3.put(bucket, "k", SMALL)
    await s3.put(bucket, "k", SMALL, WriteOffsetBytes=3)
    await s3("CopyObject", Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")
    plain = await s3.put(bucket, "plain", SMALL * 2)
    assert (await s3("HeadObject", Bucket=bucket, Key="copy"))["ETag"] == plain["ETag"]
