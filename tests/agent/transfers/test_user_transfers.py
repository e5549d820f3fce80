import asyncio
import os
from dataclasses import replace

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.transfers import user_transfers
from s3d.agent.transfers.transfer_status import transfer_of
from s3d.shared.transfers import TransferRequest


async def test_a_prefix_is_downloaded_with_its_levels(world):
    for key in ("a/x", "a/b/y", "other"):
        await world.put(key, key.encode())
    job = await world.do("download", prefixes=["a/"], to_path=str(world.folder))
    assert (job.state, job.progress.items, job.progress.items_done, job.progress.size_done) == (
        "done",
        2,
        2,
        8,
    )
    assert (world.folder / "a/b/y").read_bytes() == b"a/b/y"
    assert sorted(os.listdir(world.folder)) == ["a"]
    assert (world.folder / "a/x").stat().st_mode & 0o777 == 0o644


async def test_a_folder_is_uploaded_and_its_links_are_told(world):
    (world.folder / "in").mkdir(parents=True)
    (world.folder / "in/a.txt").write_bytes(b"aa")
    (world.folder / "b.txt").write_bytes(b"b")
    (world.folder / "link").symlink_to("/etc/passwd")
    os.mkfifo(world.folder / "pipe")
    job = await world.do("upload", paths=[str(world.folder)], to_prefix="up/")
    assert await world.keys() == ["up/folder/b.txt", "up/folder/in/a.txt"]
    assert (job.state, job.progress.items_done, job.progress.items_failed) == ("failed", 2, 2)
    assert "symbolic link" in transfer_of(job).error.message
    info = await world.objects.head("one", "up/folder/b.txt")
    assert info.content_type == "text/plain"


async def test_it_goes_on_after_a_restart_and_moves_nothing_twice(world):
    for n in range(6):
        await world.put(f"p/{n}", b"x" * n)
    world.store.gate.clear()
    (job,) = await world.transfers.start(
        TransferRequest("download", "one", prefixes=["p/"], to_path=str(world.folder))
    )
    await world.until(job, "running")
    await world.stop()
    assert not world.folder.exists() or not any(world.folder.rglob("[0-9]"))
    world.store.gate.set()
    (world.folder / "p").mkdir(parents=True, exist_ok=True)
    world.transfers = world.opened()
    again = world.transfers.get(job.id)
    assert (again.state, again.is_repeated) == ("queued", True)
    world.run()
    await world.until(again)
    assert again.state == "done"
    assert len(list((world.folder / "p").iterdir())) == 6
    world.store.calls.clear()
    await world.transfers.engine.resume(again)
    await world.until(again)
    assert "GetObject" not in world.store.calls
    assert world.opened().all() == []


async def test_what_is_paused_goes_on_and_is_paused_after_a_restart_too(world):
    await world.put("k", b"data")
    world.store.gate.clear()
    (job,) = await world.transfers.start(
        TransferRequest("download", "one", keys=["k"], to_path=str(world.folder))
    )
    await world.until(job, "running")
    await world.transfers.engine.pause(job)
    assert job.state == "paused"
    assert world.opened().get(job.id).state == "paused"
    world.store.gate.set()
    await world.transfers.engine.resume(job)
    await world.until(job)
    assert (world.folder / "k").read_bytes() == b"data"


async def test_what_is_cancelled_leaves_no_part(world):
    await world.put("k", b"data" * 100)
    world.store.gate.clear()
    (job,) = await world.transfers.start(
        TransferRequest("download", "one", keys=["k"], to_path=str(world.folder))
    )
    await world.until(job, "running")
    await world.transfers.engine.cancel(job)
    assert job.state == "cancelled"
    assert not world.folder.exists() or os.listdir(world.folder) == []
    assert await world.transfers.engine.clear() == 1
    assert world.transfers.all() == []


