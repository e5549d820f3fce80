import os
import signal
import subprocess
import sys

import pytest

from s3d.cli.background_commands import _has_ended
from tests.cli.conftest import S3D, Commands


@pytest.fixture
def background(alone):
    """Commands in a home of its own, whose agent is stopped at the end."""
    alone.home.joinpath("home").mkdir(mode=0o700)
    yield alone
    alone("stop", "--timeout", "20s")


def pid_of(s3d: Commands) -> int:
    return int(s3d("status").out.partition("process ")[2].partition(",")[0])


def test_start_stop_and_restart(background):
    s3d = background
    assert s3d("stop").out == "the agent is not running\n"
    started = s3d("start", "--bucket", "photos")
    assert (started.code, started.err) == (0, "")
    assert started.out.startswith("s3d ")
    assert "\nTo use it:\n  eval" in started.out, "it is this terminal"
    first = pid_of(s3d)
    assert os.getsid(first) == first, "it is not in the session of this terminal"
    assert s3d("ls").out.endswith("photos/\n")
    again = s3d("start")
    assert (again.code, f"process {first}" in again.out) == (0, True)
    refused = s3d("run", "--detach")
    assert (refused.code, "running" in refused.err) == (75, True)
    assert s3d("restart", "--endpoint", "nonsense").code == 2
    assert pid_of(s3d) == first, "a mistake ends no agent"
    assert s3d("restart").code == 0
    assert pid_of(s3d) != first
    assert s3d("stop").out.startswith("stopped the agent")
    assert s3d("status").code == 5
    assert "serving endpoint=" in s3d("logs", "--file").out
    state = alone_state(s3d)
    assert (state / "agent.stderr").read_text() == "", "the log is in agent.log"


def alone_state(s3d):
    return s3d.home / "home" / "state"


def test_errors_of_the_start_are_seen(background):
    done = background("run", "--detach", "--endpoint", "http://192.0.2.1:9000")
    assert done.code not in (0, None)
    assert done.err.startswith("s3d: ")
    assert background("run", "--detach", "--stop-at-eof").code == 2


def test_ctrl_c_ends_a_start_that_is_not_ready(background):
    s3d = background
    command = subprocess.Popen(
        [*S3D, "run", "--detach"], env=s3d.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    command.send_signal(signal.SIGINT)
    command.communicate(timeout=30)
    assert command.returncode != 0


def test_the_end_of_a_process_is_seen():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert not _has_ended(process.pid, 0.01)
    process.communicate(b"\n")
    assert _has_ended(process.pid, 5.0)
