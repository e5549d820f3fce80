"""A forked process is to a test what a new one is."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.forked_process import ForkedProcess, popen, run

PROGRAM = "tests.small_program"
TIMEOUT = 30.0

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are for Linux")


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("return", 0),
        ("exit 0", 0),
        ("exit 3", 3),
        ("exit None", 0),
        ("exit 'why'", 1),
        ("raise", 1),
        ("signal", -signal.SIGTERM),
    ],
)
def test_the_exit_code_and_the_streams(tmp_path: Path, end: str, code: int, fresh: bool) -> None:
    options = {"cwd": tmp_path, "env": {**os.environ, "MARK": "seen"}, "fresh": fresh}
    done = run(PROGRAM, end, "ü", input=b"typed", timeout=TIMEOUT, **options)
    assert done.returncode == code
    assert done.stdout.decode() == f"ü typed seen {tmp_path}\n"
    last = done.stderr.decode().splitlines()[-1:]
    assert last == {"exit 'why'": ["why"], "raise": ["RuntimeError: on purpose"]}.get(end, [])


def test_it_ends_when_it_is_killed_and_not_before() -> None:
    pipe = subprocess.PIPE
    with popen(PROGRAM, "return", stdin=pipe, stdout=subprocess.DEVNULL) as process:
        assert isinstance(process, ForkedProcess)
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        process.kill()
        assert process.wait(TIMEOUT) == -signal.SIGKILL
        assert process.poll() == -signal.SIGKILL


def test_what_only_a_new_process_has_makes_one() -> None:
    others = [
        {"env": {**os.environ, "PYTHONUTF8": "0"}},
        {"env": {**os.environ, "LC_ALL": "C"}},
        {"preexec_fn": time.time},
        {"fresh": True},
    ]
    for options in others:
        with popen("s3d", "--version", stdout=subprocess.PIPE, **options) as process:
            assert not isinstance(process, ForkedProcess)
            out, _ = process.communicate(timeout=TIMEOUT)
            assert out.startswith(b"s3d ")


def test_a_point_of_failure_is_hit(tmp_path: Path) -> None:
    env = {**os.environ, "S3D_FAILPOINT": "small.program:kill"}
    assert run(PROGRAM, "failpoint", cwd=tmp_path, env=env).returncode == -signal.SIGKILL
    assert run(PROGRAM, "failpoint", cwd=tmp_path, env=os.environ).returncode == 0


def test_two_processes_share_no_random_numbers(tmp_path: Path) -> None:
    options = {"cwd": tmp_path, "env": os.environ}
    one, other = (run(PROGRAM, "random", timeout=TIMEOUT, **options).stdout for _ in range(2))
    assert one
    assert one != other
