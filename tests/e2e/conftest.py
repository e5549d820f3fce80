"""One agent for each file of tests, and the environment in which real clients find it."""

from __future__ import annotations

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
TIMEOUT = 60.0

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


@pytest.fixture
def run(agent: AgentProcess, tmp_path: Path) -> Run:
    """Run a client of the virtual environment with nothing but what `s3d env` exports."""
    access_key, secret = agent.key
    home = tmp_path / "client"
    home.mkdir()
    env = environment(
        home,
        PATH=os.environ["PATH"],
        AWS_ENDPOINT_URL_S3=agent.endpoint,
        AWS_ACCESS_KEY_ID=access_key,
        AWS_SECRET_ACCESS_KEY=secret,
        AWS_REGION="us-east-1",
        AWS_EC2_METADATA_DISABLED="true",
    )

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
