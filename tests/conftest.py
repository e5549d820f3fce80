"""What every test may ask for."""

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.order import begin_with, waits

pytest_plugins = ["tests.agent_process", "tests.peers.fixtures", "tests.skips"]

# The tests start hundreds of agents and commands. Without bytecode each of them compiles s3d again,
# which takes as long as the rest of its start, and pytest rewrites every test module in every run.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# An example that a busy machine has kept waiting is no failure.
_by_time = [hypothesis.HealthCheck.too_slow]
hypothesis.settings.register_profile("suite", deadline=None, suppress_health_check=_by_time)
hypothesis.settings.load_profile("suite")

# A shell without job control lets its background jobs ignore interrupts, and their children inherit
# that: the agents and commands of the tests would not end by them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is collected lives to the end, so it is not looked at for garbage again and again.

    After that, garbage is collected as seldom as in the agent (app/process.py) and in the terminal
    app (tui/launch.py). With Python's own thresholds it would take a tenth of all tests' CPU.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that wait overlap with tests that compute. Called when all others have chosen tests."""
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    items[:] = begin_with(items, lambda item: waits(item.nodeid), workers)


@pytest.fixture(scope="session", autouse=True)
def no_mount_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An agent that was killed leaves its mount, and no folder of such a mount can be removed."""
    yield
    table, base = Path("/proc/mounts"), tmp_path_factory.getbasetemp()
    rows = [line.split(" ") for line in table.read_text().splitlines()] if table.exists() else []
    for _, folder, kind, *_ in rows:
        if kind == "fuse.s3d" and Path(folder).is_relative_to(base):
            subprocess.run(["fusermount3", "-uzq", folder], check=False)
