from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.skips import ALLOWED, Allowed, not_allowed, read_allowed

ROOT = Path(__file__).parents[2]

SUITE = """
import pytest

@pytest.mark.skip(reason="no reason")
def test_skipped(): ...

def test_run(): ...
"""


def test_a_name_is_allowed_with_its_reason():
    rows = read_allowed("# comment\n\ntests/a.py::*: why\ntests/b.py::test_x: why\n")
    assert rows == [Allowed("tests/a.py::*", "why"), Allowed("tests/b.py::test_x", "why")]
    skipped = ["tests/b.py::test_y", "tests/a.py::test_1", "tests/b.py::test_x"]
    assert not_allowed(skipped, rows) == ["tests/b.py::test_y"]
    with pytest.raises(ValueError, match="NAME: REASON"):
        read_allowed("tests/a.py::test_x\n")


def test_every_allowed_name_is_that_of_a_test():
    for name, _ in read_allowed(ALLOWED.read_text()):
        file, _, test = name.partition("::")
        files = list(ROOT.glob(file))
        assert files, name
        if test and "*" not in test:
            assert any(re.search(rf"def {test}\b", each.read_text()) for each in files), name


@pytest.mark.parametrize(("ci", "workers", "code"), [("true", 1, 1), ("", 0, 0)])
def test_a_skipped_test_fails_the_run_of_ci(tmp_path, ci, workers, code):
    (tmp_path / "test_suite.py").write_text(SUITE)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.skips", "-n", str(workers), "-c",
         os.devnull, "--rootdir", tmp_path, tmp_path],
        cwd=ROOT, env={**os.environ, "CI": ci}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == code, done.stdout
    assert ("CI does not allow: test_suite.py::test_skipped" in done.stdout) == bool(code)
