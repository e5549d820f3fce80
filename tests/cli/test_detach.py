"""run_detached() forks, so each test runs it in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import os, sys, time
from pathlib import Path
from s3d.cli.detach import run_detached

def start(ready):
    print("before", flush=True)
    if sys.argv[2] == "fails":
        return 7
    if sys.argv[2] == "killed":
        os.kill(os.getpid(), 9)
    ready()
    print("after", file=sys.stderr, flush=True)
    return 3

sys.exit(run_detached(start, Path(sys.argv[1])))
"""


@pytest.mark.parametrize(("end", "code"), [("ready", 0), ("fails", 7), ("killed", 137)])
def test_the_parent_waits_until_the_child_is_ready_or_has_failed(tmp_path: Path, end, code):
    log = tmp_path / "log"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, log, end], capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, "before\n", "")
    if end == "ready":
        while "after" not in log.read_text():
            pass
        assert log.stat().st_mode & 0o777 == 0o600
