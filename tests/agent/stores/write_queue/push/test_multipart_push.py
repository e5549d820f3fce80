"""Uploads whose id was never heard: a crash or a lost answer, and then another write of the key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from s3d.agent.s3.messages import Members
from s3d.agent.stores.write_queue.journal.pending_write import PendingState
from s3d.agent.stores.write_queue.push.remote_gate import NEEDS_CREDENTIALS
from tests.agent.stores.write_queue.rig import (
    BAD_KEY,
    MIB,
    PATIENCE,
    Rig,
    lost,
    open_rig,
    refusal,
    unreachable,
)

SIZES = (5 * MIB, 5 * MIB, 5 * MIB, 1)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with open_rig(tmp_path) as opened:
        yield opened


async def uploads(rig: Rig) -> list[str]:
    return (await rig.there("ListMultipartUploads", Bucket="bbb")).names("Uploads", "UploadId")


async def is_there(rig: Rig, etag: str) -> bool:
    """The object has the ETag that the client was told, and nothing is left beside it."""
    head = await rig.there("HeadObject", Bucket="bbb", Key="k", PartNumber=2)
    return (head["ETag"], head["ContentLength"], await uploads(rig)) == (etag, SIZES[1], [])


async def test_the_parts_and_so_the_etag_stay(rig: Rig) -> None:
    rig.start()
    etag = await rig.put_parts("k", *SIZES)
    await rig.pushed()
    assert await is_there(rig, etag)
    assert all("ContentMD5" in part for part in rig.remote.of("UploadPart"))


async def test_description_and_checksums_stay(rig: Rig) -> None:
    made = await rig.staged(
        "CreateMultipartUpload",
        Bucket="bbb", Key="k", ContentType="text/x", ChecksumAlgorithm="CRC32",
        ChecksumType="FULL_OBJECT",
    )  # fmt: skip
    named = {"Bucket": "bbb", "Key": "k", "UploadId": made["UploadId"]}
    part = await rig.staged("UploadPart", **named, PartNumber=1, Body=b"value")
    given = {"PartNumber": 1, "ETag": part["ETag"], "ChecksumCRC32": part["ChecksumCRC32"]}
    done = await rig.staged(
        "CompleteMultipartUpload", **named, MultipartUpload={"Parts": [given]},
    )  # fmt: skip
    rig.start()
    await rig.pushed()
    head = await rig.there("HeadObject", Bucket="bbb", Key="k", ChecksumMode="ENABLED")
    assert head["ContentType"] == "text/x"
    assert head["ChecksumCRC32"] == done["ChecksumCRC32"]
    assert head["ChecksumType"] == "FULL_OBJECT"


async def test_after_a_failure_only_the_missing_parts_are_sent(rig: Rig) -> None:
    rig.remote.fail("CompleteMultipartUpload", unreachable())
    rig.start()
    etag = await rig.put_parts("k", *SIZES)
    await rig.back()
    await rig.advance(1)
    await rig.pushed()
    assert await is_there(rig, etag)
    assert rig.remote.names().count("UploadPart") == len(SIZES)
    assert rig.journal.metrics.sent.value == sum(SIZES)
    assert rig.remote.names().count("CreateMultipartUpload") == 1


async def test_after_a_restart_it_goes_on(rig: Rig, tmp_path: Path) -> None:
    rig.remote.fail("UploadPart", unreachable(), 9)
    etag = await rig.put_parts("k", *SIZES)
    rig.start()
    await rig.back()
    await rig.stop()
    assert len(await uploads(rig)) == 1
    rig.remote.troubles.clear()
    await rig.journal.control.retry()
    rig.start()
    await rig.pushed()
    assert await is_there(rig, etag)
    assert rig.remote.names().count("CreateMultipartUpload") == 1


async def test_after_a_crash_it_goes_on_from_what_is_on_the_disk(tmp_path: Path) -> None:
    async with open_rig(tmp_path) as before:
        before.remote.fail("UploadPart", unreachable(), 9)
        etag = await before.put_parts("k", *SIZES)
        before.start()
        await before.back()
    async with open_rig(tmp_path) as after:
        after.start()
        await after.pushed()
        assert await is_there(after, etag)
        assert "CreateMultipartUpload" not in after.remote.names()


async def test_the_journal_is_told_of_the_upload_before_its_first_part(rig: Rig) -> None:
    rig.remote.fail("UploadPart", unreachable(), 9)
    await rig.put_parts("k", *SIZES)
    rig.start()
    write = await rig.back()
    row = await rig.journal.load(write)
    assert row is not None
    assert row.upload is not None
    assert [row.upload.upload_id] == await uploads(rig)


async def test_an_upload_whose_id_was_lost_is_aborted(rig: Rig) -> None:
    rig.remote.fail("CreateMultipartUpload", lost, after=True)
    rig.start()
    etag = await rig.put_parts("k", *SIZES)
    await rig.back()
    assert len(await uploads(rig)) == 1
    await rig.advance(1)
    await rig.pushed()
    assert await is_there(rig, etag)


async def test_uploads_of_others_are_left_alone(rig: Rig) -> None:
    old = await rig.there("CreateMultipartUpload", Bucket="bbb", Key="k")
    longer = await rig.there("CreateMultipartUpload", Bucket="bbb", Key="kk")
    rig.time.advance(100)
    busy = await rig.there("CreateMultipartUpload", Bucket="bbb", Key="k")
    named = {"Bucket": "bbb", "Key": "k", "UploadId": busy["UploadId"]}
    await rig.there("UploadPart", **named, PartNumber=1, Body=b"1")
    rig.remote.fail("CreateMultipartUpload", lost, after=True)
    rig.start()
    await rig.put_parts("k", *SIZES)
    await rig.back()
    await rig.advance(1)
    await rig.pushed()
    assert set(await uploads(rig)) == {each["UploadId"] for each in (old, longer, busy)}


async def test_an_upload_that_the_remote_has_forgotten_begins_anew(rig: Rig) -> None:
    rig.remote.fail("CompleteMultipartUpload", unreachable())
    rig.start()
    etag = await rig.put_parts("k", *SIZES)
    await rig.back()
    (gone,) = await uploads(rig)
    await rig.there("AbortMultipartUpload", Bucket="bbb", Key="k", UploadId=gone)
    await rig.advance(1)
    await rig.back(2)
    await rig.advance(2)
    await rig.pushed()
    assert await is_there(rig, etag)


async def test_other_tags_begin_anew(rig: Rig) -> None:
    rig.remote.fail("CompleteMultipartUpload", unreachable())
    rig.start()
    etag = await rig.put_parts("k", *SIZES)
    await rig.back()
    tags = {"TagSet": [{"Key": "x", "Value": "1"}]}
    await rig.staged("PutObjectTagging", Bucket="bbb", Key="k", Tagging=tags)
    await rig.advance(1)
    await rig.pushed()
    assert await is_there(rig, etag)
    assert (await rig.there("GetObjectTagging", Bucket="bbb", Key="k"))["TagSet"] == tags["TagSet"]


async def test_a_lost_answer_of_the_last_step_is_no_second_upload(rig: Rig) -> None:
    rig.remote.fail("CompleteMultipartUpload", lost, after=True)
    rig.start()
    etag = await rig.put_parts("k", *SIZES)
    await rig.back()
    await rig.advance(1)
    await rig.pushed()
    assert await is_there(rig, etag)
    assert rig.remote.names().count("CreateMultipartUpload") == 1


async def test_rotten_parts_never_become_an_object(rig: Rig) -> None:
    await rig.put_parts("k", *SIZES)
    path = max(rig.blobs.folder.glob("*/*"), key=lambda path: path.stat().st_size)
    path.write_bytes(b"x" * path.stat().st_size)
    rig.start()
    write = await rig.parked()
    assert write.error is not None
    assert write.error.code == "corrupt"
    assert await rig.there.keys("bbb") == []
    assert await uploads(rig) == []


async def test_what_is_parked_leaves_no_upload(rig: Rig) -> None:
    rig.remote.fail("CompleteMultipartUpload", refusal(400, "InvalidArgument"))
    rig.start()
    await rig.put_parts("k", *SIZES)
    await rig.parked()
    assert await uploads(rig) == []


async def test_the_upload_of_a_discarded_write_is_aborted(rig: Rig) -> None:
    rig.remote.fail("UploadPart", unreachable(), 9)
    await rig.put_parts("k", *SIZES)
    rig.start()
    write = await rig.back()
    assert len(await uploads(rig)) == 1
    await rig.journal.control.discard(write.seq)
    await rig.advance(16)
    async with asyncio.timeout(PATIENCE):
        while await rig.journal.uploads.orphans():
            await rig.asleep()
    assert await uploads(rig) == []


async def test_parts_with_etags_of_the_remotes_own_are_trusted_once_noted(rig: Rig) -> None:
    def opaque(name: str, answer: Members) -> Members:
        if name == "ListParts":
            parts = [part | {"ETag": f'"opaque{part["PartNumber"]}"'} for part in answer["Parts"]]
            return answer | {"Parts": parts}
        return answer

    rig.remote.fail("CompleteMultipartUpload", unreachable())
    rig.start()
    await rig.put_parts("k", *SIZES)
    write = await rig.back()
    row = await rig.journal.load(write)
    assert row is not None
    assert row.upload is not None
    noted = {number: f'"opaque{number}"' for number in (1, 2)}
    await rig.journal.uploads.save(write.seq, replace(row.upload, parts=noted))
    rig.remote.edit = opaque
    sent = rig.remote.names().count("UploadPart")
    rig.remote.fail("CompleteMultipartUpload", refusal(400, "InvalidArgument"))
    await rig.advance(1)
    await rig.until(lambda: any(rig.journal.pending.in_state(PendingState.FAILED)))
    again = [part["PartNumber"] for part in rig.remote.of("UploadPart")[sent:]]
    assert sorted(again) == [3, 4]


async def test_credentials_that_are_refused_amid_the_parts_close_the_line(rig: Rig) -> None:
    rig.remote.fail("UploadPart", BAD_KEY, 9)
    await rig.put_parts("k", *SIZES)
    rig.start()
    await rig.until(rig.remote_gate.blocked.is_set)
    assert rig.remote_gate.trouble == NEEDS_CREDENTIALS


@pytest.mark.parametrize(
    ("operation", "name"), [("CreateMultipartUpload", "UploadId"), ("UploadPart", "ETag")]
)
async def test_an_answer_without_its_point_is_a_failure_of_this_write_alone(
    rig: Rig, operation: str, name: str
) -> None:
    rig.remote.edit = lambda called, answer: {
        key: value for key, value in answer.items() if (called, key) != (operation, name)
    }
    await rig.put_parts("k", 1)
    rig.start()
    write = await rig.back()
    assert write.error is not None
    assert name in write.error.message
    await rig.staged.put("bbb", "other", b"1")
    await rig.until(lambda: rig.journal.pending.newest("bbb", "other") is None)


async def test_an_endless_list_of_parts_comes_to_an_end(rig: Rig) -> None:
    rig.remote.fail("CompleteMultipartUpload", unreachable())
    rig.remote.edit = lambda called, answer: (
        {**answer, "IsTruncated": True} if called == "ListParts" else answer
    )
    rig.start()
    etag = await rig.put_parts("k", *SIZES)
    await rig.back()
    await rig.advance(1)
    await rig.pushed()
    assert await is_there(rig, etag)
