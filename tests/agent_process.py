"""The real agent in a process of its own, for any test: fixtures `agent` and `start_agent`.

An agent has a home of its own and a free port; it is ready when it says so to NOTIFY_SOCKET, so
nothing here polls or sleeps.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from s3d.cli.client.control_client import ControlClient
from s3d.cli.client.object_client import ObjectClient
from s3d.shared.config.load import load_config
from s3d.shared.credentials import load_or_create
from s3d.shared.paths import Places, find_places
from tests.forked_process import popen

START_TIMEOUT = 30.0
STOP_TIMEOUT = 30.0
OURS = ("S3D_", "AWS_", "XDG_", "NOTIFY_", "WATCHDOG_", "OTEL_")


class StartFailed(Exception):
    """The agent ended before it was ready."""

    def __init__(self, code: int) -> None:
        self.code = code
        self.stderr = ""

    def __str__(self) -> str:
        return f"exit code {self.code}\n{self.stderr}"


class AgentProcess:
    """One running agent. home: its S3D_LOCAL_DIR."""

    def __init__(self, home: Path, process: subprocess.Popen[bytes], env: dict[str, str]) -> None:
        self.home = home
        self.process = process
        self.env = env
        """For the commands that are to find it."""
        self.client = ControlClient(self.places.socket)
        self.objects = ObjectClient(self.client)
        self.endpoint = self.client.hello().endpoint

    @property
    def places(self) -> Places:
        return find_places(load_config(None, self.env, {}), self.env)

    @property
    def key(self) -> tuple[str, str]:
        """Access key id and secret."""
        key = load_or_create(self.places, load_config(None, self.env, {}))
        return key.access_key_id, key.secret.reveal()

    @property
    def as_remote(self) -> dict[str, str]:
        """The environment that makes another agent a gateway to this one."""
        access_key, secret = self.key
        return {
            "S3D_REMOTE": self.endpoint,
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_REGION": "us-east-1",
        }

    def s3(self, *, key: tuple[str, str] | None = None, **settings: Any) -> Any:
        """A boto3 client; no retries unless settings (of botocore's Config) say so.

        key: access key id and secret; None: the default key.
        """
        import boto3
        from botocore.config import Config

        own = {"retries": {"total_max_attempts": 1}, "s3": {"addressing_style": "path"}}
        access_key, secret = key or self.key
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=access_key,
            aws_secret_access_key=secret,
            config=Config(**{**own, **settings}),
        )

    @property
    def stderr(self) -> str:
        return (self.home / "stderr").read_text()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send the signal and wait; the exit code. Works on one that has ended, too."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait()

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    @property
    def process_ids(self) -> list[int]:
        """Of the agent and of its children: the process of its mounts is one."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def wait(self) -> int:
        """Until it has ended; the exit code."""
        self.process.communicate(timeout=STOP_TIMEOUT)
        return self.process.returncode


def environment(home: Path, **settings: str) -> dict[str, str]:
    """This process's, without what could lead an agent or a client astray, and with the home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return {
        **kept,
        "HOME": str(home),
        "S3D_LOCAL_DIR": str(home),
        "S3D_ENDPOINT": "http://127.0.0.1:0",
        **settings,
    }


def launch(
    home: Path,
    *arguments: str,
    env: Mapping[str, str] = {},
    module: str = "s3d",
    **options: Any,
) -> AgentProcess:
    """Start `s3d run` and wait until it serves. module: what is run in place of s3d. options: of
    popen(). Raises StartFailed."""
    home.mkdir(mode=0o700, exist_ok=True)
    environ = environment(home, **env)
    with ExitStack() as closing:
        ready = closing.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        # An abstract name (unix(7)) leaves nothing behind, however this process ends.
        name = f"s3d-notify-{uuid.uuid4().hex}"
        ready.bind(f"\0{name}")
        log = closing.enter_context((home / "stderr").open("ab"))
        process = popen(
            module,
            "run",
            *arguments,
            env={**environ, "NOTIFY_SOCKET": f"@{name}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            **options,
        )
        try:
            _wait(process, ready)
            return AgentProcess(home, process, environ)
        except BaseException as error:
            process.kill()
            process.communicate()
            if isinstance(error, StartFailed):
                error.stderr = (home / "stderr").read_text()
            raise


def _wait(process: subprocess.Popen[bytes], ready: socket.socket) -> None:
    """Until READY=1, or until the end of its output says that the process is gone."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(ready, selectors.EVENT_READ)
        selector.register(process.stdout, selectors.EVENT_READ)
        while events := selector.select(START_TIMEOUT):
            for key, _ in events:
                if key.fileobj is ready and b"READY=1" in ready.recv(4096).splitlines():
                    return
                if key.fileobj is process.stdout and not os.read(key.fd, 4096):
                    raise StartFailed(process.wait(STOP_TIMEOUT))
    raise TimeoutError(f"the agent is not ready after {START_TIMEOUT} s")


@pytest.fixture
def start_agent(tmp_path: Path) -> Iterator[Callable[..., AgentProcess]]:
    """launch(), in a home below tmp_path unless told; whatever runs at the end is killed."""
    started: list[AgentProcess] = []

    def start(*arguments: str, home: Path | None = None, **options: Any) -> AgentProcess:
        agent = launch(home or tmp_path / "home", *arguments, **options)
        started.append(agent)
        return agent

    yield start
    for agent in started:
        agent.kill()


@pytest.fixture
def agent(start_agent: Callable[..., AgentProcess]) -> AgentProcess:
    """An agent with an empty store."""
    return start_agent()
