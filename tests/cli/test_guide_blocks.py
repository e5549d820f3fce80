"""The blocks of the user guide that no session runs work as they are printed, each in its setting.

Sessions are in test_first_session.py, test_remote_session.py and test_control_api_session.py,
recipes in test_cookbook.py, further blocks in test_guide_samples.py. Each other shell block carries
`not-run: REASON`, and most blocks run.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from s3d.cli.client.queue_client import QueueClient
from tests.agent_process import AgentProcess, environment
from tests.user_guide import PAGES

ROOT = Path(__file__).parents[2]
SHELLS = ("sh", "bash", "shell", "console", "sh-session")
PLAIN = ("", "text")
COMMAND = re.compile(r"^(\$ |s3d |S3D_\w+=|make |curl |aws |rclone )", re.MULTILINE)
"""In a block of no language: it is one of commands."""
RUN_AS_SESSIONS = {
    ("README.md", "console"),
    ("moving.md", "console"),
    *((page.name, "console") for page in PAGES),
    ("pending-writes.md", "sh-session"),
    ("control-api.md", "console"),
    ("cookbook.md", "sh"),
}
"""Document and language of the blocks that the sessions and the recipes consist of."""
RUN_HERE = {
    "key": "$ s3d key create ci",
    "explain": "$ s3d explain",
    "logs": "$ s3d logs -n 2",
    "trace": "$ s3d trace photos/a.jpg",
    "receipts": "s3d receipts ls cams/2026/",
    "telemetry": "export OTEL_EXPORTER_OTLP_ENDPOINT",
    "remote": "export S3D_REMOTE=https://s3.example.org",
    "store for tests": "export S3D_LOCAL_DIR=$(mktemp -d)",
    "after an upload": "export S3D_AFTER_UPLOAD",
}
"""What the blocks of the guide begin with that this file runs."""
SAMPLES = {
    "role": "aws sts assume-role",
    "lock": "aws s3api create-bucket --bucket records",
    "lifecycle": "aws s3api put-bucket-lifecycle-configuration",
    "notification": "aws s3api put-bucket-notification-configuration",
    "website": "aws s3 website s3://site",
    "doctor": "$ s3d doctor",
    "check": "$ s3d check",
    "filter": "$ s3d filter explain",
    "pin": "$ s3d pin photos/2026/",
    "mounts of the README": "s3d mount   ",
    "mount": "$ s3d mount\n",
    "sync": "s3d mb my-bucket",
}
"""Those of the guide and of README.md that test_guide_samples.py runs."""
MONITORING = "$ S3D_ADMIN="
"""The start of the block that tests/agent/app/test_admin_process.py runs."""
TIMEOUT = 60.0


class Block(NamedTuple):
    document: str
    language: str
    text: str
    is_marked: bool
    """It says why it is not run."""


def blocks_of(document: Path) -> list[Block]:
    pattern = r"^(<!-- not-run: [^\n]+ -->\n)?```(\S*)[^\n]*\n(.*?)^```"
    found = re.findall(pattern, document.read_text(), re.DOTALL | re.MULTILINE)
    return [
        Block(document.name, language, text, bool(mark) or text.startswith("# not-run: "))
        for mark, language, text in found
        if language in SHELLS or (language in PLAIN and COMMAND.search(text))
    ]


def block(name: str) -> str:
    """The text of a block of RUN_HERE or SAMPLES."""
    start = RUN_HERE.get(name) or SAMPLES[name]
    blocks = [each for path in (*PAGES, ROOT / "README.md") for each in blocks_of(path)]
    (found,) = [each.text for each in blocks if each.text.startswith(start)]
    return found


def run(commands: str, env: dict[str, str], folder: Path) -> str:
    """What they print. None of them may fail."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-eu"], input=commands, env=env | {"PATH": path}, cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "Traceback" not in done.stdout
    return done.stdout


def typed(text: str) -> str:
    """The commands of a block in which they begin with a dollar sign."""
    return "".join(f"{line}\n" for line in re.findall(r"^\$ (.*)$", text, re.MULTILINE))


def words(text: str) -> list[str]:
    """The first words of its lines."""
    return [line.split("  ")[0] for line in text.splitlines() if line and line[0] not in "$ "]


@pytest.fixture
def agent(start_agent: Callable[..., AgentProcess]) -> AgentProcess:
    return start_agent()


@pytest.fixture
def gateway(
    agent: AgentProcess, start_agent: Callable[..., AgentProcess], tmp_path: Path
) -> AgentProcess:
    """In front of that agent."""
    access_key, secret = agent.key
    env = {"S3D_REMOTE": agent.endpoint, "AWS_ACCESS_KEY_ID": access_key, "AWS_REGION": "us-east-1",
           "AWS_SECRET_ACCESS_KEY": secret, "S3D_RECEIPTS": "true"}  # fmt: skip
    return start_agent(home=tmp_path / "gateway", env=env)


