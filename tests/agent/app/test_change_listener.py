"""change_listener: hints reach the cache, the folders that they concern, and open screens."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from s3d.agent.app.change_listener import ChangeListener, place_of
from s3d.agent.app.stack import build_stack
from s3d.agent.app.sync_folders import open_folders
from s3d.agent.core.events import Events
from s3d.agent.remote_changes.message_forms import Hint
from s3d.shared.config.load import load_config
from s3d.shared.paths import find_places


class Cache:
    def __init__(self):
        self.changed = []

    def changed_by_others(self, bucket, key):
        self.changed.append((bucket, key))


@pytest.fixture
async def world(tmp_path):
    """Two folders that no task syncs: what they have to look at stays in their schedules."""
    config_file = tmp_path / "home/config/config.toml"
    config_file.parent.mkdir(parents=True, mode=0o700)
    rows = "".join(
        f'[[sync_folder]]\npath = "{tmp_path / name}"\nbucket = "bkt"\nprefix = "{name}/"\n'
        for name in ("one", "two")
    )
    config_file.write_text(rows)
    config_file.chmod(0o600)
    env = {"S3D_LOCAL_DIR": str(tmp_path / "home"), "HOME": str(tmp_path)}
    config = load_config(config_file, env, {})
    places, events = find_places(config, env), Events()
    stack = await build_stack(config, places, events)
    folders = open_folders(stack, config, places, events, umask=0o022)
    for folder in folders.by_name.values():
        folder.schedule.take()
    yield SimpleNamespace(folders=folders, events=events, cache=Cache())
    folders.close()
    await stack.close()


async def look(world, *hints):
    """What each folder has to look at because of the hints."""
    listener = ChangeListener(world.cache, world.folders, world.events)
    touched = {name: set() for name in world.folders.by_name}
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        looking = group.create_task(listener.look_at(hints))
        while not looking.done():
            for name, folder in world.folders.by_name.items():
                scope = folder.schedule.take()
                touched[name] |= scope.touched
                for each in scope.looks:
                    each.set_result(None)
            await asyncio.sleep(0)
    assert looking.result() is True
    return touched


async def test_each_folder_looks_at_its_own(world):
    hints = [Hint("bkt", "one/x"), Hint("bkt", "two/y"), Hint("bkt", "z"), Hint("c", "one/x")]
    assert await look(world, *hints) == {"one": {"x"}, "two": {"y"}}
    assert world.cache.changed == [tuple(hint[:2]) for hint in hints]


async def test_a_folder_that_was_renamed_at_the_remote_is_listed(world):
    for folder in world.folders.by_name.values():
        folder.schedule.listings.listed(0.0, -1, has_changes=False)
    listener = ChangeListener(None, world.folders, world.events)
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(listener.look_at([Hint("bkt", "one/sub/", is_folder=True)]))
        one, two = (folder.schedule for folder in world.folders.by_name.values())
        while one.listings.due_at() > 0.0:  # noqa: ASYNC110 - nothing announces a due listing
            await asyncio.sleep(0)
        assert two.listings.due_at() > 0.0
        for each in one.take().looks:
            each.set_result(None)


async def test_open_screens_get_an_event(world):
    with world.events.subscribe(("store",)) as events:
        await look(world, Hint("bkt", "one/x"))
        (event,) = await events.take()
    assert (event.kind, event.subject) == ("store.changed", "bkt/one/x")
    assert event.data == {"operation": "RemoteChange", "by": "remote"}


async def test_after_a_gap_the_place_is_listed(world):
    for folder in world.folders.by_name.values():
        folder.schedule.listings.listed(0.0, -1, has_changes=False)
    one, two = world.folders.by_name.values()
    ChangeListener(None, world.folders, world.events).list_again(place_of(one.context.config))
    assert one.schedule.listings.due_at() == 0.0
    assert two.schedule.listings.due_at() > 0.0
