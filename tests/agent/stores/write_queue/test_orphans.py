"""Uploads whose id was never heard: a crash or a lost answer, and then another write of the key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from s3d.agent.stores.write_queue.orphans import abort_orphan
from s3d.agent.stores.write_queue.pending import Orphan, RemoteUpload
from tests.agent.stores.write_queue.rig import EPOCH, Rig, lost, open_rig

PLACE = {"Bucket": "bbb", "Key": "k"}


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with open_rig(tmp_path) as opened:
        yield opened


async def uploads(rig: Rig) -> list[str]:
    page = await rig.there("ListMultipartUploads", Bucket="bbb")
    return [upload["UploadId"] for upload in page.get("Uploads", ())]


async def begin(rig: Rig) -> str:
    return str((await rig.there("CreateMultipartUpload", **PLACE))["UploadId"])


async def abort(rig: Rig, orphan: Orphan) -> bool:
    return await abort_orphan(rig.remote, rig.journal, orphan)


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
    (orphan,) = await rig.journal.orphans()
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
    await rig.journal.progress(write.seq, RemoteUpload(used and upload_id, begun=EPOCH))
    assert await abort(rig, Orphan("bbb", "k", "", EPOCH)) is gone
    assert await uploads(rig) == [upload_id]


async def test_one_of_another_time_is_somebody_elses(rig: Rig) -> None:
    upload_id = await begin(rig)
    assert await abort(rig, Orphan("bbb", "k", "", EPOCH - 3_600))
    assert await uploads(rig) == [upload_id]
