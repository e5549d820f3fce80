import asyncio
from pathlib import Path

import pytest

from s3d.agent.core.events import Events
from s3d.agent.sync import user_actions
from s3d.agent.sync.folders import Folders, SyncContext
from s3d.shared.config.folder_settings import SyncFolderConfig
from s3d.shared.errors import UsageError
from tests.agent.gated_threads import ThreadsAtOnce
from tests.agent.sync.conftest import BUCKET
from tests.agent.sync.test_folder import keys, until_open


@pytest.fixture
def around(tmp_path, objects):
    own = (tmp_path / "own",)
    return SyncContext(objects, "store", tmp_path / "state", own, Events(), 0o022)


def config(path: Path, **settings) -> SyncFolderConfig:
    return SyncFolderConfig(path=path, bucket=BUCKET, **settings)


async def test_folders_come_and_go_while_the_agent_runs(around, tmp_path, objects):
    folders = Folders(around, [config(tmp_path / "a", prefix="a/")])
    async with asyncio.TaskGroup() as group:
        task = group.create_task(folders.run())
        await until_open(folders.by_name["a"])
        with pytest.raises(UsageError, match="folder a already syncs bucket/a/"):
            await folders.save(config(tmp_path / "c", prefix="a/"))
        other = await folders.save(config(tmp_path / "b", prefix="b/"))
        await until_open(other)
        (tmp_path / "b/file").write_text("x")
        await user_actions.sync_now(other)
        assert await keys(objects) == ["b/file"]
        assert [status.name for status in folders.status()] == ["a", "b"]
        assert await folders.remove("b")
        assert not await folders.remove("b")
        assert (tmp_path / "b/file").exists()
        assert await keys(objects) == ["b/file"]
        task.cancel()
    folders.close()


async def test_a_folder_is_had_with_other_settings(around, tmp_path):
    folders = Folders(around, [config(tmp_path / "a")])
    async with asyncio.TaskGroup() as group:
        task = group.create_task(folders.run())
        folder = await folders.save(config(tmp_path / "a", mode="backup"))
        await until_open(folder)
        assert folders.by_name["a"].status().mode == "backup"
        task.cancel()
    folders.close()


def running_tasks(name: str) -> list[asyncio.Task]:
    return [task for task in asyncio.all_tasks() if task.get_name() == name]


async def test_a_folder_that_is_added_while_the_agent_starts_is_started_once(around, tmp_path):
    ThreadsAtOnce()  # the new folder has been opened before run() looks which ones there are
    folders = Folders(around, [config(tmp_path / "a")])
    async with asyncio.TaskGroup() as group:
        task = group.create_task(folders.run())
        folder = await folders.save(config(tmp_path / "a", mode="backup"))
        assert len(running_tasks("sync a")) == 1
        await until_open(folder)
        task.cancel()
    folders.close()


async def test_of_two_changes_at_once_the_second_waits_for_the_first(around, tmp_path):
    folders = Folders(around, [config(tmp_path / "a")])
    async with asyncio.TaskGroup() as group:
        task = group.create_task(folders.run())
        await until_open(folders.by_name["a"])
        async with asyncio.TaskGroup() as changes:
            changes.create_task(folders.save(config(tmp_path / "a", mode="backup")))
            second = changes.create_task(folders.save(config(tmp_path / "a", mode="mirror")))
        last = second.result()
        assert len(running_tasks("sync a")) == 1
        assert folders.by_name["a"] is last
        await until_open(last)
        assert last.status().mode == "mirror"
        task.cancel()
    folders.close()


@pytest.mark.parametrize(
    ("path", "why"),
    [("own/x", "its own files"), ("a/inner", "already a sync folder"), ("file", "it is a file"),
     (".", "its own files")],
)  # fmt: skip
async def test_some_folders_are_refused(around, tmp_path, path, why):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=why):
        Folders(around, [config(tmp_path / "a"), config(tmp_path / path, name="other")])


async def test_the_one_of_the_environment_is_not_in_the_file(around, tmp_path):
    from dataclasses import replace

    fixed = config(tmp_path / "a")
    folders = Folders(replace(around, fixed=(fixed,)), [fixed, config(tmp_path / "b")])
    assert [status.from_file for status in folders.status()] == [False, True]
    folders.close()


@pytest.mark.finding("S11")
async def test_a_damaged_memory_leaves_the_other_folders_alone(around, tmp_path, objects):
    configs = [config(tmp_path / "a", prefix="a/"), config(tmp_path / "b", prefix="b/")]
    folders = Folders(around, configs)
    damaged = folders.by_name["a"].context.file
    folders.close()
    damaged.write_bytes(b"damaged" * 2_000)
    folders = Folders(around, configs)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(folders.run())
        await until_open(folders.by_name["b"])
        (tmp_path / "b/file").write_text("x")
        await user_actions.sync_now(folders.by_name["b"])
        assert await keys(objects) == ["b/file"]
        (status, _) = folders.status()
        assert (status.name, status.state, status.question) == ("a", "stopped", "memory")
        task.cancel()
    folders.close()
