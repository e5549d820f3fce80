"""Transfers under adversity: names, folders that vanish, failures, restarts and power cuts."""

import asyncio
import os
import shutil

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.transfers import local_walk
from s3d.agent.transfers.transfer_status import transfer_of
from s3d.shared import control
from s3d.shared.transfers import TransferRequest


@pytest.mark.finding("D3")
async def test_a_name_that_is_not_utf8_fails_alone_and_can_be_shown(world):
    world.folder.mkdir()
    (world.folder / "good").write_bytes(b"good")
    (world.folder / os.fsdecode(b"bad\xff")).write_bytes(b"bad")
    inner = world.folder / os.fsdecode(b"dir\xfe")
    inner.mkdir()
    (inner / "inside").touch()
    job = await world.do("upload", paths=[str(world.folder)])
    assert await world.keys() == ["folder/good"]
    assert (job.state, job.progress.items_done, job.progress.items_failed) == ("failed", 1, 2)
    shown = control.encode(transfer_of(job, with_failures=True)).decode()
    assert "bad\\\\xff" in shown
    assert "dir\\\\xfe/inside" in shown
    assert world.opened().get(job.id) is not None


@pytest.mark.finding("Q8")
async def test_a_folder_that_vanishes_fails_alone(world, monkeypatch):
    """The walk has seen the folder, and finds it gone when it comes to it."""
    monkeypatch.setattr(local_walk, "_BATCH", 1)
    for name in ("a", "b", "c"):
        (world.folder / name).mkdir(parents=True)
        for number in range(20):
            (world.folder / name / str(number)).write_bytes(b"x")
    world.store.gate.clear()
    (job,) = await world.transfers.start(
        TransferRequest("upload", "one", paths=[str(world.folder)])
    )
    async with asyncio.timeout(10):
        await world.store.called.wait()
    shutil.rmtree(world.folder / "c")  # the walk comes to it last
    world.store.gate.set()
    await world.until(job)
    assert (job.progress.items_done, job.progress.items_failed) == (40, 1)
    assert "folder/c" in transfer_of(job).error.message


@pytest.mark.finding("D17")
async def test_each_failure_is_shown(world):
    for key in ("p/a", "p/../b", "p/../c", "p/d"):
        await world.put(key)
    job = await world.do("download", prefixes=["p/"], to_path=str(world.folder), base="p/")
    assert job.progress.items_failed == 2
    shown = [failure.message for failure in transfer_of(job, with_failures=True).failures]
    assert len(shown) == 2
    assert "p/../b" in shown[0]
    assert "p/../c" in shown[1]


@pytest.mark.finding("D18")
async def test_the_text_names_where_the_files_go(world):
    (world.folder / "x").mkdir(parents=True)
    (world.folder / "x" / "a").write_bytes(b"a")
    path = str(world.folder / "x")
    inside = await world.do("upload", paths=[path], base="x/", to_prefix="up/")
    assert await world.keys() == ["up/a"]
    assert transfer_of(inside).key == "up/"
    beside = await world.do("upload", paths=[path], to_prefix="up/")
    assert await world.keys() == ["up/a", "up/x/a"]
    assert transfer_of(beside).key == "up/x"


@pytest.mark.finding("D20")
async def test_a_failed_transfer_can_be_retried_after_a_restart(world):
    await world.put("p/../b")
    await world.put("p/a")
    job = await world.do("download", prefixes=["p/"], to_path=str(world.folder), base="p/")
    assert job.state == "failed"
    await world.stop()
    world.transfers = world.opened()
    again = world.transfers.get(job.id)
    assert again.state == "failed"
    assert (again.progress.items, again.progress.items_done, again.progress.items_failed) == (
        2,
        1,
        1,
    )
    assert (
        transfer_of(again, with_failures=True).failures
        == transfer_of(job, with_failures=True).failures
    )
    await world.objects.delete("one", "p/../b")
    world.run()
    await world.transfers.engine.resume(again)
    await world.until(again)
    assert (again.state, again.progress.items_done) == ("done", 1)


@pytest.mark.finding("D11")
@pytest.mark.parametrize(
    ("kind", "more", "code"),
    [
        ("upload", {"paths": ["/nowhere/at/all"]}, "NoSuchFile"),
        ("download", {"keys": ["nothing"], "to_path": "/tmp"}, "NoSuchKey"),
        ("download", {"keys": ["there"], "to_path": "/proc/nothing"}, "NoSuchFile"),
        ("download", {"keys": ["there"], "to_path": "/proc/version/x"}, "LocalFileError"),
    ],
)
async def test_a_failure_has_a_code_of_its_kind(world, kind, more, code):
    await world.put("there")
    job = await world.do(kind, **more)
    assert (job.state, transfer_of(job).error.code) == ("failed", code)


@pytest.mark.finding("D10")
async def test_an_upload_to_a_full_disk_fails_and_does_not_wait_for_ever(world, monkeypatch):
    (world.folder).mkdir()
    (world.folder / "a").write_bytes(b"a")

    def full(size: int = 0) -> None:
        raise world.disk.full()

    monkeypatch.setattr(world.disk, "admit", full)
    job = await world.do("upload", paths=[str(world.folder / "a")])
    assert (job.state, transfer_of(job).error.code) == ("failed", "DiskFull")
    assert "no space left" in transfer_of(job).error.message


@pytest.mark.finding("Q13")
async def test_a_downloaded_file_is_synced_before_it_replaces_another(world, monkeypatch):
    await world.put("k", b"new")
    world.folder.mkdir()
    (world.folder / "k").write_bytes(b"old")
    steps: list[str] = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)

        def noted(*args, real=real, name=name, **more):
            steps.append(f"{name} {args[1]}" if "dst_dir_fd" in more else name)
            return real(*args, **more)

        monkeypatch.setattr(os, name, noted)
    await world.do("download", keys=["k"], to_path=str(world.folder))
    at = steps.index("replace k")
    assert (steps[at - 1], steps[at + 1]) == ("fsync", "fsync")


@pytest.mark.finding("Q13")
@pytest.mark.parametrize("kind", ["upload", "copy"])
async def test_skip_existing_replaces_nothing_that_appears_meanwhile(world, kind):
    """Somebody writes the key between the look and the write."""
    world.folder.mkdir()
    (world.folder / "k").write_bytes(b"ours")
    await world.put("k", b"ours", bucket="two")
    real = world.objects.head

    async def late(bucket: str, key: str, **more):
        found = await real(bucket, key, **more)
        if bucket == "one" and found is None:
            await world.put("k", b"theirs")
        return found

    world.objects.head = late
    if kind == "upload":
        job = await world.do("upload", paths=[str(world.folder / "k")], existing="skip")
    else:
        job = await world.do("copy", "two", keys=["k"], to_bucket="one", existing="skip")
    world.objects.head = real
    assert await world.read("k") == b"theirs"
    assert job.state == "done", transfer_of(job).error


async def test_a_file_of_a_newer_s3d_is_refused_and_left_alone(world):
    world.file.write_text('{"version":99,"last":4,"transfers":[]}')
    with pytest.raises(Exception, match="newer"):
        world.opened()
    assert "99" in world.file.read_text()


async def test_a_remote_that_answers_slow_down_is_waited_for(world):
    """Only our own disk being full ends a transfer; a remote's SlowDown passes."""
    error = S3Error("SlowDown", "please reduce your request rate")
    from s3d.agent.transfers.user_transfers import is_temporary

    assert is_temporary(error)
