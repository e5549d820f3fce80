"""An agent with a store made for tests, and its commands, run in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from s3d.cli.main import execute
from tests.agent_process import AgentProcess, launch


class Commands:
    """Runs commands against an agent: commands("clock", "advance", "3d")."""

    def __init__(self, agent: AgentProcess, capsys: pytest.CaptureFixture[str]) -> None:
        self.agent = agent
        self._capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, str]:
        """Exit code, and what the command prints."""
        self._capsys.readouterr()
        code = execute([*arguments, "--socket", str(self.agent.places.socket)])
        out, err = self._capsys.readouterr()
        return code, out + err

    def json(self, *arguments: str) -> Any:
        """What a successful command prints as JSON; a list of its lines unless there is one."""
        code, out = self(*arguments, "--json")
        assert code == 0, out
        values = [json.loads(line) for line in out.splitlines()]
        return values[0] if len(values) == 1 else values


@pytest.fixture(scope="module")
def agent_for_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProcess]:
    """An agent for the tests of a file."""
    agent = launch(tmp_path_factory.mktemp("s3d") / "home", "--test")
    yield agent
    agent.kill()


@pytest.fixture
def tested(agent_for_tests: AgentProcess, capsys: pytest.CaptureFixture[str]) -> Commands:
    """With an empty store."""
    commands = Commands(agent_for_tests, capsys)
    assert commands("reset")[0] == 0
    return commands
