"""s3d, rclone and s3fs as mounts of one bucket: each start has empty caches, and counts its CPU."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from s3d.shared.mount_table import mounts_at
from tests.agent.frontends.fuse.kernel.mounts import clear
from tests.agent_process import launch
from tests.gateway.conftest import remote_settings
from tests.peers.servers import Peer

PATIENCE = 60.0
_TICK = os.sysconf("SC_CLK_TCK")


class MountedBucket(NamedTuple):
    """A mount that programs can use."""

    folder: Path
    pids: Sequence[int]
    """The processes that serve it."""

    @property
    def cpu(self) -> float:
        """Seconds of CPU that its processes have used."""
        return sum(map(cpu_of, self.pids))


def cpu_of(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


@contextmanager
def s3d(peer: Peer, bucket: str) -> Iterator[MountedBucket]:
    with tempfile.TemporaryDirectory(prefix="s3d-beside-") as name:
        root = Path(name)
        folder = root / "S3"
        settings = {"S3D_FUSE_MOUNT": "true", "S3D_FUSE_MOUNT_DIR": str(folder)}
        agent = launch(root / "home", env={**remote_settings(peer), **settings})
        try:
            yield MountedBucket(folder / bucket, agent.process_ids)
        finally:
            agent.stop()
            clear(folder)


@contextmanager
def rclone(peer: Peer, bucket: str) -> Iterator[MountedBucket]:
    with tempfile.TemporaryDirectory(prefix="rclone-beside-") as name:
        root = Path(name)
        (root / "config").write_text(
            "[peer]\ntype = s3\nprovider = SeaweedFS\nforce_path_style = true\n"
            f"endpoint = {peer.endpoint}\naccess_key_id = {peer.access_key}\n"
            f"secret_access_key = {peer.secret_key}\nregion = {peer.region}\n"
        )
        command = [str(program("rclone")), "--config", str(root / "config"), "mount"]
        command += ["--vfs-cache-mode", "full", "--cache-dir", str(root / "cache")]
        command.append(f"peer:{bucket}")
        with _served(command, root / "mnt", {}) as mounted:
            yield mounted


@contextmanager
def s3fs(peer: Peer, bucket: str) -> Iterator[MountedBucket]:
    with tempfile.TemporaryDirectory(prefix="s3fs-beside-") as name:
        root = Path(name)
        key = {"AWSACCESSKEYID": peer.access_key, "AWSSECRETACCESSKEY": peer.secret_key}
        command = [str(program("s3fs")), "-f", "-o", f"url={peer.endpoint}"]
        command += ["-o", f"use_path_request_style,use_cache={root / 'cache'}", bucket]
        with _served(command, root / "mnt", key) as mounted:
            yield mounted


RIVALS = {"s3d": s3d, "rclone": rclone, "s3fs": s3fs}


def program(name: str) -> Path | None:
    """A program of the environment of the tests, or of the system."""
    own = Path(sysconfig.get_path("scripts")) / name
    found = own if own.exists() else shutil.which(name)
    return None if found is None else Path(found)


@contextmanager
def _served(command: Sequence[str], folder: Path, env: dict[str, str]) -> Iterator[MountedBucket]:
    """A program that stays in the foreground, and mounts at a folder, its last argument."""
    folder.mkdir()
    words = [*command, str(folder)]
    process = subprocess.Popen(
        words, env={**os.environ, **env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + PATIENCE
        while not mounts_at(folder):
            assert time.monotonic() < end
            with suppress(subprocess.TimeoutExpired):
                raise AssertionError(f"{words[0]} has ended: {process.wait(0.02)}")
        yield MountedBucket(folder, [process.pid])
    finally:
        clear(folder)
        process.terminate()
        process.wait(PATIENCE)
