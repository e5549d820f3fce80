"""The wheel on the other Pythons: in an empty environment of each, the quick tests run.

    make torture-pythons

For a Python that is not on this machine, wheels of everything that s3d needs must exist. One that
is found neither on the PATH nor among those of pyenv is skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
QUICK = (
    "tests/shared",
    "tests/agent/s3",
    "tests/agent/core",
    "tests/agent/storage",
    "tests/gateway/test_outage.py",
)
BY_WHEELS = ("3.14",)
PATIENCE = 3600.0

pytestmark = pytest.mark.torture


def run(*arguments: object, cwd: Path | None = None) -> None:
    """Raises AssertionError with the end of the output."""
    done = subprocess.run(
        [str(each) for each in arguments], capture_output=True, text=True, check=False,
        timeout=PATIENCE, cwd=cwd,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]


def pip(python: Path, *arguments: object) -> None:
    run(python, "-m", "pip", "--disable-pip-version-check", *arguments)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip(Path(sys.executable), "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT)
    (found,) = folder.glob("*.whl")
    return found


def find_python(version: str) -> Path:
    """Skips the test for a version that is not there."""
    of_pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for found in sorted(of_pyenv.glob(f"{version}.*/bin/python"), reverse=True):
        return found
    on_path = shutil.which(f"python{version}")
    if on_path is None:
        pytest.skip(f"no Python {version}")
    return Path(on_path)


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_the_wheel_works(version: str, wheel: Path, tmp_path: Path) -> None:
    """The tests run from a folder without the package, so that the installed one is tested."""
    run(find_python(version), "-m", "venv", tmp_path / "env")
    python = tmp_path / "env" / "bin" / "python"
    constraints = ROOT / "deploy" / "constraints.txt"
    pip(python, "install", "--quiet", "--constraint", constraints, f"{wheel}[test]")
    sources = tmp_path / "sources"
    sources.mkdir()
    for name in ("tests", "pyproject.toml", "docs", "deploy", "README.md", "CHANGELOG.md"):
        (sources / name).symlink_to(ROOT / name)
    run(
        python, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider",
        "-m", "not torture", *QUICK, cwd=sources,
    )  # fmt: skip


@pytest.mark.parametrize("version", BY_WHEELS)
def test_everything_that_s3d_needs_has_a_wheel(version: str, wheel: Path, tmp_path: Path) -> None:
    pip(
        Path(sys.executable), "download", "--quiet", "--dest", tmp_path, "--python-version",
        version, "--only-binary", ":all:", wheel,
    )  # fmt: skip
