"""rclone against the agent."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.agent_process import AgentProcess
from tests.e2e.conftest import Run

pytestmark = pytest.mark.slow


def test_copy_and_check(run: Run, agent: AgentProcess, bucket: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "dir").mkdir(parents=True)
    for n in range(20):
        (source / "dir" / f"{n} ü.txt").write_text("x" * n)
    (source / "large").write_bytes(random.Random(2).randbytes(12 * 1024**2))
    remote = f":s3,provider=Other,env_auth=true,endpoint='{agent.endpoint}':{bucket}"
    options = ("--config", "/dev/null", "--s3-upload-cutoff", "6Mi", "--s3-chunk-size", "5Mi")
    run("rclone", *options, "copy", source, remote)
    run("rclone", *options, "check", "--download", source, remote)
    run("rclone", *options, "check", source, remote)
    assert len(run("rclone", *options, "lsf", "-R", "--files-only", remote).splitlines()) == 21
