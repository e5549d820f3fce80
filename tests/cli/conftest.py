"""The command line as a user runs it: a process of its own, against an agent of its own."""

import itertools
import os
import pty
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.agent_process import AgentProcess, environment, launch
from tests.forked_process import popen, run

S3D = [sys.executable, "-m", "s3d"]
TIMEOUT = 30
NUMBERS = itertools.count()


@dataclass(frozen=True)
class Result:
    """What a command has left behind."""

    code: int
    out: str
    err: str
    data: bytes


class Commands:
    """Runs commands in one home: s3d("ls", "photos")."""

    def __init__(self, home: Path, env: dict[str, str]) -> None:
        self.home = home
        self.env = env

    def __call__(
        self,
        *arguments: str,
        stdin: bytes = b"",
        preexec: Callable[[], None] | None = None,
        **env: str,
    ) -> Result:
        done = run(
            "s3d",
            *arguments,
            env=self.env | env,
            cwd=self.home,
            input=stdin,
            timeout=TIMEOUT,
            preexec_fn=preexec,
        )
        out = done.stdout.decode(errors="replace")
        return Result(done.returncode, out, done.stderr.decode(), done.stdout)

    def on_terminal(self, *arguments: str, answer: str = "", **env: str) -> Result:
        """With a terminal as stdin, stdout and stderr; everything shown is in out."""
        ours, theirs = pty.openpty()
        process = popen(
            "s3d",
            *arguments,
            env=self.env | {"TERM": "xterm"} | env,
            cwd=self.home,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        if answer:
            os.write(ours, answer.encode())
        shown = _drain(ours)
        os.close(ours)
        return Result(process.wait(TIMEOUT), shown.decode(errors="replace"), "", shown)


def _drain(terminal: int) -> bytes:
    shown = b""
    while True:
        try:
            block = os.read(terminal, 65536)
        except OSError:  # Linux says EIO when the other end is closed
            return shown
        if not block:
            return shown
        shown += block


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProcess]:
    """An agent for the tests of a file."""
    agent = launch(tmp_path_factory.mktemp("s3d") / "home")
    yield agent
    agent.kill()
    assert agent.process.stdout is not None
    agent.process.stdout.close()


@pytest.fixture
def s3d(serving: AgentProcess, tmp_path: Path) -> Commands:
    """Commands for that agent, in a folder of the test's own."""
    return Commands(tmp_path, serving.env)


@pytest.fixture
def alone(tmp_path: Path) -> Commands:
    """Commands without an agent."""
    return Commands(tmp_path, environment(tmp_path / "home"))


@pytest.fixture
def bucket(serving: AgentProcess, request: pytest.FixtureRequest) -> str:
    """A new bucket, named after the test."""
    name = request.node.originalname.replace("_", "-")[:50] + f"-{next(NUMBERS)}"
    serving.objects.create_bucket(name)
    return name


@pytest.fixture
def store(serving: AgentProcess, bucket: str) -> Callable[..., str]:
    """Stores an object in the bucket: store("key", b"data", **headers) -> "bucket/key"."""
    import io

    def put(key: str, data: bytes = b"data", **headers: str) -> str:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        serving.objects.put(bucket, key, io.BytesIO(data), len(data), names)
        return f"{bucket}/{key}"

    return put
