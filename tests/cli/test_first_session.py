"""The first session of README.md, as a user types it, with what the README prints."""

import os
import re
from pathlib import Path

import pytest

from tests.agent_process import AgentProcess
from tests.cli.conftest import Commands

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture
def shell(agent: AgentProcess, tmp_path: Path) -> Commands:
    (tmp_path / "hello.txt").write_text("Hello, S3!\n")
    return Commands(tmp_path, agent.env)


def test_a_first_session(shell):
    assert shell("status").out.startswith("agent ")
    assert shell("mb", "demo").out == "made demo\n"
    assert shell("put", "demo/hello.txt", "hello.txt").out == "stored demo/hello.txt, 11 B\n"
    assert shell("set", "demo/hello.txt", "--tag", "project=s3d").out == "tag  project = s3d\n"
    status = shell("status", "demo/hello.txt").out
    assert "content-type   text/plain\n" in status
    assert "tag            project = s3d\n" in status
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d [\d:]{8}       11 B  hello.txt\n", shell("ls", "demo").out
    )
    got = shell("get", "demo/hello.txt")
    assert got.out == "Hello, S3!\n"
    assert "tag project: s3d" in got.err
    assert shell("rm", "demo/hello.txt").out == "deleted demo/hello.txt\n"
    assert shell("rb", "demo").out == "removed demo\n"


def test_each_exit_code_that_can_occur(shell, agent, start_agent):
    """0 1 2 3 4 5 7 75 130; 6 needs a remote. 75 is in test_run.py, 130 in test_main.py."""
    shell("mb", "demo")
    shell("put", "demo/k", stdin=b"x")
    assert shell("status").code == 0
    assert shell("rb", "demo").code == 1
    assert shell("status", "--nonsense").code == 2
    assert shell("get", "demo/none").code == 3
    assert shell("get", "demo/k", "/dev/full").code == 7
    agent.stop()
    assert shell("status").code == 5


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_4(shell, tmp_path):
    shell("mb", "demo")
    shell("put", "demo/k", stdin=b"x")
    (tmp_path / "closed").mkdir(mode=0o500)
    assert shell("get", "demo/k", "closed/k").code == 4
