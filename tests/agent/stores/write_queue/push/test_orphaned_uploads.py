"""Uploads that no write continues are aborted, also those that the remote begins late."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.stores.write_queue.journal.journal_history import REQUEST_LIFE
from s3d.agent.stores.write_queue.journal.pending_write import Orphan, RemoteUpload
from s3d.agent.stores.write_queue.push.orphaned_uploads import (
    IDLE_AGE,
    OrphanedUploads,
    abort_orphan,
    may_be_ours,
)
from tests.agent.stores.write_queue.rig import EPOCH, Rig, lost, open_rig, refusal, unreachable

LATEST = REQUEST_LIFE + IDLE_AGE
"""Seconds after which a lost upload is not looked for any longer."""


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with open_rig(tmp_path) as opened:
        yield opened


async def uploads(rig: Rig) -> list[str]:
    return (await rig.there("ListMultipartUploads", Bucket="bbb")).names("Uploads", "UploadId")


PLACE = {"Bucket": "bbb", "Key": "k"}


async def begin(rig: Rig) -> str:
    return str((await rig.there("CreateMultipartUpload", **PLACE))["UploadId"])


async def abort(rig: Rig, orphan: Orphan, later: float = LATEST) -> bool:
    now = EPOCH + later
    return await abort_orphan(S3Client(rig.remote), rig.journal.uploads, orphan, now)


async def test_one_that_is_known_is_aborted(rig: Rig) -> None:
    mine, other = await begin(rig), await begin(rig)
    assert await abort(rig, Orphan("bbb", "k", mine, EPOCH))
    assert await uploads(rig) == [other]


async def test_one_whose_answer_was_lost_and_whose_write_was_replaced_is_aborted(rig: Rig) -> None:
    rig.remote.fail("CreateMultipartUpload", lost, after=True)
    rig.start()
    await rig.put_parts("k", 10)
    await rig.back()
    rig.journal.unversioned.add("bbb")
    await rig.staged.put("bbb", "k", b"1")
    await rig.advance(1)
    await rig.pushed()
    (orphan,) = await rig.journal.uploads.orphans()
    assert len(await uploads(rig)) == 1
    assert await abort(rig, orphan)
    assert await uploads(rig) == []


@pytest.mark.parametrize(("used", "gone"), [("", False), ("its id", True)])
async def test_the_upload_of_a_later_write_is_not_taken_for_it(
    rig: Rig, used: str, gone: bool
) -> None:
    upload_id = await begin(rig)
    await rig.staged.put("bbb", "k", b"1")
    write = await rig.journal.take()
    await rig.journal.uploads.save(write.seq, RemoteUpload(used and upload_id, begun=EPOCH))
    assert await abort(rig, Orphan("bbb", "k", "", EPOCH)) is gone
    assert await uploads(rig) == [upload_id]


async def test_one_of_another_time_is_somebody_elses(rig: Rig) -> None:
    upload_id = await begin(rig)
    assert await abort(rig, Orphan("bbb", "k", "", EPOCH - 3_600))
    assert await uploads(rig) == [upload_id]


@pytest.mark.parametrize(
    ("initiated", "now", "ours"),
    [
        (0, 1, True),
        (-59, 1, True),
        (59, 60, True),
        (-61, 2_000, False),
        (61, 62, False),
        (61, 61 + IDLE_AGE, True),
        (REQUEST_LIFE, REQUEST_LIFE + IDLE_AGE, True),
        (REQUEST_LIFE + 61, 5_000, False),
    ],
)
def test_when_an_upload_may_be_the_lost_one(initiated: float, now: float, ours: bool) -> None:
    at = datetime.fromtimestamp(EPOCH + initiated, UTC)
    assert may_be_ours(at, EPOCH, EPOCH + now) is ours


async def looks(rig: Rig) -> list[int]:
    """Seconds at which a lost upload that never comes is looked for, in rounds of 15 s."""
    orphans = OrphanedUploads(rig.journal.uploads, S3Client(rig.remote), rig.time.clock)
    found = []
    is_left = True
    while is_left:
        before = len(rig.remote.calls)
        is_left = await orphans.abort_all()
        if len(rig.remote.calls) > before:
            found.append(round(rig.time.passed))
        await rig.advance(15)
    return found


async def lose(rig: Rig) -> None:
    """A write that was replaced had begun an upload, whose id was lost."""
    await rig.staged.put("bbb", "k", b"1")
    write = await rig.journal.take()
    await rig.journal.uploads.save(write.seq, RemoteUpload("", begun=EPOCH))
    rig.journal.outcomes.retry_later(write.seq, 0.0)
    rig.journal.unversioned.add("bbb")
    await rig.staged.put("bbb", "k", b"2")


async def test_a_lost_upload_is_looked_for_less_and_less_often(rig: Rig) -> None:
    await lose(rig)
    assert await looks(rig) == [0, 15, 30, 60, 120, 240, 480, 960, 1200]
    assert await rig.journal.uploads.orphans() == []


async def test_one_that_the_remote_begins_late_is_aborted(rig: Rig) -> None:
    await lose(rig)
    orphans = OrphanedUploads(rig.journal.uploads, S3Client(rig.remote), rig.time.clock)
    assert await orphans.abort_all()
    await begin(rig)
    await rig.advance(15)
    assert await orphans.abort_all()
    assert await uploads(rig) == []


async def test_an_unreachable_remote_is_asked_again_soon(rig: Rig) -> None:
    upload_id = await begin(rig)
    await lose(rig)
    rig.remote.fail("ListMultipartUploads", unreachable())
    orphans = OrphanedUploads(rig.journal.uploads, S3Client(rig.remote), rig.time.clock)
    assert await orphans.abort_all()
    assert await uploads(rig) == [upload_id]
    await rig.advance(15)
    await orphans.abort_all()
    assert await uploads(rig) == []


async def test_all_that_cannot_be_aborted_yet_are_one_line_of_the_log(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.journal.unversioned.add("bbb")
    for number in range(3):
        await rig.staged.put("bbb", f"k{number}", b"1")
        write = await rig.journal.take()
        await rig.journal.uploads.save(write.seq, RemoteUpload(f"id{number}", begun=EPOCH))
        rig.journal.outcomes.retry_later(write.seq, 0.0)
        await rig.staged.put("bbb", f"k{number}", b"2")
        await rig.journal.take()
    assert len(await rig.journal.uploads.orphans()) == 3
    rig.remote.fail("AbortMultipartUpload", unreachable(), 3)
    caplog.set_level("INFO")
    orphans = OrphanedUploads(rig.journal.uploads, S3Client(rig.remote), rig.time.clock)
    assert await orphans.abort_all()
    (line,) = [each.message for each in caplog.records if "abort" in each.message]
    assert line.startswith("cannot abort 3 multipart uploads yet: ")
    await rig.advance(15)
    assert not await orphans.abort_all()


async def test_a_refused_beginning_leaves_nothing_to_look_for(rig: Rig) -> None:
    rig.remote.fail("CreateMultipartUpload", refusal(503, "SlowDown"))
    rig.start()
    await rig.put_parts("k", 10)
    await rig.back()
    await rig.advance(1)
    await rig.pushed()
    assert await rig.journal.uploads.orphans() == []
    assert "ListMultipartUploads" not in rig.remote.names()
