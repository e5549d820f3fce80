import asyncio
import hashlib
import os

import pytest

from s3d.agent.storage.reader import highest_blob
from s3d.agent.stores.local import object_copy
from tests.agent.storage.files import files, left

BIG = os.urandom(300_000)


@pytest.fixture
async def upload(s3, bucket):
    return (await s3("CreateMultipartUpload", Bucket=bucket, Key="whole"))["UploadId"]


async def copy_part(s3, upload, number, source, **members):
    answer = await s3(
        "UploadPartCopy",
        Bucket="bucket",
        Key="whole",
        UploadId=upload,
        PartNumber=number,
        CopySource=source,
        **members,
    )
    return answer["CopyPartResult"]


async def complete(s3, upload, *parts):
    listed = [{"PartNumber": at, "ETag": part["ETag"]} for at, part in enumerate(parts, 1)]
    return await s3(
        "CompleteMultipartUpload",
        Bucket="bucket",
        Key="whole",
        UploadId=upload,
        MultipartUpload={"Parts": listed},
    )


@pytest.mark.parametrize("data", [b"small", BIG])
async def test_a_copy_has_no_bytes_of_its_own(s3, index, bucket, tmp_path, data):
    await s3.put(bucket, "from", data)
    before = files(tmp_path), index.read_inline(highest_blob)
    await s3("CopyObject", Bucket=bucket, Key="to", CopySource=f"{bucket}/from")
    assert (files(tmp_path), index.read_inline(highest_blob)) == before
    await s3("DeleteObject", Bucket=bucket, Key="from")
    assert await s3.read(bucket, "to") == data
    await s3("DeleteObject", Bucket=bucket, Key="to")
    assert await left(tmp_path, 0)
    assert index.read_inline(highest_blob) == 0


async def test_a_copy_onto_itself_keeps_the_bytes(s3, bucket, tmp_path):
    await s3.put(bucket, "k", BIG)
    await s3(
        "CopyObject",
        Bucket=bucket,
        Key="k",
        CopySource=f"{bucket}/k",
        MetadataDirective="REPLACE",
        Metadata={"a": "b"},
    )
    assert await left(tmp_path, 1)
    assert await s3.read(bucket, "k") == BIG


async def test_a_part_of_a_large_object_shares_its_file(s3, bucket, upload, tmp_path):
    await s3.put(bucket, "from", BIG)
    part = await copy_part(s3, upload, 1, f"{bucket}/from", CopySourceRange="bytes=1000-299998")
    assert part["ETag"] == f'"{hashlib.md5(BIG[1_000:-1]).hexdigest()}"'
    await s3("DeleteObject", Bucket=bucket, Key="from")
    await complete(s3, upload, part)
    assert await s3.read(bucket, "whole") == BIG[1_000:-1]
    assert await s3.read(bucket, "whole", Range="bytes=7-9") == BIG[1_007:1_010]
    await s3("DeleteObject", Bucket=bucket, Key="whole")
    assert await left(tmp_path, 0)


async def test_a_part_of_a_small_object_is_a_file(s3, bucket, upload, tmp_path):
    await s3.put(bucket, "from", b"0123456789")
    part = await copy_part(s3, upload, 1, f"{bucket}/from", CopySourceRange="bytes=2-4")
    assert len(files(tmp_path)) == 1
    await complete(s3, upload, part)
    assert await s3.read(bucket, "whole") == b"234"


async def test_parts_copied_from_a_multipart_object_go_over_its_borders(s3, bucket, upload):
    await s3.put(bucket, "a", BIG * 18)
    first = await copy_part(s3, upload, 1, f"{bucket}/a")
    second = await copy_part(s3, upload, 2, f"{bucket}/a", CopySourceRange="bytes=0-9")
    await complete(s3, upload, first, second)
    again = (await s3("CreateMultipartUpload", Bucket=bucket, Key="whole"))["UploadId"]
    size = len(BIG) * 18
    span = f"bytes={size - 100}-{size + 4}"
    part = await copy_part(s3, again, 1, f"{bucket}/whole", CopySourceRange=span)
    await complete(s3, again, part)
    assert await s3.read(bucket, "whole") == BIG[-100:] + BIG[:5]


async def test_a_source_that_is_replaced_while_it_is_read_is_not_mixed(
    s3, bucket, upload, monkeypatch, tmp_path
):
    await s3.put(bucket, "from", BIG)
    real = object_copy.share

    versions = [BIG]

    async def overtaken(*arguments, **options):
        content = await real(*arguments, **options)
        versions.append(os.urandom(300_000))
        await s3.put(bucket, "from", versions[-1])
        return content

    monkeypatch.setattr(object_copy, "share", overtaken)
    copied = await s3("CopyObject", Bucket=bucket, Key="to", CopySource=f"{bucket}/from")
    data = await s3.read(bucket, "to")
    assert data in versions
    assert copied["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    part = await copy_part(s3, upload, 1, f"{bucket}/from")
    await complete(s3, upload, part)
    data = await s3.read(bucket, "whole")
    assert data in versions
    assert part["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    assert await left(tmp_path, 3)


async def test_a_copy_of_what_is_replaced_all_the_time_succeeds(s3, bucket, upload):
    versions = [os.urandom(300_000) for _ in range(4)]
    await s3.put(bucket, "from", versions[0])

    async def replace_until(done):
        number = 0
        while not done.is_set():
            number += 1
            await s3.put(bucket, "from", versions[number % 4])

    done = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(replace_until(done))
        for key in map(str, range(20)):
            await s3(
                "CopyObject",
                Bucket=bucket,
                Key=key,
                CopySource=f"{bucket}/from",
                ChecksumAlgorithm="SHA256",
            )
            assert await s3.read(bucket, key) in versions
            await copy_part(s3, upload, 1, f"{bucket}/from", CopySourceRange="bytes=0-299998")
        done.set()
