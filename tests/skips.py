"""With CI=true, a test may be skipped only if tests/allowed_skips.txt has its name.

A skipped test proves nothing, so a machine of continuous integration that lacks a program has to be
noticed. The skips of the whole run are counted, those of all workers of pytest-xdist included.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import pytest

ALLOWED = Path(__file__).with_name("allowed_skips.txt")


class Allowed(NamedTuple):
    """One line of the file: a name, which may have *, and why such a test may be skipped."""

    name: str
    reason: str


def read_allowed(text: str) -> list[Allowed]:
    """Lines NAME: REASON; # begins a comment. Raises ValueError for a line without a reason."""
    rows = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, _, reason = line.partition(": ")
        if not reason.strip():
            raise ValueError(f"{ALLOWED.name}: {line}: write NAME: REASON")
        rows.append(Allowed(name, reason.strip()))
    return rows


def not_allowed(skipped: Iterable[str], allowed: Iterable[Allowed]) -> list[str]:
    """Those of the skipped tests whose names the file does not have."""
    names = [row.name for row in allowed]
    return sorted(one for one in skipped if not any(fnmatchcase(one, name) for name in names))


class SkipCheck:
    """Collects what was skipped, and fails the run for what may not be."""

    def __init__(self) -> None:
        self._skipped: set[str] = set()
        self._wrong: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self._skipped.add(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self._skipped.add(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self._wrong = not_allowed(self._skipped, read_allowed(ALLOWED.read_text()))
        if self._wrong and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for name in self._wrong:
            terminalreporter.write_line(
                f"SKIPPED, which CI does not allow: {name} (see tests/{ALLOWED.name})", red=True
            )


def pytest_configure(config: pytest.Config) -> None:
    """A worker of pytest-xdist leaves it to the process that started it."""
    if os.environ.get("CI") == "true" and not hasattr(config, "workerinput"):
        config.pluginmanager.register(SkipCheck(), "s3d-skips")
