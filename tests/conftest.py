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


LONGEST = ("tests/tui/test_truth.py", "tests/gateway/", "tests/e2e/")
"""Paths of tests that take seconds each."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: at the end of a run there are only small ones to share by the workers."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.fixture(scope="session", autouse=True)
def no_mount_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An agent that was killed leaves its mount, and no folder of such a mount can be removed."""
    yield
    table, base = Path("/proc/mounts"), tmp_path_factory.getbasetemp()
    rows = [line.split(" ") for line in table.read_text().splitlines()] if table.exists() else []
    for _, folder, kind, *_ in rows:
        if kind == "fuse.s3d" and Path(folder).is_relative_to(base):
            subprocess.run(["fusermount3", "-uzq", folder], check=False)
