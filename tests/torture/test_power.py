"""Power cuts under load: what was acknowledged is there afterwards, whole, and nothing older.

On the forgetting file system anything that was not synced may be lost, be old, or be torn; the
image of an ext4 disk loses what this machine's kernel had not written. A writer is stopped with
SIGSTOP before the image is copied, so that no acknowledgement comes after the cut.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.agent_process import AgentProcess, launch
from tests.gateway.conftest import remote_settings
from tests.known_load import wait_until
from tests.peers.servers import Peer
from tests.torture.conftest import Campaign
from tests.torture.power import Image, Volatile, needs_fuse, needs_loop
from tests.write_load import Load, Memory, settle

WRITERS = 3
BUCKET = "power"
DRAINED_WITHIN = 120.0

Cut = Callable[[int], Path]
Disk = Callable[[Path, str], AbstractContextManager[tuple[Path, Cut]]]
"""Opens a disk in a folder, from a seed; its root, and what cuts its power in a round."""
Look = Callable[[AgentProcess, list[Memory]], None]


@contextmanager
def forgetting(folder: Path, seed: str) -> Iterator[tuple[Path, Cut]]:
    with Volatile(folder / "mount") as disk:

        def cut(number: int) -> Path:
            target = folder / f"after-{number}"
            disk.cut(f"{seed}-{number}", target)
            return target

        yield disk.root, cut


@contextmanager
def imaged(folder: Path, seed: str) -> Iterator[tuple[Path, Cut]]:
    with Image(folder / "image") as disk:
        yield disk.root, disk.cut


DISKS = [
    pytest.param(forgetting, marks=needs_fuse, id="forgetting"),
    pytest.param(imaged, marks=needs_loop, id="image"),
]


def _is_stopped(pid: int) -> bool:
    """Whether no thread of a process runs or is within a system call. It need not be a child."""
    threads = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(thread.read_text().rpartition(")")[2].split()[0] == "T" for thread in threads)


class Writing:
    """One agent on a disk that loses its power, and what its writers know."""

    def __init__(self, disk: Path, sockets: Path, env: Mapping[str, str]) -> None:
        self._env = {**env, "S3D_SOCKET": str(sockets / "agent.sock")}
        self._memories = [Memory() for _ in range(WRITERS)]
        self._disk = disk

    def run(self, chance: Random, cut: Callable[[], Path]) -> Path:
        agent = launch(self._disk / "home", env=self._env)
        try:
            with closing(agent.s3()) as client:
                _have_bucket(client)
                load = Load(client, BUCKET, self._memories, chance.randrange(1 << 30))
                load.start()
                load.wait_for(chance.randrange(5, 80))
                agent.process.send_signal(signal.SIGSTOP)
                wait_until(partial(_is_stopped, agent.process.pid))
                after = cut()
                agent.kill()
                load.join()
        finally:
            agent.kill()
        return after

    def verify(self, after: Path, look: Look) -> None:
        agent = launch(after / "home", env=self._env)
        try:
            look(agent, self._memories)
        finally:
            agent.kill()


def _have_bucket(client: Any) -> None:
    if BUCKET not in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]:
        client.create_bucket(Bucket=BUCKET)


def _of_the_store(agent: AgentProcess, memories: list[Memory]) -> None:
    with closing(agent.s3()) as client:
        settle(client, BUCKET, memories)


def _cut_power(
    run: Campaign,
    disk: Disk,
    folder: Path,
    env: Mapping[str, str],
    look: Look,
    *,
    before: Callable[[], None] = lambda: None,
) -> None:
    """The rounds of a campaign, each in a folder of its own. before: called at their beginning."""
    for number, chance in run.rounds():
        place = folder / str(number)
        place.mkdir()
        before()
        try:
            with disk(place, f"{run.seed}-{number}") as (root, cut):
                writing = Writing(root, place, env)
                after = writing.run(chance, partial(cut, number))
                writing.verify(after, look)
        except AssertionError as error:
            run.failed(number, str(error))
        else:
            run.passed(number)
            shutil.rmtree(place, ignore_errors=True)


@pytest.mark.torture
@pytest.mark.parametrize("disk", DISKS)
def test_the_embedded_store_outlives_power_cuts(
    campaign: Callable[[str, int], Campaign], tmp_path: Path, request: pytest.FixtureRequest, disk
) -> None:
    run = campaign(f"power-store-{request.node.callspec.id}", 25)
    _cut_power(run, disk, tmp_path, {}, _of_the_store)


@pytest.mark.torture
@pytest.mark.parametrize("disk", DISKS)
def test_the_write_queue_outlives_power_cuts(
    campaign: Callable[[str, int], Campaign],
    tmp_path: Path,
    request: pytest.FixtureRequest,
    seaweedfs: Peer,
    remote: Any,
    disk,
) -> None:
    """What is acknowledged is in the queue or at the remote, and arrives there in the end."""

    def look(agent: AgentProcess, memories: list[Memory]) -> None:
        _of_the_store(agent, memories)
        from s3d.cli.client.queue_client import QueueClient

        queue = QueueClient(agent.client)
        for _ in range(int(DRAINED_WITHIN / 10)):
            if queue.drain(10.0, hurry=True).left.files == 0:
                break
        settle(remote, BUCKET, memories)

    def empty() -> None:
        _have_bucket(remote)
        pages = remote.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        for row in [row for page in pages for row in page.get("Contents", ())]:
            remote.delete_object(Bucket=BUCKET, Key=row["Key"])

    run = campaign(f"power-queue-{request.node.callspec.id}", 25)
    _cut_power(run, disk, tmp_path, remote_settings(seaweedfs), look, before=empty)
