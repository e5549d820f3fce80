"""A random file of 6 GiB and a sparse one of 12 GiB before SeaweedFS, each killed three times.

    S3D_TORTURE_GIB=0.5 make torture-large_files      # random 0.5 GiB, sparse 1 GiB

Each way has a bucket of its own, which is deleted at its end: that frees the disk at once. After
each kill only the parts that were on their way may pass the network again.
"""

from __future__ import annotations

import filecmp
import hashlib
import itertools
import math
import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from s3d.cli.client.transfer_client import TransferClient
from s3d.shared.transfers import TransferRequest
from tests.agent_process import AgentProcess
from tests.gateway.conftest import Gateway
from tests.gateway.network import Network
from tests.gateway.test_large_files import is_read_part, is_sent_part
from tests.peers.proxy import PASS, Head
from tests.peers.servers import Peer

GIB = float(os.environ.get("S3D_TORTURE_GIB", "6"))
PART = 16 << 20
RANDOM = int(GIB * (1 << 30)) // PART * PART + 12_345
SPARSE = 2 * RANDOM
KILLS = 3
IN_FLIGHT = 4
MAX_RSS = 150 << 20
MAX_DISK = 40 << 30
PATIENCE = 7_200.0
"""Seconds for one way; the disk may be slow."""
NAME = "film.mkv"
DIRECT = {"S3D_WRITE_QUEUE": "false", "S3D_READ_CACHE": "false", "S3D_FLUSH_TIMEOUT": "0"}
QUEUED = {**DIRECT, "S3D_WRITE_QUEUE": "true", "S3D_WRITE_QUEUE_MAX_SIZE": "20GiB"}


