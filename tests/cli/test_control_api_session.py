"""Every command that docs/control-api.md shows is typed into a shell, and answers as it is printed.

The agent works in front of a second one with a store. Values vary, so the names of the printed JSON
are compared; curl fails when the agent refuses a request.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from s3d.cli.client.queue_client import QueueClient
from tests.agent_process import AgentProcess

DOCUMENT = Path(__file__).parents[2] / "docs/control-api.md"
TIMEOUT = 60.0
END = "\x1e"
STREAM_ENDS = 28
"""What curl exits with after --max-time."""


class Step(NamedTuple):
    command: str
    printed: str

    @property
    def names(self) -> set[str]:
        """The names in the JSON that it prints."""
        return set(re.findall(r'"(\w+)":', self.printed))


def blocks() -> list[list[Step]]:
    found = re.findall(r"^```console\n(.*?)^```", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)
    return [
        [Step(*part.split("\n", 1)) for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
        for block in found
    ]


class Shell:
    """One shell, with a folder of its own, in which the variable SOCKET and call() are set."""

    def __init__(self, agent: AgentProcess, folder: Path) -> None:
        self._env, self._folder = agent.env | {"HOME": str(folder)}, folder
        self._socket = agent.places.socket

    def run(self, command: str) -> tuple[int, str]:
        """Its exit code, and what it has printed."""
        script = "\n".join(
            (f"SOCKET='{self._socket}'", *(step.command for step in blocks()[1]), command)
        )
        script = script.replace("curl --silent", "curl --fail-with-body --max-time 30 --silent")
        done = subprocess.run(
            ["sh", "-c", script], env=self._env, cwd=self._folder, capture_output=True,
            text=True, timeout=TIMEOUT,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def gateway(start_agent: Callable[..., AgentProcess], tmp_path: Path) -> AgentProcess:
    store = start_agent(home=tmp_path / "store")
    access_key, secret = store.key
    remote = {"S3D_REMOTE": store.endpoint, "AWS_REGION": "us-east-1",
              "AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret}  # fmt: skip
    return start_agent(home=tmp_path / "gateway", env=remote)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_commands_of_the_control_api_work(gateway: AgentProcess, tmp_path: Path) -> None:
    folder = tmp_path / "session"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(bytes(200))
    shell, queue = Shell(gateway, folder), QueueClient(gateway.client)
    with closing(gateway.s3()) as s3:
        s3.create_bucket(Bucket="photos")
        s3.put_object(Bucket="photos", Key="2026/a b.jpg", Body=bytes(200))
        queue.drain(30.0, hurry=True)
        queue.pause()
        s3.put_object(Bucket="photos", Key="note.txt", Body=b"a pending note")
        for step in (blocks()[0][1], *(step for steps in blocks()[2:] for step in steps)):
            if "queue:drain" in step.command:
                queue.resume()
            command = adapted(step.command, queue)
            code, printed = shell.run(command)
            assert code == (STREAM_ENDS if "/events" in command else 0), (command, printed)
            if "/logs" not in command and "/events" not in command:  # they may have other lines
                assert step.names <= Step(command, printed).names, command


def adapted(command: str, queue: QueueClient) -> str:
    """With a bucket that does not exist yet, the id of the pending note, and a stream that ends."""
    if "v1/buckets" in command and "/object" not in command:
        return command.replace("photos", "new-bucket")
    pending = [each.id for each in queue.transfers() if each.key.startswith("note")]
    command = command.replace("transfers/2:", f"transfers/{(pending or ['none'])[-1]}:")
    return command.replace("--no-buffer", "--no-buffer --max-time 1")
