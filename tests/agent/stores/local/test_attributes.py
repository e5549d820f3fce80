import pytest


@pytest.fixture
async def whole(s3, bucket):
    """A multipart object of three parts with checksums."""
    at = {"Bucket": bucket, "Key": "k"}
    upload = await s3("CreateMultipartUpload", ChecksumAlgorithm="CRC32", **at)
    parts = []
    for number, size in ((2, 5 << 20), (5, 5 << 20), (9, 3)):
        part = await s3(
            "UploadPart",
            UploadId=upload["UploadId"],
            PartNumber=number,
            Body=b"x" * size,
            ChecksumAlgorithm="CRC32",
            **at,
        )
        parts.append(
            {"PartNumber": number, **{name: part[name] for name in ("ETag", "ChecksumCRC32")}}
        )
    wanted = {"Parts": parts}
    await s3("CompleteMultipartUpload", UploadId=upload["UploadId"], MultipartUpload=wanted, **at)
    return at


async def test_parts_are_paged_by_their_numbers(s3, whole):
    wanted = ["ObjectParts", "ETag"]
    first = await s3("GetObjectAttributes", ObjectAttributes=wanted, MaxParts=2, **whole)
    assert '"' not in first["ETag"]
    page = first["ObjectParts"]
    assert (page["TotalPartsCount"], page["IsTruncated"]) == (3, True)
    assert [part["PartNumber"] for part in page["Parts"]] == [2, 5]
    assert page["NextPartNumberMarker"] == 5
    rest = (await s3("GetObjectAttributes", ObjectAttributes=wanted, PartNumberMarker=5, **whole))[
        "ObjectParts"
    ]
    assert [(part["PartNumber"], part["Size"]) for part in rest["Parts"]] == [(9, 3)]
    assert rest["Parts"][0]["ChecksumCRC32"]
    assert not rest["IsTruncated"]


async def test_a_plain_object_has_no_parts(s3, bucket):
    await s3.put(bucket, "k", b"data", ChecksumSHA1="oXyaqmHoChv3HQ2FCvTluqmAC70=")
    wanted = ["ObjectParts", "ObjectSize", "Checksum"]
    found = await s3("GetObjectAttributes", Bucket=bucket, Key="k", ObjectAttributes=wanted)
    assert found["ObjectSize"] == 4
    assert "ObjectParts" not in found
    assert found["Checksum"] == {
        "ChecksumSHA1": "oXyaqmHoChv3HQ2FCvTluqmAC70=",
        "ChecksumType": "FULL_OBJECT",
    }


async def test_no_object_has_a_torrent(s3, bucket):
    """get object torrent."""
    await s3.put(bucket, "k", b"data")
    for key in ("k", "none"):
        await s3.refused("NoSuchKey", "GetObjectTorrent", Bucket=bucket, Key=key)
    await s3.refused("NoSuchBucket", "GetObjectTorrent", Bucket="none", Key="k")
