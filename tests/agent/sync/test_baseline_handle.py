import asyncio
import sqlite3
from contextlib import closing

import pytest

from s3d.agent.sync import user_actions
from s3d.agent.sync.baseline_handle import BaselineHandle, BaselineUnusable
from s3d.agent.sync.folder import SyncFolder
from s3d.agent.sync.interfaces import Unavailable
from tests.agent.gated_threads import GatedThreads, cancel_while_held
from tests.agent.sync.test_folder import keys, until_open, until_stopped


def test_whatever_is_wrong_names_the_file(tmp_path):
    file = tmp_path / "b.sqlite"
    file.write_bytes(b"nothing" * 1_000)
    with pytest.raises(BaselineUnusable, match=r"b\.sqlite is damaged") as found:
        BaselineHandle(file).open()
    assert found.value.can_be_replaced
    file.unlink()
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(
        BaselineUnusable, match=r"b\.sqlite is the baseline of a newer s3d"
    ) as found:
        BaselineHandle(file).open()
    assert not found.value.can_be_replaced
    with pytest.raises(BaselineUnusable, match=r"none/b\.sqlite cannot be used"):
        BaselineHandle(tmp_path / "none/b.sqlite").open()


def test_other_errors_are_nobodys_memory(tmp_path):
    with pytest.raises(KeyError):
        BaselineHandle(tmp_path / "b.sqlite").failed(KeyError("bug"))


async def test_a_baseline_that_is_being_opened_is_closed_after_that(tmp_path):
    threads, handle = GatedThreads(), BaselineHandle(tmp_path / "b.sqlite")
    async with asyncio.TaskGroup() as group:
        threads.shut()
        task = group.create_task(handle.ensure())
        is_early = await cancel_while_held(threads, task)
        threads.open()
        assert not is_early
    assert handle.baseline is not None
    handle.close()
    assert not (tmp_path / "b.sqlite-wal").exists()  # its only connection was closed


@pytest.mark.finding("S11")
async def test_a_damaged_memory_stops_the_folder_until_a_person_has_it_put_aside(
    running, context, root, objects
):
    async with running() as folder:
        await until_open(folder)
        (root / "a").write_text("x")
        await user_actions.sync_now(folder)
    file = context().file
    file.write_bytes(b"damaged" * 2_000)
    async with running() as folder:
        status = folder.status()
        assert (status.state, status.question, status.files) == ("stopped", "memory", 0)
        assert str(file) in status.reason
        assert "s3d sync approve" in status.reason
        with pytest.raises(Unavailable, match="damaged"):
            await user_actions.pause(folder)
        (root / "b").write_text("y")
        user_actions.approve(folder)
        async with asyncio.timeout(20):
            while folder.status().state != "idle":  # noqa: ASYNC110 - by itself
                await asyncio.sleep(0.01)
        await user_actions.sync_now(folder)
        assert (folder.status().state, await keys(objects)) == ("idle", ["a", "b"])
    (aside,) = file.parent.glob("*.damaged-*")
    assert aside.read_bytes() == b"damaged" * 2_000


@pytest.mark.finding("S11")
async def test_damage_that_shows_while_it_runs_stops_the_folder(running, context, root):
    async with running() as folder:
        await until_open(folder)
        for number in range(200):
            (root / f"file {number} {'x' * 100}").write_text("x")
        await user_actions.sync_now(folder)
    file = context().file
    with file.open("r+b") as damaged:
        damaged.seek(8_192)
        damaged.write(b"\xff" * 4_096 * 10)
    async with running() as folder:
        await until_stopped(folder)
        assert folder.status().question == "memory"


@pytest.mark.finding("S11")
async def test_a_memory_of_a_newer_s3d_stops_its_folder_alone(context, root):
    file = context().file
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("PRAGMA user_version = 99")
    folder = SyncFolder(context())
    async with asyncio.TaskGroup() as group:
        task = group.create_task(folder.run())
        await until_stopped(folder)
        assert "newer s3d" in folder.status().reason
        assert folder.status().question == ""
        task.cancel()
    folder.close()
    assert not list(file.parent.glob("*.damaged-*"))
