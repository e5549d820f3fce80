"""What the file systems of all mounts share."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from s3d.agent.frontends.fuse.process.file_systems import LOCK
from tests.agent.frontends.fuse.kernel.mounts import needs_fuse
from tests.agent.frontends.fuse.process.conftest import World

pytestmark = needs_fuse


async def test_df_shows_the_disk_of_the_embedded_store(world: World) -> None:
    await world.mount.start()
    shown = await asyncio.to_thread(os.statvfs, world.folder)
    disk = os.statvfs(world.root)
    assert shown.f_blocks * shown.f_frsize == disk.f_blocks * disk.f_frsize


HOLDER = """
import fcntl, os, signal, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(fd, fcntl.LOCK_EX)
os.write(fd, b"%d" % os.getpid())
print(flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
"""


async def test_the_stopped_process_of_an_agent_that_has_died_is_in_nobodys_way(
    world: World,
) -> None:
    staging = world.root / "store" / "mount"
    staging.mkdir(parents=True)
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, staging / LOCK, stdout=asyncio.subprocess.PIPE
    )
    assert holder.stdout is not None
    await holder.stdout.readline()
    await world.mount.start()
    assert await holder.wait() == -signal.SIGKILL
    assert (staging / LOCK).read_text() == str(world.process.pid)
    await world.restarted()


async def test_names_that_stay_on_this_machine_are_no_objects(world: World) -> None:
    await world.mount.start()
    await asyncio.to_thread((world.folder / "x.local").write_bytes, b"x")
    await asyncio.to_thread((world.folder / "y").write_bytes, b"y")
    listing = await world.client.page("bkt", limit=10)
    assert [each.key for each in listing.objects] == ["y"]
    assert await asyncio.to_thread((world.folder / "x.local").read_bytes) == b"x"


async def test_times_are_known_after_a_death(world: World) -> None:
    await world.mount.start()
    path = world.folder / "f"
    await asyncio.to_thread(path.write_bytes, b"x")
    await asyncio.to_thread(os.utime, path, (1_000_000, 1_000_000))
    await world.restarted()
    assert (await asyncio.to_thread(path.stat)).st_mtime == 1_000_000
