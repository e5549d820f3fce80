"""The command line while the remote is away: what is known here is still of use."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.forked_process import Done, run_text
from tests.gateway.conftest import Gateway
from tests.gateway.network import Network
from tests.peers.proxy import Partition

WITHIN = 20.0
"""Seconds, start of the command included, and what a busy machine adds. The agent takes 5 at most;
it would wait for a silent remote for 30."""


class Shell:
    """Runs commands against the gateway's agent."""

    def __init__(self, gateway: Gateway, folder: Path) -> None:
        self._env = gateway.start().env
        self._folder = folder

    def __call__(self, *arguments: str) -> Done:
        began = time.monotonic()
        done = run_text("s3d", *arguments, env=self._env, cwd=self._folder)
        assert time.monotonic() - began < WITHIN, arguments
        return done


@pytest.mark.slow
@pytest.mark.finding("D4")
@pytest.mark.parametrize("partition", list(Partition))
def test_commands_answer_with_what_is_known_here(
    gateway: Gateway, network: Network, new_bucket: str, tmp_path: Path, partition: Partition
):
    s3d = Shell(gateway, tmp_path)
    (tmp_path / "f").write_text("cached")
    assert s3d("put", f"{new_bucket}/k", "f", "--tag", "a=1").returncode == 0
    assert s3d("drain", "--timeout", "20s").returncode == 0
    assert s3d("get", f"{new_bucket}/k", "-q").stdout == "cached"
    assert s3d("ls", new_bucket).returncode == 0
    assert s3d("ls").returncode == 0
    network.go_away(partition)

    read = s3d("get", f"{new_bucket}/k")
    assert (read.returncode, read.stdout) == (0, "cached")
    assert "the tags are unavailable" in read.stderr

    (tmp_path / "g").write_text("pending")
    assert s3d("put", f"{new_bucket}/new", "g").returncode == 0
    listed = s3d("ls", new_bucket)
    assert (listed.returncode, listed.stderr) == (0, "")
    assert [line.split()[-1] for line in listed.stdout.splitlines()] == ["k", "new"]
    buckets = s3d("ls")
    assert buckets.returncode == 0
    assert new_bucket in buckets.stdout

    removed = s3d("rm", f"{new_bucket}/k")
    assert removed.returncode == 0
    assert removed.stderr == "safe here; 2 objects, 7 B still to push: s3d drain\n"
    assert [line.split()[-1] for line in s3d("ls", new_bucket).stdout.splitlines()] == ["new"]
