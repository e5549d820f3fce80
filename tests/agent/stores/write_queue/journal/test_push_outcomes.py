"""What the journal records of pushes."""

from __future__ import annotations

from s3d.agent.stores.write_queue.journal.pending_write import (
    PendingState,
    RemoteUpload,
)
from tests.agent.stores.write_queue.desk import ERROR, MANY, ONE, open_desk, reopened


async def test_a_parked_write_blocks_its_key_and_no_other(desk, tmp_path):
    await desk.s3.put(MANY, "k", b"1")
    write = await desk.journal.take()
    await desk.journal.outcomes.park(write.seq, ERROR)
    await desk.s3.put(MANY, "k", b"2")
    await desk.s3.put(MANY, "other", b"2")
    assert [key for _, key, _ in await desk.pushed()] == ["other"]
    async with reopened(desk, tmp_path) as again:
        parked = next(again.journal.pending.in_state(PendingState.FAILED))
        assert (parked.seq, parked.error) == (write.seq, ERROR)
        assert await again.journal.control.retry(bucket=MANY) == 2
        assert [key for _, key, _ in await again.pushed()] == ["k", "k"]


async def test_a_denied_write_is_tried_again_at_its_time(tmp_path):
    now = [1000.0]
    desk = await open_desk(tmp_path, lambda: now[0])
    try:
        await desk.s3.put(ONE, "k", b"1")
        write = await desk.journal.take()
        await desk.journal.outcomes.park(write.seq, ERROR, retry_at=1060.0)
        assert await desk.take() is None
        now[0] = 1060.0
        assert await desk.take() is write
    finally:
        desk.index.close()


async def test_an_upload_whose_write_is_replaced_is_an_orphan(desk):
    await desk.s3.put(ONE, "k", b"1")
    write = await desk.journal.take()
    await desk.journal.uploads.save(write.seq, RemoteUpload("there"))
    desk.journal.outcomes.retry_later(write.seq, 0.0)
    await desk.s3.put(ONE, "k", b"2")
    (orphan,) = await desk.journal.uploads.orphans()
    assert orphan[:3] == (ONE, "k", "there")
    await desk.journal.uploads.forget_orphan(orphan)
    assert await desk.journal.uploads.orphans() == []


async def test_the_progress_of_an_upload_outlives_a_restart_and_new_tags(desk, tmp_path):
    await desk.s3.put(ONE, "k", b"1")
    write = await desk.journal.take()
    upload = RemoteUpload("there", {1: '"etag"'})
    await desk.journal.uploads.save(write.seq, upload)
    desk.journal.outcomes.retry_later(write.seq, 0.0)
    await desk.s3("DeleteObjectTagging", Bucket=ONE, Key="k")
    async with reopened(desk, tmp_path) as again:
        write = await again.journal.take()
        assert (await again.journal.load(write)).upload == upload


async def test_events_tell_what_happens(desk):
    with desk.events.subscribe(["queue"]) as subscription:
        await desk.s3.put(ONE, "k", b"data")
        write = await desk.journal.take()
        await desk.journal.outcomes.park(write.seq, ERROR)
        await desk.journal.control.retry()
        await desk.pushed()
        told = await subscription.take()
    assert [event.kind for event in told] == ["queue.accepted", "queue.failed", "queue.pushed"]
    assert {event.subject for event in told} == {f"{ONE}/k"}
