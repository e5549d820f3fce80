from __future__ import annotations

import pytest

from s3d.cli.doctor.agent_checks import check_status
from s3d.shared.config.schema import Config
from s3d.shared.control import AgentStatus
from s3d.shared.findings import Finding, Level
from s3d.shared.mounting import MountStatus
from s3d.shared.syncing import FolderStatus
from s3d.shared.transfers import QueueLimits, QueueStatus, RemoteStatus, Totals

URL = "http://127.0.0.1:9"
NONE = Totals()
TWO = Totals(2, 20)


def status(**members: object) -> AgentStatus:
    agent = {"version": "1", "pid": 1, "started": 0.0, "endpoint": "", "socket": "",
             "auth": "sigv4", "ephemeral": False}  # fmt: skip
    return AgentStatus(**agent | members)  # type: ignore[arg-type]


def findings(agent: AgentStatus, remote: str = "") -> list[Finding]:
    return [*check_status(agent, Config(remote=remote))]


@pytest.mark.parametrize(
    ("answered", "level"), [(None, Level.OK), (True, Level.OK), (False, Level.FAIL)]
)
def test_an_agent_with_another_remote_is_asked_for_it(
    answered: bool | None,
    level: Level,
) -> None:
    remote = RemoteStatus(URL, ok=answered, error="refused")
    found = [(each.check, each.level) for each in findings(status(remote=remote))]
    assert found == [("settings", Level.WARN), ("remote", level)]


def test_the_same_remote_is_no_finding() -> None:
    assert findings(status(remote=RemoteStatus(URL, ok=False)), URL) == []
    (other,) = findings(status(), URL)
    assert f"the agent runs with no remote, and this terminal has {URL}" in other.text


def test_what_waits_for_a_decision_is_named() -> None:
    queue = QueueStatus(NONE, NONE, NONE, TWO, QueueLimits(1, 1), "/q", paused=True, conflict=TWO)
    folder = FolderStatus("notes", "/n", "b", "", "two-way", "stopped", "the folder is gone")
    mount = MountStatus("/m", state="failed", reason="not empty")
    agent = status(queue=queue, sync=[folder], mounts=[mount], warnings=["pins.json was damaged"])
    assert [each.text for each in findings(agent)] == [
        "the remote refuses 2 writes",
        "2 conflicts with newer versions at the remote",
        "it is paused: nothing is pushed",
        "notes: the folder is gone",
        "/m is not mounted: not empty",
        "pins.json was damaged",
    ]