async def test_it_waits_for_a_remote_that_is_away(world, monkeypatch):
    policy = replace(world.transfers.engine._policy, job_pauses=(0.01,))
    monkeypatch.setattr(world.transfers.engine, "_policy", policy)
    await world.put("k", b"data")
    world.store.is_away = True
    (job,) = await world.transfers.start(
        TransferRequest("download", "one", keys=["k"], to_path=str(world.folder))
    )
    with world.events.subscribe(["transfer"]) as subscription:
        async with asyncio.timeout(10):
            while job.attempts < 3 or job.state != "queued":
                await subscription.take()
    assert "away" in transfer_of(job).error.message
    world.store.is_away = False
    await world.until(job)
    assert job.state == "done"


async def test_one_that_fails_holds_up_no_other(world):
    for key in ("p/a", "p/../b", "p/c"):
        await world.put(key)
    job = await world.do("download", prefixes=["p/"], to_path=str(world.folder), base="p/")
    assert (job.state, job.progress.items_done, job.progress.items_failed) == ("failed", 2, 1)
    assert "a name that is .." in transfer_of(job).error.message
    assert sorted(path.name for path in world.folder.iterdir()) == ["a", "c"]


async def test_a_source_that_is_not_there_is_told(world):
    job = await world.do("download", keys=["nothing"], to_path=str(world.folder))
    assert (job.state, transfer_of(job).error.code) == ("failed", "NoSuchKey")
    job = await world.do("upload", paths=["/nowhere/at/all"])
    assert (job.state, transfer_of(job).error.code) == ("failed", "NoSuchFile")


async def test_many_are_too_many(world, monkeypatch):
    monkeypatch.setattr(user_transfers, "MAX_UNFINISHED", 2)
    with pytest.raises(S3Error, match="2 unfinished transfers"):
        await world.transfers.start(
            TransferRequest("download", "one", keys=["a", "b", "c"], to_path="/tmp/x")
        )
    assert world.transfers.all() == []


async def test_it_tells_of_itself(world):
    await world.put("k")
    with world.events.subscribe(["transfer"]) as subscription:
        job = await world.do("copy", keys=["k"], to_bucket="two")
        events = await subscription.take()
    assert (events[-1].kind, events[-1].subject) == ("transfer.changed", job.id)
    assert events[-1].data["state"] == "done"


@pytest.mark.finding("tui-9")
async def test_links_and_devices_are_noted_and_are_no_failure(world):
    world.folder.mkdir()
    (world.folder / "a.txt").write_bytes(b"aa")
    (world.folder / "link").symlink_to("/etc/passwd")
    os.mkfifo(world.folder / "pipe")
    job = await world.do("upload", paths=[str(world.folder)], links="note")
    shown = transfer_of(job)
    assert (shown.state, shown.files, shown.files_done, shown.files_failed) == ("done", 1, 1, 0)
    assert shown.files_skipped == 2
    assert shown.notes == ["skipped: a symbolic link", "skipped: not a regular file"]


@pytest.mark.finding("tui-9")
async def test_the_files_of_an_upload_are_counted_before_they_are_sent(world):
    world.folder.mkdir()
    for n in range(user_transfers.CONCURRENCY + 3):
        (world.folder / str(n)).write_bytes(b"xx")
    world.store.gate.clear()
    request = TransferRequest("upload", "one", paths=[str(world.folder)])
    (job,) = await world.transfers.start(request)
    assert transfer_of(job).files == 1
    await world.store.called.wait()
    name = f"transfer {job.id} count"
    for task in asyncio.all_tasks():
        if task.get_name() == name:
            await task
    shown = transfer_of(job)
    assert (shown.files, shown.size, shown.files_done, shown.counting) == (7, 14, 0, False)
    world.store.gate.set()
    await world.until(job)
    assert (transfer_of(job).files, transfer_of(job).files_done) == (7, 7)


@pytest.mark.finding("tui-9")
async def test_a_transfer_of_a_prefix_counts_until_its_last_object(world):
    for n in range(user_transfers.CONCURRENCY + 2):
        await world.put(f"p/{n}", b"x")
    world.store.gate.clear()
    world.store.called.clear()
    request = TransferRequest("download", "one", prefixes=["p/"], to_path=str(world.folder))
    (job,) = await world.transfers.start(request)
    await world.store.called.wait()
    shown = transfer_of(job)
    assert (shown.state, shown.counting, shown.remaining) == ("running", True, None)
    world.store.gate.set()
    await world.until(job)
    assert not transfer_of(job).counting
