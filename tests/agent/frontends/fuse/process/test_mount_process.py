"""The process of the mounts, with a real kernel mount: what it does, and what its death costs."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from s3d.agent.frontends.fuse.kernel.fusermount import MountFailed
from s3d.agent.frontends.fuse.process import mount_process, running_process
from s3d.agent.frontends.fuse.process.mount_process import ProcessMount
from s3d.agent.frontends.fuse.process.running_process import write_line
from s3d.agent.s3.messages import BytesBody
from s3d.shared.config.mount_settings import MountConfig
from s3d.shared.errors import S3dError
from s3d.shared.logs import LogEntry, entry_of
from s3d.shared.mount_table import mounts_at
from tests.agent.frontends.fuse.kernel.mounts import clear, needs_fuse
from tests.agent.frontends.fuse.process.conftest import BUCKET, World, eventually


@needs_fuse
async def test_programs_read_and_write_through_it(world: World) -> None:
    await world.client.store(BUCKET, "a", BytesBody(b"of a client"))
    await world.mount.start()
    assert world.mount.is_mounted
    assert world.process.pid not in (None, os.getpid())
    read = await asyncio.to_thread((world.folder / "a").read_bytes)
    assert read == b"of a client"
    large = os.urandom(1 << 20) * 9
    await asyncio.to_thread((world.folder / "large").write_bytes, large)
    await asyncio.to_thread((world.folder / "small").write_bytes, b"of a program")
    assert await world.read("large") == large
    assert await world.read("small") == b"of a program"


@needs_fuse
@pytest.mark.rule("MOUNT-7")
async def test_what_a_client_has_changed_is_seen_at_once(world: World) -> None:
    await world.mount.start()
    for number in range(200):
        await world.client.store(BUCKET, "k", BytesBody(b"x" * number))
        assert await asyncio.to_thread((world.folder / "k").read_bytes) == b"x" * number


@needs_fuse
async def test_attributes_of_the_agent_are_read_and_set(world: World) -> None:
    await world.client.store(BUCKET, "k", BytesBody(b"x"))
    await world.mount.start()
    path = world.folder / "k"
    await asyncio.to_thread(os.setxattr, path, "user.s3d.pin", b"1")
    assert await asyncio.to_thread(os.getxattr, path, "user.s3d.pin") == b"1"
    assert await asyncio.to_thread(os.getxattr, path, "user.s3d.state") == b"clean"


@needs_fuse
async def test_it_reports_what_is_open(world: World) -> None:
    await world.mount.start()
    file = await asyncio.to_thread((world.folder / "f").open, "wb")
    await world.mount.refresh()
    assert world.mount.open_files == 1
    assert world.mount.counts()["create"] == 1
    with pytest.raises(MountFailed, match=r"has .*/f open"):
        await world.mount.unmount()
    await asyncio.to_thread(file.close)
    await world.mount.unmount()
    assert not world.mount.is_mounted
    assert world.mount.open_files == 0


@needs_fuse
async def test_a_report_comes_by_itself_a_moment_after_a_request(world: World) -> None:
    await world.mount.start()
    await asyncio.to_thread(os.listdir, world.folder)
    await eventually(lambda: world.mount.counts().get("readdirplus", 0) > 0)


async def test_a_folder_that_is_not_empty_is_refused_with_the_fix(world: World) -> None:
    (world.root / "full").mkdir()
    (world.root / "full" / "x").touch()
    mount = ProcessMount(world.process, MountConfig(dir=world.root / "full"))
    with pytest.raises(MountFailed, match="not empty") as failed:
        await mount.start()
    assert "empty folder" in failed.value.remedy
    assert not mount.is_mounted


@needs_fuse
async def test_no_worker_of_the_agent_is_needed(world: World) -> None:
    """All of them are busy, and mounts come and go nevertheless."""
    release = threading.Event()
    loop = asyncio.get_running_loop()
    busy = [loop.run_in_executor(None, release.wait, 30) for _ in range(64)]
    try:
        async with asyncio.timeout(20):
            await world.mount.start()
            await world.mount.stop(0.0)
    finally:
        release.set()
        await asyncio.wait(busy)


@needs_fuse
async def test_what_others_unmount_is_noticed(world: World) -> None:
    await world.mount.start()
    program = await asyncio.create_subprocess_exec("fusermount3", "-u", str(world.mount.folder))
    assert await program.wait() == 0
    await eventually(lambda: not world.mount.is_mounted)
    assert await world.process.call("report") != {}
    await world.mount.stop(0.0)
    assert await world.process.call("report") == {}, "it is closed in the process, too"


@needs_fuse
@pytest.mark.rule("MOUNT-13")
async def test_after_its_death_everything_is_mounted_anew_and_nothing_is_lost(
    world: World,
) -> None:
    await world.mount.start()
    fd = await asyncio.to_thread(os.open, world.folder / "synced", os.O_WRONLY | os.O_CREAT)
    try:
        await asyncio.to_thread(os.write, fd, b"promised")
        await asyncio.to_thread(os.fsync, fd)
        before = world.process.pid
        async with world.dead():
            with pytest.raises(OSError, match="not connected"):
                await asyncio.to_thread(os.write, fd, b"more")
    finally:
        with suppress(OSError):
            await asyncio.to_thread(os.close, fd)
    await eventually(lambda: world.mount.is_mounted)
    assert world.process.pid != before
    assert await asyncio.to_thread((world.folder / "synced").read_bytes) == b"promised"
    await asyncio.to_thread((world.folder / "next").write_bytes, b"x")
    assert await world.read("next") == b"x"


@needs_fuse
async def test_what_is_unmounted_after_its_death_is_not_left_dead(world: World) -> None:
    await world.mount.start()
    async with world.dead():
        assert mounts_at(world.mount.folder)
        await world.mount.unmount()
        assert not mounts_at(world.mount.folder)


@needs_fuse
async def test_what_one_that_hangs_had_mounted_is_not_left_dead(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mount_process, "_HANGS_AFTER", 0.2)
    monkeypatch.setattr(running_process, "_END_TIMEOUT", 0.2)
    await world.mount.start()
    program = await asyncio.create_subprocess_exec(
        "sh", "-c", 'exec 3> "$0"; echo; read line', str(world.folder / "f"),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert program.stdout is not None
    await program.stdout.readline()
    world.kill(signal.SIGSTOP)
    before = time.monotonic()
    await world.mount.stop(20.0)
    assert not mounts_at(world.mount.folder), "also while a program has a file open"
    await world.process.close()
    assert time.monotonic() - before < 20.0, "neither the grace nor what is to be handed over"
    await program.communicate(b"\n")


@needs_fuse
async def test_its_deaths_leave_no_descriptor_behind(world: World) -> None:
    await world.client.store(BUCKET, "k", BytesBody(os.urandom(1 << 20)))
    await world.mount.start()
    counts = []
    for _ in range(3):
        await asyncio.to_thread((world.folder / "k").read_bytes)
        await world.restarted()
        counts.append(len(descriptors_without(world.root / "store")))
    assert counts[0] == counts[-1]


def descriptors_without(folder: Path) -> list[str]:
    """What this process has open, without the files of a store, which opens them when it likes."""
    shown = []
    for name in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            shown.append(os.readlink(f"/proc/self/fd/{name}"))
    return [each for each in shown if not each.startswith(str(folder))]


async def test_one_that_hangs_does_not_keep_the_agent_from_ending(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(running_process, "_CLOSE_TIMEOUT", 0.2)
    monkeypatch.setattr(running_process, "_END_TIMEOUT", 0.2)
    await world.process.start()
    pid = world.process.pid
    world.kill(signal.SIGSTOP)
    await world.process.close()
    assert not Path(f"/proc/{pid}").exists()
    assert "did not end as it should" in caplog.text


async def test_one_that_hangs_and_is_to_be_replaced_ends_with_the_agent(world: World) -> None:
    await world.process.start()
    pid = world.process.pid
    world.kill(signal.SIGSTOP)
    assert world.process._running is not None
    world.process._running.channel.close()  # as when it has not read for too long
    assert world.process.pid is None
    await asyncio.sleep(0)
    await world.process.close()
    assert not Path(f"/proc/{pid}").exists()


@needs_fuse
async def test_one_that_hangs_is_an_error_of_each_call_and_not_a_hang(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(mount_process, "_HANGS_AFTER", 0.2)
    monkeypatch.setattr(mount_process, "_REPORT_LIMIT", 0.2)
    monkeypatch.setattr(running_process, "_END_TIMEOUT", 0.2)
    await world.mount.start()
    world.kill(signal.SIGSTOP)
    with pytest.raises(S3dError, match="hangs: no answer to unmount"):
        await world.process.call("unmount", str(world.mount.folder), 0.2)
    await world.mount.refresh()
    await world.mount.stop(0.1)
    assert "no answer to report" in caplog.text
    await world.process.close()
    assert world.process.pid is None


@needs_fuse
async def test_a_folder_that_has_got_files_meanwhile_does_not_keep_the_others_away(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    other = ProcessMount(world.process, MountConfig(dir=world.root / "other", bucket=BUCKET))
    await other.start()
    await world.mount.start()
    async with world.dead():
        await asyncio.to_thread(clear, world.root / "other")
        (world.root / "other" / "file").touch()
    await eventually(lambda: "mounting again failed" in caplog.text and world.mount.is_mounted)
    assert not other.is_mounted
    (world.root / "other" / "file").unlink()
    await other.start()
    assert other.is_mounted
    await other.stop(0.0)


async def test_one_that_cannot_start_says_why(world: World) -> None:
    staging = world.root / "store" / "mount"
    staging.parent.mkdir(exist_ok=True)
    staging.write_text("a file is where the folder should be")
    with pytest.raises(S3dError, match=r"cannot be started.*File exists"):
        await world.process.start()
    with pytest.raises(S3dError, match=r"cannot be started.*File exists"):
        await world.mount.start()
    assert world.process.pid is None
    staging.unlink()
    await world.process.start()


async def test_one_of_another_version_is_refused_with_the_fix(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """s3d was upgraded while the agent ran."""
    monkeypatch.setattr(running_process, "__version__", "0.0.1")
    with pytest.raises(S3dError, match=r"the agent is s3d 0\.0\.1") as failed:
        await world.mount.start()
    assert failed.value.remedy == "restart the agent"
    assert world.process.pid is None


async def test_one_that_does_not_answer_at_its_start_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_process, "START_TIMEOUT", 0.0)
    with pytest.raises(S3dError, match="cannot be started: no answer"):
        await world.mount.start()
    assert world.process.pid is None


async def test_what_it_cannot_explain_is_an_error_of_the_call(world: World) -> None:
    with pytest.raises(S3dError, match=r"unmount has failed .*: KeyError"):
        await world.process.call("unmount", "nowhere")


@needs_fuse
async def test_it_is_started_until_it_can_start(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.mount.start()
    folder = world.root / "store" / "mount"
    async with world.dead():
        for file in folder.glob("journal.sqlite*"):
            file.write_text("no database")
    await eventually(lambda: "started again reason=cannot open" in caplog.text)
    async with world.process._starting:  # no attempt sees some of them
        for file in folder.glob("journal.sqlite*"):
            file.unlink()
    await eventually(lambda: world.mount.is_mounted)


async def test_a_program_that_is_not_there_leaves_nothing_open(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(world.root / "missing"))
    before = descriptors_without(world.root / "store")
    for _ in range(3):
        with pytest.raises(S3dError, match="cannot be started"):
            await world.process.start()
    assert len(descriptors_without(world.root / "store")) <= len(before) + 1  # the child watcher


async def test_a_call_that_its_death_ends_is_an_error_for_the_user(world: World) -> None:
    await world.process.start()
    world.kill(signal.SIGSTOP)
    call = asyncio.get_running_loop().create_task(world.process.call("report"))
    await asyncio.sleep(0)
    world.kill()
    with pytest.raises(S3dError, match="the process of the mounts has ended"):
        await call


def test_a_line_of_its_log_is_written_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    entry = LogEntry(at="then", level="warning", logger="s3d.agent.x", message="100 %", key="k")
    write_line(["s3d.agent.x", logging.WARNING, 5.0, {"at": "then", "level": "warning",
               "logger": "s3d.agent.x", "message": "100 %", "key": "k"}])  # fmt: skip
    write_line(["s3d.agent.x", logging.DEBUG, 5.0, {}])
    (record,) = caplog.records
    assert (record.created, entry_of(record)) == (5.0, entry)
