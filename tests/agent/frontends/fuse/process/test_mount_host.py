"""What the agent has the process of the mounts do."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from s3d.agent.frontends.fuse.process.mount_process import ProcessMount
from s3d.agent.s3.messages import BytesBody
from s3d.shared.config.mount_settings import MountConfig
from s3d.shared.mount_table import mounts_at
from tests.agent.frontends.fuse.kernel.mounts import needs_fuse
from tests.agent.frontends.fuse.process.conftest import BUCKET, World, eventually

pytestmark = needs_fuse


async def test_several_mounts_share_what_is_being_written(world: World) -> None:
    part = ProcessMount(world.process, MountConfig(dir=world.root / "part", bucket=BUCKET))
    await world.mount.start()
    await part.start()
    file = await asyncio.to_thread((world.root / "part" / "f").open, "wb", 0)
    await asyncio.to_thread(file.write, b"not closed")
    assert await asyncio.to_thread((world.folder / "f").read_bytes) == b"not closed"
    await asyncio.to_thread(file.close)
    await part.unmount()
    assert world.mount.is_mounted
    assert await world.read("f") == b"not closed"


async def test_a_read_only_mount_refuses_changes(world: World) -> None:
    config = MountConfig(dir=world.root / "ro", read_only=True)
    mount = ProcessMount(world.process, config)
    await mount.start()
    await world.client.store(BUCKET, "k", BytesBody(b"x"))
    path = world.root / "ro" / BUCKET / "k"
    assert await asyncio.to_thread(path.read_bytes) == b"x"
    with pytest.raises(OSError, match="Read-only"):
        await asyncio.to_thread(path.unlink)
    await mount.stop(0.0)


SLOW = """#!/bin/sh
[ "$1" = -o ] || exec {program} "$@"
cat {gate} && {program} "$@" && touch {done}
"""


async def test_a_mount_for_which_nobody_waits_does_not_stay(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, gate, done = (world.root / name for name in ("bin/fusermount3", "gate", "done"))
    program.parent.mkdir()
    program.write_text(SLOW.format(program=shutil.which("fusermount3"), gate=gate, done=done))
    program.chmod(0o755)
    os.mkfifo(gate)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    starting = asyncio.get_running_loop().create_task(world.mount.start())
    opened = await asyncio.to_thread(gate.open, "wb")
    starting.cancel()
    await asyncio.wait([starting])
    opened.close()
    await eventually(done.exists)
    await eventually(lambda: not mounts_at(world.root / "mnt"))


async def test_programs_get_time_to_close_what_they_write(world: World) -> None:
    await world.mount.start()
    file = await asyncio.to_thread((world.folder / "f").open, "wb")
    await asyncio.to_thread(file.write, b"x" * 100_000)

    async with asyncio.TaskGroup() as group:
        group.create_task(world.mount.stop(20.0))
        await eventually(lambda: not Path(world.folder).exists())
        await asyncio.to_thread(file.close)
    assert await world.read("f") == b"x" * 100_000


async def test_a_mount_that_was_stopped_is_not_mounted_again(world: World) -> None:
    stopped = ProcessMount(world.process, MountConfig(dir=world.root / "stopped"))
    await stopped.start()
    await world.mount.start()
    await stopped.stop(0.0)
    await world.restarted()
    assert not stopped.is_mounted
    assert not mounts_at(world.root / "stopped")


async def test_the_kernel_forgets_what_another_client_has_changed(world: World) -> None:
    """It believes a size for a second, so a longer version is read to its end only if told."""
    await world.client.store(BUCKET, "k", BytesBody(b"short"))
    await world.mount.start()
    path = world.folder / "k"
    assert (await asyncio.to_thread(path.stat)).st_size == 5
    await world.client.store(BUCKET, "k", BytesBody(b"much longer"))
    await eventually(lambda: path.stat().st_size == 11)
