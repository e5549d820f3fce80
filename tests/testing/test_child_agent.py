from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from s3d.testing import S3dServer
from s3d.testing.child_agent import ServerNotStarted


def test_a_start_that_fails_says_why() -> None:
    with pytest.raises(ServerNotStarted, match="no such option"):
        S3dServer("--nonsense").start()


def test_it_ends_with_a_process_that_is_killed(tmp_path: Path) -> None:
    code = """
import sys, time
from s3d.testing import S3dServer
server = S3dServer().start()
print(server.agent.pid, server.agent.socket.parent, flush=True)
time.sleep(60)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    ) as parent:
        assert parent.stdout is not None
        agent, _, folder = parent.stdout.readline().strip().partition(" ")
        descriptor = os.pidfd_open(int(agent))
        parent.send_signal(signal.SIGKILL)
        assert parent.wait() == -signal.SIGKILL
    try:
        # A descriptor of a process becomes readable when the process ends.
        assert select.select([descriptor], [], [], 30)[0], f"agent {agent} still runs in {folder}"
    finally:
        os.close(descriptor)
    assert [*Path(folder).rglob("index.sqlite"), *tmp_path.glob("s3d-*/**/store")] == []
