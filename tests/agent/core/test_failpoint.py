import os
import signal
import subprocess
import sys

import pytest

from s3d.agent.core.failpoint import parse
from s3d.shared.errors import UsageError

PASS = "from s3d.agent.core.failpoint import hit; hit('other'); hit('here'); print('passed')"


def run(failpoint: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "S3D_FAILPOINT": failpoint}
    return subprocess.run(
        [sys.executable, "-c", PASS], env=env, capture_output=True, text=True, check=False
    )


def test_without_the_variable_nothing_happens() -> None:
    assert run("").stdout == "passed\n"


def test_kill_dies_at_the_point_of_that_name() -> None:
    assert run("here:kill").returncode == -signal.SIGKILL


def test_another_name_passes() -> None:
    assert run("elsewhere:kill").stdout == "passed\n"


def test_error_raises_the_systems_error() -> None:
    assert (
        "Input/output error" in run("here:error").stderr or "failpoint" in run("here:error").stderr
    )


@pytest.mark.parametrize("text", ["here", "here:explode", ":kill"])
def test_what_is_not_a_failpoint_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not valid"):
        parse(text)
