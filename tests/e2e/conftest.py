"""One agent for each file of tests, and the environment in which real clients find it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent_process import AgentProcess, environment, launch

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]
TIMEOUT = 60.0
collect_ignore = ["sample_project"]
"""Tests of another project, which run in an environment of its own (tests/deploy)."""

Run = Callable[..., str]


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProcess]:
    agent = launch(tmp_path_factory.mktemp("agent") / "home")
    try:
        yield agent
    finally:
        agent.kill()


@pytest.fixture(scope="module")
def s3(agent: AgentProcess) -> Any:
    """boto3 as it comes, with its own checksums and style."""
    return agent.s3(s3={})


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"e2e-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


def _environment(agent: AgentProcess, home: Path) -> dict[str, str]:
    """Nothing but what `s3d env` exports."""
    home.mkdir()
    access_key, secret = agent.key
    return environment(
        home,
        PATH=os.environ["PATH"],
        AWS_ENDPOINT_URL_S3=agent.endpoint,
        AWS_ENDPOINT_URL_STS=agent.endpoint,
        AWS_ACCESS_KEY_ID=access_key,
        AWS_SECRET_ACCESS_KEY=secret,
        AWS_REGION="us-east-1",
        AWS_EC2_METADATA_DISABLED="true",
    )


@pytest.fixture(scope="module")
def aws(agent: AgentProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Run a command of the AWS CLI; all of a file in one process."""
    home = tmp_path_factory.mktemp("aws") / "client"
    command = [sys.executable, "-m", "tests.e2e.aws_session"]
    with subprocess.Popen(
        command,
        env=_environment(agent, home),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as session:

        def run(*arguments: str | Path) -> str:
            assert session.stdin is not None
            assert session.stdout is not None
            session.stdin.write(json.dumps(list(map(str, arguments))) + "\n")
            session.stdin.flush()
            code, out, err = json.loads(session.stdout.readline())
            assert code == 0, err
            return str(out)

        yield run
        assert session.stdin is not None
        session.stdin.close()


@pytest.fixture
def run(agent: AgentProcess, tmp_path: Path) -> Run:
    """Run a client of the virtual environment."""
    env = _environment(agent, tmp_path / "client")

    def run(program: str, *arguments: str | Path) -> str:
        done = subprocess.run(
            [BIN / program, *arguments],
            env=env,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