POLICY = {
    "Statement": [
        {"Sid": "all", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
         "Resource": "arn:aws:s3:::photos/*"},
        {"Sid": "no-cats", "Effect": "Deny", "Principal": "*", "Action": "s3:GetObject",
         "Resource": "arn:aws:s3:::photos/cat*"},
    ]
}  # fmt: skip


@pytest.mark.slow
def test_the_blocks_about_the_embedded_store(agent: AgentProcess, tmp_path: Path) -> None:
    key = block("key")
    assert words(run(typed(key), agent.env, tmp_path)) == words(key)
    with closing(agent.s3()) as s3:
        s3.create_bucket(Bucket="photos")
        s3.put_bucket_policy(Bucket="photos", Policy=json.dumps(POLICY))
    explained = block("explain")
    command = typed(explained).strip() + " || test $? = 1\n"
    assert run(command, agent.env, tmp_path) == explained.partition("\n")[2]
    agent.stop()
    logs = block("logs")
    shown = run(typed(logs), agent.env, tmp_path).splitlines()
    assert shown[0].startswith("the agent is not running: ")
    assert len(shown) == 3


@pytest.mark.slow
def test_the_blocks_about_a_remote(gateway: AgentProcess, tmp_path: Path) -> None:
    with closing(gateway.s3()) as s3:
        s3.create_bucket(Bucket="photos")
        s3.create_bucket(Bucket="cams")
        s3.put_object(Bucket="photos", Key="a.jpg", Body=b"data")
        s3.put_object(Bucket="cams", Key="2026/a", Body=b"data")
    assert QueueClient(gateway.client).drain(30.0, hurry=True).left.files == 0
    trace = run(typed(block("trace")), gateway.env, tmp_path)
    assert re.search(r" accepted .*\n(.*\n)*.* pushed ", trace), trace
    verified = run(block("receipts"), gateway.env, tmp_path)
    assert "verified" in verified


@pytest.mark.slow
@pytest.mark.parametrize("name", ["telemetry", "remote"])
def test_an_agent_starts_with_the_settings_of_a_block(name: str, tmp_path: Path) -> None:
    commands = block(name).replace("s3d run\n", "s3d start\ns3d stop\n")
    assert "s3d stop" in commands
    (tmp_path / ".aws").mkdir()
    profile = "[work]\naws_access_key_id = AKIA0\naws_secret_access_key = secret\n"
    (tmp_path / ".aws/credentials").write_text(profile)
    env = environment(tmp_path / "home", HOME=str(tmp_path))
    run(commands, env, tmp_path)


def test_the_block_about_what_happens_after_an_upload_is_valid(tmp_path: Path) -> None:
    commands = block("after an upload") + "s3d config show | grep after_upload\n"
    assert "evict when verified" in run(commands, environment(tmp_path / "home"), tmp_path)


WRITER = """
import contextlib, pathlib, boto3, botocore.exceptions
s3 = boto3.client("s3")
while not pathlib.Path("done").exists():
    with contextlib.suppress(botocore.exceptions.ClientError):
        s3.put_object(Bucket="photos", Key="b", Body=b"data")
"""
"""What the block waits for: a program that writes. The fault refuses some of its requests."""


@pytest.mark.slow
def test_the_block_about_a_store_for_tests(tmp_path: Path) -> None:
    fixtures = tmp_path / "fixtures/photos"
    fixtures.mkdir(parents=True)
    (fixtures / "a.jpg").write_bytes(b"data")
    commands = block("store for tests")
    wait = next(line for line in commands.splitlines() if line.startswith("s3d wait"))
    commands = commands.replace(wait, f"python writer.py &\n{wait}\ntouch done\nwait")
    (tmp_path / "writer.py").write_text(WRITER)
    script = f"trap 's3d stop' EXIT\n{commands}s3d ls photos\n"
    shown = run(script, environment(tmp_path / "home"), tmp_path)
    assert "a.jpg" in shown


def test_every_shell_block_runs_or_says_why_not() -> None:
    blocks = [
        each
        for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
        for each in blocks_of(path)
    ]
    is_run = [
        not each.is_marked
        and (
            (each.document, each.language) in RUN_AS_SESSIONS
            or each.text.startswith((MONITORING, *RUN_HERE.values(), *SAMPLES.values()))
        )
        for each in blocks
    ]
    unexplained = [
        each for each, runs in zip(blocks, is_run, strict=True) if not runs and not each.is_marked
    ]
    assert [(each.document, each.text[:60]) for each in unexplained] == []
    print(f"{sum(is_run)} of {len(blocks)} shell blocks run")
    assert sum(is_run) >= 0.8 * len(blocks)
