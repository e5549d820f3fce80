"""A large single put is pushed in parts, with another ETag at the remote, and goes on."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from random import Random

import pytest

from s3d.agent.s3.checksums import hasher, multipart_etag
from s3d.agent.s3.part_sizes import plan_parts
from s3d.agent.stores.local import complete
from s3d.agent.stores.write_queue.push import multipart_push, push_plan
from tests.agent.stores.write_queue.rig import Rig, lost, open_rig, unreachable

PART = 64 << 10
SIZE = 4 * PART + 99
DATA = Random(3).randbytes(SIZE)
MD5 = hashlib.md5(DATA).hexdigest()
IN_PARTS = multipart_etag(
    [hashlib.md5(DATA[at : at + PART]).digest() for at in range(0, SIZE, PART)]
)


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push_plan, "SPLIT_ABOVE", SIZE - 1)
    monkeypatch.setattr(multipart_push, "plan_parts", partial(plan_parts, smallest=PART))
    monkeypatch.setattr(complete, "MIN_PART", PART)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with open_rig(tmp_path) as opened:
        yield opened


async def put(rig: Rig, data: bytes = DATA, **members: object) -> None:
    answer = await rig.staged("PutObject", Bucket="bbb", Key="k", Body=data, **members)
    assert answer["ETag"].strip('"') == hashlib.md5(data).hexdigest()


async def test_the_client_has_its_etag_and_the_remote_another_one(rig: Rig) -> None:
    await put(rig, ContentType="a/b", Metadata={"x": "y"}, Tagging="t=1")
    rig.start()
    await rig.pushed()
    head = await rig.there("HeadObject", Bucket="bbb", Key="k")
    assert (head["ETag"].strip('"'), head["ContentLength"]) == (IN_PARTS, SIZE)
    assert (head["ContentType"], head["Metadata"], head["TagCount"]) == ("a/b", {"x": "y"}, 1)
    assert await rig.there.read("bbb", "k") == DATA
    assert rig.journal.alias("bbb", "k") == (MD5, IN_PARTS)
    assert rig.remote.names().count("UploadPart") == 5
    assert "GetObject" not in rig.remote.names()


async def test_what_is_not_larger_is_pushed_whole(rig: Rig) -> None:
    await put(rig, DATA[1:])
    rig.start()
    await rig.pushed()
    assert "UploadPart" not in rig.remote.names()
    assert rig.journal.alias("bbb", "k") is None


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC64NVME", "SHA256"])
async def test_a_checksum_that_parts_can_have_stays(rig: Rig, algorithm: str) -> None:
    await put(rig, ChecksumAlgorithm=algorithm)
    rig.start()
    await rig.pushed()
    head = await rig.there("HeadObject", Bucket="bbb", Key="k", ChecksumMode="ENABLED")
    expected = hasher(algorithm)
    expected.update(DATA)
    is_crc = algorithm != "SHA256"
    assert head.get(f"Checksum{algorithm}") == (expected.b64() if is_crc else None)


async def test_after_a_crash_the_parts_that_arrived_are_not_sent_again(tmp_path: Path) -> None:
    async with open_rig(tmp_path) as before:
        await put(before)
        before.remote.fail("CompleteMultipartUpload", unreachable(), 9)
        before.start()
        await before.back()
    async with open_rig(tmp_path) as after:
        after.start()
        await after.pushed()
        assert not {"CreateMultipartUpload", "UploadPart"} & set(after.remote.names())
        assert await after.there.read("bbb", "k") == DATA
        assert after.journal.alias("bbb", "k") == (MD5, IN_PARTS)


async def test_a_lost_answer_of_the_completion_is_recognised(rig: Rig) -> None:
    await put(rig)
    rig.remote.fail("CompleteMultipartUpload", lost, after=True)
    rig.start()
    await rig.back()
    await rig.advance(600)
    await rig.pushed()
    assert rig.remote.names().count("CompleteMultipartUpload") == 1
    assert rig.journal.alias("bbb", "k") == (MD5, IN_PARTS)


async def test_damaged_bytes_are_not_pushed(rig: Rig, tmp_path: Path) -> None:
    await put(rig)
    (blob,) = [
        path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size == SIZE
    ]
    blob.chmod(0o600)
    blob.write_bytes(DATA[:-1] + b"?")
    rig.start()
    write = await rig.parked()
    assert write.error is not None
    assert "UploadPart" not in rig.remote.names()
