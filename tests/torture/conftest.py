"""Campaigns: many rounds from one seed, which go on where an earlier run of them has ended.

    S3D_TORTURE_SEED=7 S3D_TORTURE_ROUNDS=50 make torture-kills

A round depends on the seed and its number alone. The rounds that have passed are kept in .torture/,
by campaign, commit and seed, so a campaign that was interrupted is resumed by the same command. It
ends in one line: campaign, commit, seed, rounds done of those asked for, and how many were bad.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.gateway.conftest import (  # noqa: F401 - fixtures
    _no_empty_continue,
    gateway,
    network,
    remote,
)

ROOT = Path(__file__).parents[2]
LINES = pytest.StashKey[list[str]]()
MINUTES = float(os.environ.get("S3D_TORTURE_MINUTES", "40"))
"""A campaign that takes longer ends, and says how far it has come."""


class Campaign:
    """One campaign. asked: its rounds, unless S3D_TORTURE_ROUNDS says otherwise."""

    def __init__(self, name: str, asked: int) -> None:
        self.name = name
        self.asked = int(os.environ.get("S3D_TORTURE_ROUNDS") or asked)
        self.seed = int(os.environ.get("S3D_TORTURE_SEED") or 1)
        self.commit = _git("rev-parse", "--short", "HEAD") + ("+" if _git("status", "-s") else "")
        self.bad: dict[int, str] = {}
        self._done: set[int] = set()
        self._file = ROOT / ".torture" / f"{name}-{self.commit}-{self.seed}.json"
        self._ends = time.monotonic() + 60 * MINUTES
        if self._file.exists():
            kept = json.loads(self._file.read_text())
            self._done = set(kept["done"])

    def rounds(self) -> Iterator[tuple[int, random.Random]]:
        """Number and chance of each round that has not passed yet, while there is time."""
        for number in range(self.asked):
            if time.monotonic() > self._ends:
                return
            if number not in self._done:
                yield number, self.chance(number)

    def chance(self, number: int) -> random.Random:
        return random.Random(f"{self.name} {self.seed} {number}")

    def passed(self, number: int) -> None:
        self._done.add(number)
        self._file.parent.mkdir(exist_ok=True)
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps({"done": sorted(self._done)}))
        fresh.replace(self._file)

    def failed(self, number: int, why: str) -> None:
        print(f"{self.name}: seed {self.seed} round {number} is bad: {why}")
        self.bad[number] = why

    @property
    def line(self) -> str:
        done = len(self._done & set(range(self.asked))) + len(self.bad)
        return (
            f"campaign {self.name}, commit {self.commit}, seed {self.seed}, "
            f"{done} of {self.asked}, bad {len(self.bad)}"
        )


@pytest.fixture
def campaign(request: pytest.FixtureRequest) -> Iterator[Callable[[str, int], Campaign]]:
    """campaign(name, rounds): at its end its line is printed, and nothing of it may be bad."""
    made: list[Campaign] = []

    def make(name: str, asked: int) -> Campaign:
        made.append(Campaign(name, asked))
        return made[-1]

    yield make
    for each in made:
        request.config.stash.setdefault(LINES, []).append(each.line)
        assert each.bad == {}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in terminalreporter.config.stash.get(LINES, []):
        terminalreporter.write_line(line)


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else "unknown"
