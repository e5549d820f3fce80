"""The checksum of objects that come without one: CRC64NVME of all their bytes, as at AWS."""

import os

import pytest

from s3d.agent.s3 import checksums
from s3d.agent.stores.local.store import LocalStore
from tests.agent.stores.local.keys import SOURCE, customer
from tests.contract.client import Client

pytestmark = pytest.mark.finding("CRC64-DEFAULT")

LARGE = os.urandom((5 << 20) + 7)
SMALL = LARGE[:1_000]


def crc(data: bytes) -> dict[str, str]:
    hasher = checksums.hasher("CRC64NVME")
    hasher.update(data)
    return {"ChecksumCRC64NVME": hasher.b64(), "ChecksumType": "FULL_OBJECT"}


async def shown(s3: Client, key: str, **members: str) -> dict[str, str]:
    """The checksum of an object, in which all ways to see it agree."""
    place = {"Bucket": "bucket", "Key": key, **members}
    attributes = await s3("GetObjectAttributes", ObjectAttributes=["Checksum"], **place)
    found = attributes.get("Checksum", {})
    for operation in ("GetObject", "HeadObject"):
        answer = (await s3(operation, ChecksumMode="ENABLED", **place)).output
        assert {k: v for k, v in answer.items() if k.startswith("Checksum")} == found
        plain = (await s3(operation, **place)).output
        assert not [name for name in plain if name.startswith("Checksum")]
    (row,) = (await s3("ListObjectsV2", Bucket="bucket", Prefix=key))["Contents"]
    assert row.get("ChecksumType") == found.get("ChecksumType")
    return found


@pytest.mark.parametrize("data", [b"", SMALL, LARGE], ids=["empty", "row", "file"])
async def test_of_a_put(s3, bucket, data):
    put = await s3.put(bucket, "k", data)
    assert crc(data).items() <= put.output.items()
    assert await shown(s3, "k") == crc(data)


async def test_one_that_the_client_chooses_takes_its_place(s3, bucket):
    put = await s3.put(bucket, "k", SMALL, ChecksumAlgorithm="SHA256")
    assert "ChecksumCRC64NVME" not in put
    assert list(await shown(s3, "k")) == ["ChecksumSHA256", "ChecksumType"]


@pytest.mark.parametrize("members", [customer(), {"ServerSideEncryption": "AES256"}])
async def test_of_encrypted_bytes_it_is_that_of_the_plain_ones(s3, bucket, members):
    await s3.put(bucket, "k", LARGE, **members)
    read = members if "SSECustomerKey" in members else {}
    assert await shown(s3, "k", **read) == crc(LARGE)
    source = customer(prefix=SOURCE) if read else {}
    await s3("CopyObject", Bucket=bucket, Key="copy", CopySource=f"{bucket}/k", **source)
    assert await shown(s3, "copy") == crc(LARGE)


@pytest.fixture
async def upload(s3, bucket):
    """The members that name an upload without an algorithm."""
    created = await s3("CreateMultipartUpload", Bucket=bucket, Key="m")
    assert "ChecksumAlgorithm" not in created
    return {"Bucket": bucket, "Key": "m", "UploadId": created["UploadId"]}


async def complete(s3: Client, upload: dict[str, str], *etags: str, **members: str) -> dict:
    parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
    wanted = {"MultipartUpload": {"Parts": parts}}
    return (await s3("CompleteMultipartUpload", **upload, **wanted, **members)).output


async def test_of_an_upload_it_is_that_of_the_whole(s3, bucket, upload):
    one = await s3("UploadPart", PartNumber=1, Body=LARGE, **upload)
    await s3.put(bucket, "source", LARGE)
    copied = {"CopySource": f"{bucket}/source", "CopySourceRange": "bytes=3-9"}
    two = (await s3("UploadPartCopy", PartNumber=2, **copied, **upload))["CopyPartResult"]
    listed = (await s3("ListParts", **upload))["Parts"]
    expected = [crc(LARGE)["ChecksumCRC64NVME"], crc(LARGE[3:10])["ChecksumCRC64NVME"]]
    assert [part["ChecksumCRC64NVME"] for part in listed] == expected
    done = await complete(s3, upload, one["ETag"], two["ETag"])
    whole = crc(LARGE + LARGE[3:10])
    assert whole.items() <= done.items()
    assert await shown(s3, "m") == whole


async def test_a_part_with_another_checksum_leaves_the_whole_without(s3, upload):
    one = await s3("UploadPart", PartNumber=1, Body=LARGE, ChecksumAlgorithm="SHA1", **upload)
    two = await s3("UploadPart", PartNumber=2, Body=SMALL, **upload)
    await complete(s3, upload, one["ETag"], two["ETag"])
    assert await shown(s3, "m") == {}


async def test_what_complete_expects_of_it_is_checked(s3, upload):
    one = await s3("UploadPart", PartNumber=1, Body=SMALL, **upload)
    parts = {"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": one["ETag"]}]}}
    wrong = {"ChecksumCRC64NVME": crc(LARGE)["ChecksumCRC64NVME"]}
    await s3.refused("BadDigest", "CompleteMultipartUpload", **upload, **parts, **wrong)
    right = {"ChecksumCRC64NVME": crc(SMALL)["ChecksumCRC64NVME"]}
    await complete(s3, upload, one["ETag"], **right)
    assert await shown(s3, "m") == crc(SMALL)


async def test_a_copy_has_that_of_its_source(s3, bucket):
    await s3.put(bucket, "k", LARGE)
    place = {"Bucket": bucket, "CopySource": f"{bucket}/k"}
    copied = await s3("CopyObject", Key="copy", **place)
    assert crc(LARGE).items() <= copied["CopyObjectResult"].items()
    assert await shown(s3, "copy") == crc(LARGE)
    await s3("CopyObject", Key="sha", ChecksumAlgorithm="SHA256", **place)
    assert "ChecksumSHA256" in await shown(s3, "sha")


async def test_appended_bytes_are_in_it(s3, bucket):
    await s3.put(bucket, "k", SMALL)
    await s3.put(bucket, "k", LARGE, WriteOffsetBytes=len(SMALL))
    assert await shown(s3, "k") == crc(SMALL + LARGE)


async def test_a_staging_area_computes_none(index, blobs):
    """What it sends on would have a header that no client has chosen."""
    s3 = Client(LocalStore(index, blobs))
    await s3("CreateBucket", Bucket="bucket")
    await s3.put("bucket", "k", SMALL)
    assert await shown(s3, "k") == {}


async def test_an_upload_with_a_customer_key_has_none(s3, bucket):
    created = await s3("CreateMultipartUpload", Bucket=bucket, Key="m", **customer())
    upload = {"Bucket": bucket, "Key": "m", "UploadId": created["UploadId"], **customer()}
    await s3.put(bucket, "source", LARGE)
    one = await s3("UploadPart", PartNumber=1, Body=LARGE, **upload)
    copied = await s3("UploadPartCopy", PartNumber=2, CopySource=f"{bucket}/source", **upload)
    assert "ChecksumCRC64NVME" not in one
    await complete(s3, upload, one["ETag"], copied["CopyPartResult"]["ETag"])
    assert await shown(s3, "m", **customer()) == {}
