from __future__ import annotations

import subprocess

import pytest

from s3d.cli.service.service_manager import agent_command, call
from s3d.shared.errors import S3dError


def test_the_command_of_a_service_runs_anywhere() -> None:
    done = subprocess.run([*agent_command(), "--help"], env={}, cwd="/", capture_output=True)
    assert done.returncode == 0
    assert b"Serve S3 on localhost" in done.stdout


def test_an_error_of_the_manager_is_shown_with_what_to_do() -> None:
    assert call(["sh", "-c", "echo yes"], remedy="") == "yes\n"
    with pytest.raises(S3dError, match="no bus") as caught:
        call(["sh", "-c", "echo no bus >&2; exit 1"], remedy="log in")
    assert caught.value.remedy == "log in"
    with pytest.raises(S3dError, match="cannot run /nowhere"):
        call(["/nowhere"], remedy="")
