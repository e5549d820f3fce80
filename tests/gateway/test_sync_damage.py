"""A damaged memory of a sync folder stops that folder, and nothing else of the agent."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from s3d.cli.client.sync_client import SyncClient
from tests.agent_process import AgentProcess

BUCKET = "photos"


def _garble(file: Path) -> None:
    with file.open("r+b") as out:
        out.write(bytes(range(1, 200)))


def _replace_by_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.slow
@pytest.mark.finding("S11")
@pytest.mark.parametrize(
    ("harm", "question"), [(_garble, "s3d sync approve"), (_replace_by_folder, "")]
)
def test_a_damaged_memory_stops_its_folder_before_a_remote(
    start_agent: Callable[..., AgentProcess],
    tmp_path: Path,
    harm: Callable[[Path], None],
    question: str,
) -> None:
    remote = start_agent("--bucket", BUCKET, home=tmp_path / "remote")
    settings = {
        **remote.as_remote,
        "S3D_FLUSH_TIMEOUT": "0",
        "S3D_SYNC_FOLDER": str(tmp_path / "tree"),
        "S3D_SYNC_FOLDER_BUCKET": BUCKET,
    }
    agent = start_agent(home=tmp_path / "gateway", env=settings)
    SyncClient(agent.client).now("tree")
    agent.stop()
    (file,) = (tmp_path / "gateway" / "state" / "sync").glob("*.sqlite")
    for log in file.parent.glob("*.sqlite-*"):
        log.unlink()
    harm(file)

    agent = start_agent(home=tmp_path / "gateway", env=settings)
    status = SyncClient(agent.client).folder("tree")
    while status.state == "starting":
        status = SyncClient(agent.client).folder("tree")
    assert status.state == "stopped"
    assert str(file) in status.reason
    assert question in status.reason
    agent.objects.put(BUCKET, "k", BytesIO(b"data"), 4)
    assert agent.objects.object_status(BUCKET, "k").size == 4
