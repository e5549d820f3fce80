"""Fixtures: real S3 servers and the faulty proxy.

One server of a kind serves a whole test run, all pytest-xdist workers included; tests keep apart by
buckets of their own.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.peers.proxy import FaultyProxy
from tests.peers.servers import PAUSE, START_TIMEOUT, Peer, program

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def seaweedfs(peer_folder: Path) -> Iterator[Peer]:
    """SeaweedFS: the referee, conditions and checksums are enforced."""
    with shared_peer("seaweedfs", "weed", peer_folder) as peer:
        yield peer


@pytest.fixture(scope="session")
def rclone_s3(peer_folder: Path) -> Iterator[Peer]:
    """rclone serve s3: a server that ignores conditions, tags and most checksums."""
    with shared_peer("rclone", "rclone", peer_folder) as peer:
        yield peer


@pytest.fixture
async def faulty_seaweedfs(seaweedfs: Peer) -> AsyncIterator[FaultyProxy]:
    """A FaultyProxy in front of SeaweedFS, without a fault yet."""
    async with FaultyProxy(seaweedfs) as proxy:
        yield proxy


@pytest.fixture
def bucket_name() -> str:
    """A bucket name that nobody else uses; the bucket is not made."""
    return f"test-{uuid.uuid4().hex[:20]}"


@pytest.fixture
def new_bucket(seaweedfs: Peer, bucket_name: str) -> str:
    """A bucket of SeaweedFS for this test alone."""
    assert seaweedfs.ask("PUT", f"/{bucket_name}") == 200
    return bucket_name


@pytest.fixture(scope="session")
def peer_folder(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """A folder that all workers of this test run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if hasattr(request.config, "workerinput") else base


@contextmanager
def shared_peer(name: str, needs: str, base: Path) -> Iterator[Peer]:
    """Start the server, or join the one that another worker started; the last to leave ends it.

    A user is whoever holds the shared lock, so a worker that is killed leaves too.
    """
    if program(needs) is None:
        pytest.skip(f"{needs} is not installed (extra: test)")
    folder = base / f"peer-{name}"
    folder.mkdir(exist_ok=True)
    with (folder / "users").open("ab") as users:
        with (folder / "door").open("ab") as door:
            fcntl.flock(door, fcntl.LOCK_EX)
            fcntl.flock(users, fcntl.LOCK_SH)
            if not (folder / "ready").exists():
                _start_keeper(name, folder)
        yield Peer(**json.loads((folder / "ready").read_text()))


def _start_keeper(name: str, folder: Path) -> None:
    shutil.rmtree(folder / "data", ignore_errors=True)
    with (folder / "keeper.log").open("wb") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.peers.servers", name, str(folder)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    for _ in range(int(START_TIMEOUT / PAUSE)):
        if (folder / "ready").exists():
            keeper.returncode = 0  # It outlives this worker on purpose: nobody here waits for it.
            return
        with suppress(subprocess.TimeoutExpired):
            keeper.wait(PAUSE)
            break
    keeper.kill()
    said = [(folder / log).read_text(errors="replace")[-2000:] for log in ("keeper.log", "log")]
    raise RuntimeError(f"{name} did not start: {' '.join(said)}")
