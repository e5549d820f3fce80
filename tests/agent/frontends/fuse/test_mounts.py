from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from s3d.agent.core import metric_table
from s3d.agent.core.own_mounts import OwnMounts
from s3d.agent.core.telemetry import Registry
from s3d.agent.frontends.fuse.kernel.fusermount import MountFailed
from s3d.agent.frontends.fuse.key_names import name_of
from s3d.agent.frontends.fuse.mounts import Mounts, place_of
from s3d.shared.config.mount_settings import MountConfig
from s3d.shared.errors import NotFoundError, UsageError
from tests.agent.frontends.fuse.kernel.memory_fs import MemoryFs
from tests.agent.frontends.fuse.kernel.mounts import needs_fuse
from tests.agent.frontends.fuse.thread_mount import new_mount

ALL, PART = MountConfig(dir=Path("/m")), MountConfig(dir=Path("/m"), bucket="bkt", prefix="p/q/")


@pytest.mark.parametrize(
    ("config", "names", "place"),
    [
        (ALL, (), ("", "")),
        (ALL, ("bkt",), ("bkt", "")),
        (ALL, ("bkt", "a", "b"), ("bkt", "a/b")),
        (ALL, ("bkt", name_of(""), name_of("..")), ("bkt", "/..")),
        (PART, (), ("bkt", "p/q")),
        (PART, ("a",), ("bkt", "p/q/a")),
    ],
)
def test_names_below_a_mount_stand_for_objects(config, names, place):
    assert place_of(config, names) == place


def test_a_shortened_name_stands_for_nothing():
    with pytest.raises(UsageError, match="shortened"):
        place_of(ALL, ("bkt", name_of("x" * 300)))


@pytest.fixture
async def mounts(tmp_path: Path) -> AsyncIterator[Mounts]:
    mounts = Mounts(
        new_mount(MemoryFs),
        [MountConfig(dir=tmp_path / "one")],
        OwnMounts(),
        why_not=lambda folder: "it is taken" if folder.name == "taken" else "",
        count_writes=lambda bucket, prefix: {"pending": 2, "conflicts": 1},
        grace=0,
    )
    yield mounts
    await mounts.stop()


@needs_fuse
async def test_the_configured_ones_are_mounted_at_the_start(mounts, tmp_path):
    await mounts.start()
    await asyncio.to_thread((tmp_path / "one" / "a").write_text, "x")
    (status,) = mounts.statuses()
    assert (status.dir, status.state) == (str(tmp_path / "one"), "mounted")
    assert (status.pending, status.conflicts) == (2, 1)
    await mounts.stop()
    assert os.listdir(tmp_path / "one") == []


@needs_fuse
async def test_its_operations_are_counted(mounts, tmp_path):
    registry = Registry()
    mounts.report(registry)
    await mounts.start()
    folder = str(tmp_path / "one")
    await asyncio.to_thread((tmp_path / "one" / "a").write_text, "x")
    assert registry.values(metric_table.MOUNT_UP) == {(folder,): 1}
    assert registry.values(metric_table.MOUNT_OPERATIONS)[folder, "create"] == 1
    assert registry.values(metric_table.MOUNT_OPERATIONS)[folder, "write"] == 1
    assert registry.values(metric_table.MOUNT_ERRORS) == {(folder,): 0}
    with (tmp_path / "one" / "b").open("w"):
        assert registry.values(metric_table.MOUNT_OPEN_FILES)[(folder,)] >= 1


@needs_fuse
async def test_one_is_added_and_removed(mounts, tmp_path):
    status = await mounts.add(MountConfig(dir=tmp_path / "two", bucket="bkt", read_only=True))
    assert (status.bucket, status.read_only) == ("bkt", True)
    for folder in (tmp_path / "two", tmp_path / "two" / "below", tmp_path / "taken"):
        with pytest.raises(UsageError):
            await mounts.add(MountConfig(dir=folder))
    await mounts.remove(tmp_path / "two")
    with pytest.raises(NotFoundError):
        await mounts.remove(tmp_path / "two")
    assert mounts.statuses() == []


async def test_one_that_fails_says_why_and_the_agent_goes_on(mounts, tmp_path, caplog):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "x").touch()
    await mounts.start()
    (status,) = mounts.statuses()
    assert status.state == "failed"
    assert "not empty" in status.reason
    assert "choose an empty folder" in status.reason
    assert "not empty" in caplog.text
    await mounts.remove(tmp_path / "one")


@needs_fuse
async def test_what_others_unmount_is_noticed(mounts, tmp_path):
    await mounts.start()
    process = await asyncio.create_subprocess_exec("fusermount3", "-u", str(tmp_path / "one"))
    assert await process.wait() == 0
    row = mounts._rows[tmp_path / "one"].mount
    assert await asyncio.to_thread(row.mount._binding.ended.wait, 10)
    assert [status.state for status in mounts.statuses()] == ["unmounted"]
    await mounts.add(MountConfig(dir=tmp_path / "one"))
    assert [status.state for status in mounts.statuses()] == ["mounted"]


async def test_nothing_is_mounted_after_the_end(mounts, tmp_path):
    await mounts.stop()
    with pytest.raises(MountFailed, match="stopping"):
        await mounts.add(MountConfig(dir=tmp_path / "two"))
