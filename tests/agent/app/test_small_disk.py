"""The embedded store on a disk of a few megabytes that is full."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.agent_process import AgentProcess


def _can_mount() -> bool:
    return os.geteuid() == 0 and os.path.exists("/proc/filesystems")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)]
    if not _can_mount() or subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("needs root, for a small tmpfs")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.slow
@pytest.mark.finding("D10")
def test_deletes_work_on_a_small_disk_that_is_full(
    start_agent: Callable[..., AgentProcess], small_disk: Path, tmp_path: Path
) -> None:
    env = {"S3D_SOCKET": str(tmp_path / "agent.sock")}
    agent = start_agent(home=small_disk / "home", env=env)
    with closing(agent.s3()) as s3:
        s3.create_bucket(Bucket="small")
        stored = _fill(s3)
        assert len(stored) > 3
        for key in stored:
            s3.delete_object(Bucket="small", Key=key)
        assert "Contents" not in s3.list_objects_v2(Bucket="small")


def _fill(s3: Any) -> list[str]:
    """The keys of what the disk has taken."""
    stored: list[str] = []
    while True:
        key = str(len(stored))
        try:
            s3.put_object(Bucket="small", Key=key, Body=os.urandom(40_000))
        except ClientError as error:
            if error.response["Error"]["Code"] != "SlowDown":
                raise
            return stored
        stored.append(key)
