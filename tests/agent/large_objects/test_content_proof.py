"""What proves a download: the checksum of the object, the ETag of its parts, or its MD5."""

from __future__ import annotations

import os

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.large_objects.content_proof import ContentProof, digest_of, find_proof
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody
from tests.agent.large_objects.conftest import BUCKET, PART

PLACE = {"Bucket": BUCKET, "Key": "k"}


async def put(store, data, sizes=(), **members):
    client = S3Client(store.inner)
    if not sizes:
        await client.output("PutObject", PLACE | members, BytesBody(data))
        return (await client.head(BUCKET, "k")).etag
    upload = await client.output("CreateMultipartUpload", PLACE | members)
    named, parts, at = PLACE | {"UploadId": upload["UploadId"]}, [], 0
    for number, size in enumerate(sizes, 1):
        body = BytesBody(data[at : at + size])
        answer = await client.output("UploadPart", named | {"PartNumber": number}, body)
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        at += size
    whole = await client.output(
        "CompleteMultipartUpload", named | {"MultipartUpload": {"Parts": parts}}
    )
    return str(whole["ETag"])


@pytest.fixture
def file(big_file):
    fd = os.open(big_file, os.O_RDWR)
    yield fd
    os.close(fd)


EVEN = (PART, PART, PART, PART, PART, 12_345)
CASES = [
    ((), {}, "ETag"),
    ((), {"ChecksumAlgorithm": "CRC64NVME"}, "CRC64NVME"),
    ((), {"ChecksumAlgorithm": "SHA256"}, "SHA256"),
    (EVEN, {}, "ETag"),
    ((PART, 4 * PART + 12_345), {}, ""),
]


@pytest.mark.parametrize(("sizes", "members", "algorithm"), CASES)
async def test_the_proof_of_an_object_is_that_of_its_file(
    store, data, file, sizes, members, algorithm
):
    etag = await put(store, data, sizes, **members)
    proof = await find_proof(S3Client(store), BUCKET, "k", etag)
    assert proof.algorithm == algorithm
    seen = []
    assert await digest_of(file, len(data), proof, [seen.append]) == proof.value
    assert b"".join(seen) == data
    os.pwrite(file, b"x", 3 * PART)
    assert (await digest_of(file, len(data), proof) != proof.value) == bool(proof.algorithm)


async def test_a_file_that_is_too_short_has_no_proof(data, file):
    os.ftruncate(file, PART)
    for proof in (ContentProof(), ContentProof("ETag", "x"), ContentProof("ETag", "x-6", PART)):
        assert await digest_of(file, len(data), proof, [lambda block: None]) is None


async def test_another_version_has_no_proof(store, data):
    etag = await put(store, data)
    await put(store, b"newer")
    with pytest.raises(S3Error) as caught:
        await find_proof(S3Client(store), BUCKET, "k", etag)
    assert caught.value.code == "PreconditionFailed"