@pytest.fixture(scope="module", params=["random", "sparse"])
def film(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("film")
    path = folder / NAME
    with path.open("wb") as file:
        if request.param == "random":
            chance = random.Random(1)
            for _ in range(RANDOM // PART):
                file.write(chance.randbytes(PART))
            file.write(b"x" * (RANDOM % PART))
        else:
            file.truncate(SPARSE)
            for at in range(0, SPARSE, SPARSE // 7):
                file.seek(at)
                file.write(b"data at %d" % at)
    yield path
    shutil.rmtree(folder)


@pytest.fixture
def bucket(seaweedfs: Peer, bucket_name: str, remote: Any) -> Iterator[str]:
    assert seaweedfs.ask("PUT", f"/{bucket_name}") == 200
    yield bucket_name
    for row in remote.list_objects_v2(Bucket=bucket_name).get("Contents", []):
        remote.delete_object(Bucket=bucket_name, Key=row["Key"])
    assert seaweedfs.ask("DELETE", f"/{bucket_name}") == 204


class Way:
    """One way of the file, by agents that are killed."""

    def __init__(self, gateway: Gateway, network: Network, env: dict[str, str]) -> None:
        self._gateway, self._network, self._env = gateway, network, env
        self._chance = random.Random(os.environ.get("S3D_TORTURE_SEED", "1"))
        self.rss = 0
        """Bytes, the most of all agents."""
        self.sent = 0
        """Requests for parts that reached the remote."""

    def run(
        self, parts: int, when: Callable[[Head], bool], begin: Callable[[AgentProcess], object],
        is_done: Callable[[AgentProcess], bool],
    ) -> None:  # fmt: skip
        """Kill the agent while it moves parts, KILLS times; then let it end its work."""
        self._network.take_seen()
        for number in range(KILLS):
            agent = self._gateway.start(**self._env)
            self._kill_at(agent, when, self._chance.randrange(1, max(2, parts // (KILLS + 1))))
            if not number:
                begin(agent)
            assert agent.process.wait(PATIENCE) == -signal.SIGKILL
            self._network.come_back()
        agent = self._gateway.start(**self._env)
        end = time.monotonic() + PATIENCE
        while not is_done(agent):
            assert time.monotonic() < end
            threading.Event().wait(0.5)
        self.rss = max(self.rss, _peak(agent))
        agent.stop()
        self.sent = sum(when(exchange.head) for exchange in self._network.take_seen())

    def _kill_at(self, agent: AgentProcess, when: Callable[[Head], bool], number: int) -> None:
        count = itertools.count(1)

        def matches(head: Head) -> bool:
            if when(head) and next(count) == number:
                self.rss = max(self.rss, _peak(agent))
                os.kill(agent.process.pid, signal.SIGKILL)
            return False

        self._network.do(lambda proxy: proxy.inject(PASS, times=math.inf, when=matches))

    def check(self, name: str, size: int, began: float, free: int) -> None:
        parts = math.ceil(size / PART)
        used = max(0, free - shutil.disk_usage(Path.home()).free)
        print(
            f"{name}: {size / (1 << 30):.1f} GiB, {parts} parts, {self.sent} sent, RSS "
            f"{self.rss / (1 << 20):.0f} MiB, {time.monotonic() - began:.0f} s, "
            f"disk {used / (1 << 30):.1f} GiB"
        )
        assert parts <= self.sent <= parts + KILLS * IN_FLIGHT
        assert self.rss < MAX_RSS
        assert used < MAX_DISK


def _peak(agent: AgentProcess) -> int:
    """Bytes of the largest resident set so far."""
    status = Path(f"/proc/{agent.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) << 10


def _digest(blocks: Iterator[bytes]) -> str:
    sha256 = hashlib.sha256()
    for block in blocks:
        sha256.update(block)
    return sha256.hexdigest()


def _of_file(path: Path) -> str:
    with path.open("rb") as file:
        return _digest(iter(lambda: file.read(1 << 20), b""))


def _is_there(remote: Any, bucket: str) -> bool:
    with suppress(Exception):
        remote.head_object(Bucket=bucket, Key=NAME)
        return True
    return False


def _assert_same(remote: Any, bucket: str, film: Path) -> None:
    body = remote.get_object(Bucket=bucket, Key=NAME)["Body"]
    assert _digest(body.iter_chunks(1 << 20)) == _of_file(film)
    assert remote.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


def _has_ended(agent: AgentProcess) -> bool:
    states = {each.state for each in TransferClient(agent.client).all("upload")}
    states |= {each.state for each in TransferClient(agent.client).all("download")}
    assert "failed" not in states
    return not states & {"waiting", "running"}


@pytest.mark.torture
@pytest.mark.parametrize("way", ["cp", "queue"])
def test_a_file_goes_up_and_comes_down_by_transfers(
    gateway, network, remote, bucket, film, tmp_path, way
):
    began, free, size = time.monotonic(), shutil.disk_usage(Path.home()).free, film.stat().st_size
    upload = TransferRequest("upload", bucket, paths=[str(film)])
    up = Way(gateway, network, DIRECT if way == "cp" else QUEUED)
    up.run(
        size // PART,
        is_sent_part,
        lambda agent: TransferClient(agent.client).start(upload),
        lambda agent: _has_ended(agent) and _is_there(remote, bucket),
    )
    up.check(f"{way} up", size, began, free)
    _assert_same(remote, bucket, film)
    if way == "queue":
        return
    began = time.monotonic()
    download = TransferRequest("download", bucket, keys=[NAME], to_path=str(tmp_path / "down"))
    down = Way(gateway, network, DIRECT)
    down.run(
        size // PART,
        is_read_part,
        lambda agent: TransferClient(agent.client).start(download),
        _has_ended,
    )
    down.check("cp down", size, began, free)
    _assert_same_file(film, tmp_path / "down" / NAME)


@pytest.mark.torture
def test_a_file_goes_up_and_comes_down_by_sync_folders(
    gateway, network, remote, bucket, film, tmp_path
):
    began, free, size = time.monotonic(), shutil.disk_usage(Path.home()).free, film.stat().st_size
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    os.link(film, one / NAME)
    env = {"S3D_SYNC_FOLDER_BUCKET": bucket, "S3D_SYNC_FOLDER_INTERVAL": "1s", **DIRECT}
    up = Way(gateway, network, {**env, "S3D_SYNC_FOLDER": str(one)})
    up.run(size // PART, is_sent_part, lambda agent: None, lambda agent: _is_there(remote, bucket))
    up.check("sync up", size, began, free)
    _assert_same(remote, bucket, film)
    began = time.monotonic()
    down = Way(gateway, network, {**env, "S3D_SYNC_FOLDER": str(other)})
    down.run(
        size // PART,
        is_read_part,
        lambda agent: None,
        lambda agent: (other / NAME).exists(),
    )
    down.check("sync down", size, began, free)
    _assert_same_file(film, other / NAME)


def _assert_same_file(film: Path, copy: Path) -> None:
    assert filecmp.cmp(film, copy, shallow=False)
    if film.stat().st_blocks * 512 < film.stat().st_size // 2:
        assert copy.stat().st_blocks * 512 <= 8 << 20
