"""Objects that lie in files are read by threads, whatever becomes of the object meanwhile."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from s3d.agent.frontends.fuse.held_file import HeldFile, hold_file
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody
from tests.agent.frontends.fuse.conftest import BUCKET, World

PART = 5 << 20
DATA = os.urandom(2 * PART + 700_000)


async def upload(world: World, key: str, data: bytes) -> None:
    """In parts, so that it has several files."""
    place = {"Bucket": BUCKET, "Key": key}
    upload = place | {
        "UploadId": (await world.client.output("CreateMultipartUpload", place))["UploadId"]
    }
    parts = []
    for number, start in enumerate(range(0, len(data), PART), 1):
        body = BytesBody(data[start : start + PART])
        members = upload | {"PartNumber": number, "ContentLength": body.size}
        answer = await world.client.output("UploadPart", members, body)
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    complete = upload | {"MultipartUpload": {"Parts": parts}}
    await world.client.output("CompleteMultipartUpload", complete)


async def held(world: World, key: str) -> HeldFile:
    _, body = await world.client.get(BUCKET, key)
    file = hold_file(body)
    assert file is not None
    return file


async def test_bytes_are_read_across_files(world: World) -> None:
    await upload(world, "big", DATA)
    file = await held(world, "big")
    assert file.size == len(DATA)
    for start, size in ((0, 10), (PART - 5, 10), (PART, 1), (3, len(DATA)), (len(DATA) - 3, 100)):
        assert await asyncio.to_thread(file.read, size, start) == DATA[start : start + size]
    assert file.read(10, len(DATA)) == b""
    await file.body.aclose()


async def test_the_bytes_of_a_removed_object_can_still_be_read(world: World) -> None:
    await upload(world, "big", DATA)
    file = await held(world, "big")
    await world.put("big", b"other")
    await world.client.delete(BUCKET, "big")
    assert await asyncio.to_thread(file.read, len(DATA), 0) == DATA
    await file.body.aclose()


async def test_damage_is_an_error_and_never_wrong_bytes(world: World, tmp_path: Path) -> None:
    await upload(world, "big", DATA)
    file = await held(world, "big")
    blob = max((tmp_path / "store").rglob("blobs/*/*"), key=lambda path: path.stat().st_mtime_ns)
    with blob.open("r+b") as opened:
        opened.seek(-5, os.SEEK_END)
        opened.write(b"wrong")
    with pytest.raises(S3Error, match="damaged"):
        await asyncio.to_thread(file.read, len(DATA), 0)
    assert await asyncio.to_thread(file.read, 100, 0) == DATA[:100]
    await file.body.aclose()


async def test_a_body_in_memory_is_no_file() -> None:
    assert hold_file(BytesBody(b"data")) is None
