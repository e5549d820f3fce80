"""Power cuts while a program writes small files in a mount of the embedded store.

A file whose close() returned a second before the cut is there afterwards, with its bytes; one that
was synced, at once. The program runs in a process of its own, since it waits for the mount when the
agent is stopped for the cut.

    S3D_TORTURE_CUTS=10 make torture-mount_power
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from tests.agent.frontends.fuse.kernel.mounts import clear, needs_fuse
from tests.agent_process import AgentProcess, launch
from tests.known_load import wait_until
from tests.torture.test_power import DISKS, Disk

pytestmark = [pytest.mark.torture, needs_fuse]

CUTS = int(os.environ.get("S3D_TORTURE_CUTS", "5"))
DURABLE = 1.0
"""Seconds after which a closed file survives a power cut."""
BUCKET = "power"
PATIENCE = 60.0
WRITER = """
import json, os, sys, time
folder, count = sys.argv[1], 0
os.makedirs(folder, exist_ok=True)
while True:
    path, count = f"{folder}/{count}", count + 1
    with open(path, "wb") as file:
        file.write(b"%d" % count * 500)
        if count % 10 == 0:
            file.flush()
            os.fsync(file.fileno())
    print(json.dumps([count, time.monotonic()]), flush=True)
"""


class Stopped(NamedTuple):
    """An agent that was stopped while a program wrote files."""

    agent: AgentProcess
    closed: list[tuple[int, float]]
    """Number of each file, and when it was closed."""
    at: float
    writer: subprocess.Popen[str]


def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def run_until_cut(home: Path, folder: Path, chance: Random) -> Stopped:
    settings = {"S3D_FUSE_MOUNT": "true", "S3D_FUSE_MOUNT_DIR": str(folder),
                "S3D_SOCKET": str(folder.parent / "agent.sock")}  # fmt: skip
    agent = launch(home, env=settings)
    words = [sys.executable, "-c", WRITER, str(folder / BUCKET)]
    writer = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    closed = []
    try:
        end = time.monotonic() + chance.uniform(1.5, 4.0)
        while time.monotonic() < end:
            closed.append(tuple(json.loads(writer.stdout.readline())))
        for pid in reversed(agent.process_ids):  # the process of the mounts, then the agent
            os.kill(pid, signal.SIGSTOP)
            wait_until(partial(is_stopped, pid))
        return Stopped(agent, closed, time.monotonic(), writer)
    except BaseException:
        agent.process.kill()
        raise
    finally:
        writer.kill()
        writer.stdout.close()


@pytest.mark.rule("MOUNT-1")
@pytest.mark.rule("MOUNT-8")
@pytest.mark.parametrize("disk", DISKS)
def test_closed_files_survive_a_power_cut(disk: Disk, tmp_path: Path) -> None:
    lost = checked = 0
    for number in range(CUTS):
        folder, place = tmp_path / f"S3-{number}", tmp_path / f"disk-{number}"
        place.mkdir()
        with disk(place, f"seed-{number}") as (root, cut):
            before = run_until_cut(root / "home", folder, Random(number))
            after = cut(0)
            for pid in reversed(before.agent.process_ids):
                os.kill(pid, signal.SIGKILL)
            before.agent.wait()
            clear(folder)  # the program goes on, and ends
            before.writer.wait(PATIENCE)
            agent = launch(after / "home", env={"S3D_SOCKET": str(tmp_path / "after.sock")})
            with closing(agent.s3()) as client:
                rows = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
                there = {row["Key"] for page in rows for row in page.get("Contents", [])}
                for count, at in before.closed:
                    key = f"{count - 1}"
                    if count % 10 == 0 or at <= before.at - DURABLE:
                        checked += 1
                        body = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
                        assert body == b"%d" % count * 500, (key, before.at - at)
                    lost += key not in there
            assert agent.stop() == 0
    print(f"{CUTS} cuts, {checked} files checked, {lost} of the last second lost")
