"""What README.md and the user guide show in a terminal, typed into a shell, prints just that.

A ```console block holds "$ command" lines and what each prints. Blocks of a file run one after the
other, in a fresh home with a running agent; those of the user guide in the order of its pages.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.agent_process import AgentProcess
from tests.cli.conftest import TIMEOUT, Commands
from tests.mortal import mortal, needs_modes
from tests.user_guide import GUIDE

ROOT = Path(__file__).parents[2]
ELSEWHERE = ("s3d run", "make", "git ", "cd ", 'eval "$(make', "pip ", "uv ", "pipx ")
"""Commands that set up what a test has already."""

VARIES = (
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "DATE"),
    (r"http://127\.0\.0\.1:\d+", "ENDPOINT"),
    (r"process \d+, running for \S+ \S+", "process N"),
    (r"\S+ [KMGTP]?i?B free", "N free"),
    (r"S3D[A-Z0-9]{17}", "KEY"),
    (r"(SECRET_ACCESS_KEY=)\S+", r"\1SECRET"),
    (r"%2F\d{8}%2F", "%2FDAY%2F"),
    (r"\d{8}T\d{6}Z", "TIME"),
    (r"(X-Amz-Signature=)\w+", r"\1SIGNATURE"),
    (r"(?<!\w)/\S*/((?:store|agent\.sock|config\.toml|notes|hello\.txt)\b)", r"\1"),
    (r"^(\d+ uploaded|nothing to do)$", "DONE"),
    (r"\d+ s ago|now$", "AGO"),
    (r"[ \t]+$", ""),
)
END = "\x1e"
SESSIONS = {
    "README.md": (ROOT / "README.md").read_text(),
    "moving": (ROOT / "docs/moving.md").read_text(),
    "user guide": GUIDE,
}


class Step(NamedTuple):
    """A command and what it prints."""

    command: str
    printed: str


def steps_of(document: str) -> list[Step]:
    blocks = re.findall(r"^```console\n(.*?)^```", document, re.DOTALL | re.MULTILINE)
    parts = [part for block in blocks for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    steps = [Step(*part.split("\n", 1)) for part in parts]
    return [step for step in steps if not step.command.startswith(ELSEWHERE)]


def plain(text: str) -> str:
    for pattern, name in VARIES:
        text = re.sub(pattern, name, text, flags=re.MULTILINE)
    return text


def typed(commands: list[str], env: dict[str, str], folder: Path) -> list[str]:
    """What each prints, in one shell."""
    script = "".join(f"{command}\nprintf '{END}'\n" for command in commands)
    path = f"{Path(sys.executable).parent}{os.pathsep}{env.get('PATH', '')}"
    done = subprocess.run(
        ["sh"],
        input=script.encode(),
        env={**env, "PATH": path},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=4 * TIMEOUT,
    )
    return done.stdout.decode().split(END)[:-1]


@pytest.mark.slow
@pytest.mark.parametrize("name", SESSIONS)
def test_a_session_runs_as_it_is_printed(agent: AgentProcess, tmp_path: Path, name: str):
    steps = steps_of(SESSIONS[name])
    folder = tmp_path / "session"
    folder.mkdir()
    printed = typed([step.command for step in steps], agent.env, folder)
    assert len(printed) == len(steps)
    for step, text in zip(steps, printed, strict=True):
        assert (step.command, plain(text)) == (step.command, plain(step.printed))


def test_the_user_guide_shows_every_command():
    from s3d.cli.main import COMMANDS

    assert [name for name in COMMANDS if f"`s3d {name}" not in GUIDE] == []
    shown = " ".join(step.command for step in steps_of(GUIDE))
    assert {name for name in COMMANDS if f"s3d {name}" in shown} >= {
        "status", "ls", "get", "put", "set", "rm", "mb", "rb", "presign", "env", "config"
    }  # fmt: skip


@pytest.fixture
def shell(agent: AgentProcess, tmp_path: Path) -> Commands:
    return Commands(tmp_path, agent.env)


def test_each_exit_code_that_can_occur(shell, agent):
    """0 1 2 3 5 7; 4 is below, 75 in test_run.py, 130 in test_main.py, and 6 needs a remote."""
    shell("mb", "demo")
    shell("put", "demo/k", stdin=b"x")
    assert shell("status").code == 0
    assert shell("rb", "demo").code == 1
    assert shell("status", "--nonsense").code == 2
    assert shell("get", "demo/none").code == 3
    assert shell("get", "demo/k", "/dev/full").code == 7
    agent.stop()
    assert shell("status").code == 5


@needs_modes
def test_what_is_not_permitted_is_4(shell):
    shell("mb", "demo")
    shell("put", "demo/k", stdin=b"x")
    (shell.home / "closed").mkdir(mode=0o500)
    assert shell("get", "demo/k", "closed/k", preexec=mortal).code == 4
