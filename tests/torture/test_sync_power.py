"""Power cuts while a sync folder replaces, deletes, renames and uploads files, on a real ext4 disk.

Afterwards every version that was replaced or deleted here is in the trash, every edit that was
synced to the disk is there, and the folder and the bucket come to the same.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from s3d.shared.errors import S3dError
from tests.agent_process import AgentProcess
from tests.gateway.conftest import remote_settings
from tests.gateway.devices import Device, objects, sync_bucket  # noqa: F401 - a fixture
from tests.gateway.test_sync import settle_anyhow
from tests.peers.servers import Peer
from tests.torture.conftest import Campaign
from tests.torture.power import Image, needs_loop

FILES = 12


def save(file: Path, text: str) -> None:
    """As an editor that wants it to last: the bytes, and the name."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    fd = os.open(file.parent, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


class Round:
    """number: part of every value, so that each is unique."""

    def __init__(self, device: Device, remote: Any, bucket: str, number: int) -> None:
        self._device, self._remote, self._bucket = device, remote, bucket
        self._old = {f"d{n % 3}/f{n}": f"old {number} {n}" for n in range(FILES)}
        self._edits: dict[str, str] = {}
        self._number = number

    def prepare(self) -> None:
        self._device.start()
        for path, text in self._old.items():
            save(self._device.root / path, text)
        settle_anyhow(self._device)
        subprocess.run(["sync", "-f", self._device.root], check=True)  # this disk alone

    def play(self, chance: Random) -> None:
        """Others replace and delete objects, people edit, and the agent syncs until it stops."""
        paths = list(self._old)
        chance.shuffle(paths)
        few = chance.random() < 0.6  # then nothing that comes later makes it durable by chance
        news = paths[: 1 if few else 6]
        for path in news:
            body = f"new {self._number} {path}".encode()
            self._remote.put_object(Bucket=self._bucket, Key=f"{self._number}/{path}", Body=body)
        for path in () if few else paths[6:8]:
            self._remote.delete_object(Bucket=self._bucket, Key=f"{self._number}/{path}")
        sync = threading.Thread(target=self._sync)
        sync.start()
        for path in () if few else chance.sample(paths, 3):
            text = f"edit {self._number} {path}"
            save(self._device.root / path, text)
            self._edits[path] = text
        replaced = chance.randint(1, len(news))
        while sync.is_alive() and self._replaced() < replaced:
            sync.join(0.005)
        sync.join(chance.choice((0.0, 0.0, 0.05, 0.3)))
        self._device.agent.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._device.agent.process.pid, os.WSTOPPED | os.WNOWAIT)

    def _replaced(self) -> int:
        """Files that have been downloaded so far."""
        return sum(data.startswith(b"new") for data in self._device.tree().values())

    def _sync(self) -> None:
        with suppress(S3dError, OSError):
            self._device.now()

    def check(self) -> str:
        """What is wrong; "" for nothing."""
        self._device.start()
        for _ in range(3):
            settle_anyhow(self._device)
        tree = self._device.tree()
        there = objects(self._remote, self._bucket, f"{self._number}/")
        if tree != there:
            return f"not the same: {tree} {there}"
        trash = self._device.root / ".s3d/trash"
        found = {data.decode() for data in tree.values()}
        found |= {file.read_text() for file in trash.iterdir()}
        replaced_by_people = {self._old[path] for path in self._edits}
        wanted = {*self._old.values(), *self._edits.values()} - replaced_by_people
        lost = wanted - found
        return f"lost: {sorted(lost)}" if lost else ""


@pytest.mark.torture
@pytest.mark.finding("S1")
@needs_loop
def test_a_sync_folder_outlives_power_cuts(
    campaign: Callable[[str, int], Campaign],
    start_agent: Callable[..., AgentProcess],
    tmp_path: Path,
    seaweedfs: Peer,
    remote: Any,
    sync_bucket: str,  # noqa: F811
) -> None:
    run = campaign("power-sync", 25)
    for number, chance in run.rounds():
        folder = tmp_path / str(number)
        folder.mkdir()
        env = {
            **remote_settings(seaweedfs),
            "S3D_SOCKET": str(folder / "agent.sock"),
            "S3D_SYNC_FOLDER_BUCKET": sync_bucket,
            "S3D_SYNC_FOLDER_PREFIX": f"{number}/",
        }
        with Image(folder / "image") as disk:
            device = Device(start_agent, disk.root / "home", env)
            round = Round(device, remote, sync_bucket, number)
            round.prepare()
            round.play(chance)
            device.agent.process.kill()
            device.agent.wait()
            disk.lose_power()
            why = round.check()
            device.agent.kill()
            device.agent.wait()
        if why:
            run.failed(number, why)
        else:
            run.passed(number)
            shutil.rmtree(folder, ignore_errors=True)
