"""kill -9 at every system call that changes a file: nothing acknowledged is lost, nothing is torn.

A counting run of each scenario of syscall_table.py finds the calls; a round kills one at one of
them, lets the agent's own parts open what is left, and looks at everything.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.torture.conftest import ROOT, Campaign
from tests.torture.syscall_table import SCENARIOS

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
Call = tuple[str, str, int]
"""Thread, name, and the how manieth of the thread."""

AGAIN = {"pwrite64": 60, "fdatasync": 6, "fsync": 6, "unlink": 4, "renameat": 3, "write": 5}
"""Calls at which whoever opens what is left is killed itself: name -> how many to choose from."""


class Driver:
    """The process that carries scenarios out. folder: each run gets a new one below it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.syscall_driver"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def calls(self, scenario: str) -> list[Call]:
        """Those of a run that nobody interrupts, in their order."""
        answer = self._ask(scenario)
        assert not answer["why"], f"{scenario}, without a kill: {answer['why']}"
        return [(thread, name, number) for thread, name, number in answer["calls"]]

    def kill(
        self, scenario: str, call: Call, again: tuple[str, int] | None = None
    ) -> tuple[bool, str]:
        """Whether it was killed there, and what was wrong afterwards; "" for nothing.

        again: name and number of the call at which whoever opens the state is killed, too.
        """
        answer = self._ask(scenario, call, again)
        return answer["killed"], answer["why"]

    def _ask(
        self, scenario: str, call: Call | None = None, again: tuple[str, int] | None = None
    ) -> dict[str, Any]:
        self._runs += 1
        folder = self._folder / f"{self._runs}-{scenario}"
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"scenario": scenario, "folder": str(folder), "call": call, "again": again}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the driver has ended at {scenario} {call}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    sleeper = subprocess.Popen(["sleep", "60"])
    traced = subprocess.Popen(
        ["strace", "-o", "/dev/null", "-p", str(sleeper.pid)], stderr=subprocess.PIPE, text=True
    )
    assert traced.stderr is not None
    line = traced.stderr.readline()
    sleeper.kill()
    sleeper.wait()
    traced.communicate()
    if "attached" not in line:
        pytest.skip(f"strace may not trace: {line.strip()}")
    made = Driver(tmp_path)
    yield made
    made.close()


@needs_strace
@pytest.mark.slow
def test_a_store_is_killed_at_one_system_call(driver: Driver) -> None:
    calls = driver.calls("put")
    assert {name for _, name, _ in calls} >= {"pwrite64", "write", "fdatasync", "fsync", "openat"}
    call = next(call for call in calls if call[1] == "fdatasync")
    assert driver.kill("put", call) == (True, "")


@needs_strace
@pytest.mark.torture
def test_1500_kills_at_system_calls(
    campaign: Callable[[str, int], Campaign], driver: Driver
) -> None:
    """The calls are taken evenly from all scenarios; another seed takes others."""
    run = campaign("syscalls", 1500)
    points = [(name, call) for name in SCENARIOS for call in driver.calls(name)]
    print(f"{len(points)} system calls that change files, in {len(SCENARIOS)} scenarios")
    missed = 0
    shares = list(range(run.asked))
    random.Random(run.seed).shuffle(shares)  # a part of the rounds comes by all scenarios, too
    for number, chance in run.rounds():
        start = shares[number] * len(points) // run.asked
        end = max(start + 1, (shares[number] + 1) * len(points) // run.asked)
        scenario, call = points[chance.randrange(start, end)]
        name = chance.choice(list(AGAIN))
        again = (name, chance.randint(1, AGAIN[name])) if chance.random() < 0.5 else None
        killed, why = driver.kill(scenario, call, again)
        missed += not killed
        if why:
            run.failed(number, f"{scenario} at {call}, {again}: {why}")
        else:
            run.passed(number)
    print(f"{missed} rounds ended before the call came")
