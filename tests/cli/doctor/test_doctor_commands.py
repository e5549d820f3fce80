from __future__ import annotations

import json

from tests.agent_process import AgentProcess
from tests.cli.conftest import Commands


def test_with_an_agent_all_is_well(s3d: Commands, serving: AgentProcess) -> None:
    done = s3d("doctor", "--json")
    found = {each["check"]: each for each in json.loads(done.out)}
    assert (done.code, found["agent"]["level"], found["endpoint"]["level"]) == (0, "ok", "ok")
    assert found["endpoint"]["text"] == f"the agent serves {serving.endpoint}"
    assert {"settings", "disk", "credentials", "open files", "proxy"} <= found.keys()


def test_without_an_agent_a_problem_is_shown_with_its_remedy(alone: Commands) -> None:
    done = alone("doctor", HTTP_PROXY="http://proxy:3128")
    assert done.code == 0
    lines = done.out.splitlines()
    number = next(i for i, line in enumerate(lines) if line.startswith("warn  proxy"))
    assert lines[number + 1].strip().startswith("-> export NO_PROXY=")
    assert "none runs" in done.out


def test_wrong_settings_are_a_finding(alone: Commands) -> None:
    done = alone("doctor", S3D_AUTH="maybe")
    assert done.code == 1
    assert done.out.startswith("fail  settings")
    assert "S3D_AUTH" in done.out


def test_what_does_not_work_is_exit_code_1(alone: Commands) -> None:
    env = {"AWS_ACCESS_KEY_ID": "somekey", "AWS_SECRET_ACCESS_KEY": "somesecret"}
    done = alone("doctor", S3D_REMOTE="http://127.0.0.1:9", **env)
    assert done.code == 1
    assert "connection refused" in done.out
