"""The agent of a test server: a child process that ends with this one, however that ends."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

STOP_TIMEOUT = 30.0
"""Seconds after which an agent that was stopped is killed."""
_OPTIONS = ("--test", "--ephemeral", "--stop-at-eof")
_LINE = " serves S3 on "
"""What stands before the URL in the first line that the agent prints."""
_FOREIGN = ("S3D_", "AWS_", "S3_ENDPOINT", "NOTIFY_SOCKET")
"""Beginnings of the variables that the agent must not inherit: the user's settings."""


class ServerNotStarted(Exception):
    """The agent ended before it served; the message is what it wrote to its standard error."""


class ChildAgent:
    """A running agent with a temporary store. Its standard input is a pipe from this process, so
    it stops when the pipe breaks."""

    def __init__(self, arguments: tuple[str, ...], settings: Mapping[str, str]) -> None:
        """Start it, and return when it serves. arguments: more options of `s3d run`. settings: its
        S3D_* variables. Raises ServerNotStarted."""
        with ExitStack() as failing:
            folder = failing.enter_context(tempfile.TemporaryDirectory(prefix="s3d-test-"))
            log = failing.enter_context(Path(folder, "log").open("w+"))
            self.socket = Path(folder, "socket")
            process = subprocess.Popen(
                [sys.executable, "-m", "s3d", "run", *_OPTIONS, *arguments],
                env=_environment(folder, self.socket, settings),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
            failing.callback(_end, process)
            assert process.stdout is not None
            line = process.stdout.readline()
            if _LINE not in line:
                process.wait()
                log.seek(0)
                raise ServerNotStarted(log.read().strip() or "it wrote nothing")
            self.endpoint = line.rpartition(_LINE)[2].strip()
            self.pid = process.pid
            self._closing = failing.pop_all()

    def stop(self) -> None:
        """Stop it in order; its files are removed."""
        self._closing.close()


def _environment(folder: str, socket: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """That of this process, without the settings for other agents."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    places = {"S3D_LOCAL_DIR": folder, "S3D_SOCKET": str(socket)}
    return {**own, **places, "S3D_ENDPOINT": "http://127.0.0.1:0", **settings}


def _end(process: subprocess.Popen[str]) -> None:
    """Let the agent's input end, and wait."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
