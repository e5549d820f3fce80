import asyncio
import errno
import os
from contextlib import asynccontextmanager

import pytest

from s3d.agent.sync import watch
from s3d.agent.sync.local_tree import FolderTree
from s3d.agent.sync.watch import Watcher


class Told:
    """What a watcher has told."""

    def __init__(self) -> None:
        self.paths: set[str] = set()
        self.anything = 0
        self.news = asyncio.Event()

    def __call__(self, paths: set[str] | None) -> None:
        if paths is None:
            self.anything += 1
        else:
            self.paths |= paths
        self.news.set()

    async def until(self, holds) -> None:
        async with asyncio.timeout(20):
            while not holds():
                self.news.clear()
                await self.news.wait()


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    found = FolderTree(root)
    found.mark("m")
    yield found
    found.close()


@asynccontextmanager
async def watching(tree, touch=None, mark=None):
    told = Told()
    watcher = Watcher(tree.root, told, touch or tree.touch_canary, mark or tree.touch_and_remove)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(watcher.run())
        yield watcher, told
        task.cancel()


async def test_changes_are_told_and_what_is_ours_is_not(tree):
    async with watching(tree) as (watcher, told):
        async with asyncio.timeout(20):
            await watcher.live.wait()
        assert watcher.state == "events"
        (tree.root / "a").write_text("x")
        (tree.root / "d").mkdir()
        await told.until(lambda: {"a", "d"} <= told.paths)
        tree.touch_canary()
        (tree.root / "a").unlink()
        (tree.root / "z").touch()
        await told.until(lambda: "z" in told.paths)
        assert not any(path.startswith(".s3d") for path in told.paths)


async def test_what_was_changed_before_is_told_once_it_has_caught_up(tree):
    async with watching(tree) as (watcher, told), asyncio.timeout(30):
        await watcher.catch_up()
        assert watcher.state == "events", "it has waited for the start"
        for name in ("a", "b", "c"):
            (tree.root / name).write_text("x")
            await watcher.catch_up()
            assert name in told.paths
        assert not any(name.startswith("canary.") for name in os.listdir(tree.root / ".s3d"))


async def test_it_does_not_wait_for_ever_for_a_change_that_is_not_told(tree, monkeypatch, caplog):
    def fail(name: str) -> None:
        raise OSError(errno.ENOSPC, "full")

    for mark in (lambda name: None, fail):
        async with watching(tree, mark=mark) as (watcher, _), asyncio.timeout(30):
            await watcher.live.wait()
            monkeypatch.setattr(watch, "CANARY_PATIENCE", 0.01)
            await watcher.catch_up()
        monkeypatch.undo()
    assert "reason=full" in caplog.text


async def test_a_watcher_that_hears_nothing_is_made_anew_and_then_given_up(tree, monkeypatch):
    monkeypatch.setattr(watch, "CANARY_PATIENCE", 0.05)
    async with watching(tree, touch=lambda: None) as (watcher, told):
        await told.until(lambda: watcher.is_polling)
        assert watcher.state == "polling: no more events arrive"
        assert told.anything >= 2


async def test_a_root_that_is_gone_ends_in_polling(tree, monkeypatch):
    monkeypatch.setattr(watch, "CANARY_PATIENCE", 0.05)
    tree.root.rename(tree.root.with_name("aside"))
    async with watching(tree) as (watcher, told):
        await told.until(lambda: watcher.is_polling)
