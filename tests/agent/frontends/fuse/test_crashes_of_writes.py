"""What close() and fsync() have confirmed survives a kill -9 at each step."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agent.frontends.fuse.mortal_writer import CLOSED, OLD, SYNCED
from tests.agent.frontends.fuse.store_thread import StoreThread, running_store, written_files
from tests.agent.frontends.fuse.test_written_files import until

WRITER = [sys.executable, "-m", "tests.agent.frontends.fuse.mortal_writer"]
STEPS = ["began", "synced", "closed", "appended", "changed"]


def killed_at(point: str, folder: Path) -> list[str]:
    """What a process confirmed before it was killed there."""
    env = os.environ | {"S3D_FAILPOINT": f"{point}:kill"}
    done = subprocess.run(
        [*WRITER, str(folder)], env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    return done.stdout.split()


def check(world: StoreThread, confirmed: list[str]) -> None:
    """What was confirmed is there; what was not is the old version or the new one."""
    changed = world.get("changed")
    assert changed in ([SYNCED] if "synced" in confirmed else [OLD, SYNCED])
    keys = world.list_keys()
    assert [key for key in keys if "conflict" in key] == []
    if "closed" in confirmed or "new" in keys:
        new = world.get("new")
        assert new in (
            [CLOSED + b"later"] if "appended" in confirmed else [CLOSED, CLOSED + b"later"]
        )


def crash_and_restart(point: str, folder: Path) -> None:
    confirmed = killed_at(point, folder)
    assert confirmed == STEPS[: len(confirmed)]
    with running_store(folder) as world, written_files(world, folder / "staging") as files:
        until(lambda: files.files() == [])
        check(world, confirmed)
        assert files.journal.load() == []
        assert [name for name in os.listdir(folder / "staging") if name.isdigit()] == []


@pytest.mark.rule("MOUNT-8")
@pytest.mark.parametrize("point", ["mount.fsynced", "mount.handed_over"])
def test_confirmed_writes_survive_a_kill(point, tmp_path):
    crash_and_restart(point, tmp_path)


@pytest.mark.torture
@pytest.mark.parametrize("point", ["mount.synced", "mount.hand_over", "mount.stored"])
def test_confirmed_writes_survive_a_kill_at_every_other_step(point, tmp_path):
    crash_and_restart(point, tmp_path)
