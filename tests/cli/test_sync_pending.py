"""What status and drain say of sync folders that are not in sync yet."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from s3d.shared.pending_summary import folder_left, is_moving
from s3d.shared.syncing import FolderStatus
from tests.agent_process import AgentProcess, launch
from tests.cli.conftest import Commands
from tests.cli.queue.test_queue_commands import NOWHERE


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    """An agent with a sync folder before a remote that nobody answers for."""
    folder = tmp_path_factory.mktemp("s3d")
    (folder / "tree").mkdir()
    (folder / "tree" / "edit.txt").write_text("not uploaded")
    env = {
        "S3D_REMOTE": NOWHERE,
        "AWS_ACCESS_KEY_ID": "remotekey",
        "AWS_SECRET_ACCESS_KEY": "remotesecret",
        "S3D_FLUSH_TIMEOUT": "0",
        "S3D_SYNC_FOLDER": str(folder / "tree"),
        "S3D_SYNC_FOLDER_BUCKET": "photos",
    }
    agent = launch(folder / "home", env=env)
    yield agent
    agent.kill()
    assert agent.process.stdout is not None
    agent.process.stdout.close()


def _until_offline(serving: AgentProcess) -> None:
    while serving.client.status().sync[0].state != "offline":
        pass


@pytest.mark.finding("A5")
def test_an_offline_sync_folder_is_not_clean(serving: AgentProcess, s3d: Commands) -> None:
    _until_offline(serving)
    quiet = s3d("status", "-q")
    assert (quiet.code, quiet.out.count("\n")) == (6, 1)
    assert quiet.out.startswith("sync offline: tree: ")
    assert "SYNC OFFLINE" in s3d("status").out
    drained = s3d("drain", "--timeout", "0.5s")
    assert drained.code == 6
    assert "not drained: sync offline: tree: " in drained.err


def _folder(state: str, **more: Any) -> FolderStatus:
    return FolderStatus("n", "/n", "b", "", "two-way", state, **more)


@pytest.mark.finding("A5")
@pytest.mark.parametrize(
    ("folder", "left", "moves"),
    [
        (_folder("idle", last_pass=1.0), "", False),
        (_folder("syncing", last_pass=1.0), "", True),
        (_folder("starting"), "sync starting: n: not scanned since the start", True),
        (_folder("idle", last_pass=1.0, pending=2), "sync idle: n: 2 paths pending", True),
        (_folder("idle", last_pass=1.0, pending=1, waiting=1), "sync idle: n: 1 path pending",
         False),
        (_folder("syncing", last_pass=1.0, todo=3, done=1), "sync syncing: n: 2 paths pending",
         True),
        (_folder("idle", last_pass=1.0, trouble_count=3, blocked=1, left_as_is=1, skipped=1),
         "sync idle: n: 2 paths not in sync (s3d sync status)", False),
        (_folder("idle", last_pass=1.0, trouble_count=1, left_as_is=1, left_out=5), "", False),
        (_folder("paused"), "", False),
        (_folder("paused", pending=1), "sync paused: n: 1 path pending", False),
        (_folder("offline", reason="away", pending=1), "sync offline: n: away", False),
        (_folder("stopped", reason="why", last_pass=1.0), "sync stopped: n: why", False),
    ],
)  # fmt: skip
def test_what_is_left_of_a_folder(folder: FolderStatus, left: str, moves: bool) -> None:
    assert (folder_left(folder), is_moving(folder)) == (left, moves)


@pytest.mark.slow
@pytest.mark.finding("A5")
def test_drain_waits_for_a_sync_folder_at_work(
    start_agent: Callable[..., AgentProcess], tmp_path: Path
) -> None:
    """The first sync is under way when drain begins, and is over when it ends."""
    tree = tmp_path / "tree"
    tree.mkdir()
    for number in range(200):
        (tree / f"{number}").write_text("edit")
    env = {"S3D_SYNC_FOLDER": str(tree), "S3D_SYNC_FOLDER_BUCKET": "photos"}
    agent = start_agent("--bucket", "photos", home=tmp_path / "home", env=env)
    drained = Commands(tmp_path, agent.env)("drain")
    assert (drained.err, drained.code, agent.objects.bucket_status("photos").objects) == (
        "",
        0,
        200,
    )
