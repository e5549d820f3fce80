"""The environment of the clients, .venv-clients: `python -m tests.e2e.clients.environment`.

The clients must not change what s3d is installed with, so they have an environment of their own;
`.venv-clients/python` and `.venv-clients/npm` can be there independently of each other.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE.parents[2] / ".venv-clients"
PYTHON = FOLDER / "python"
NPM = FOLDER / "npm"
TIMEOUT = 900.0
"""Seconds that an installation may take. It happens once for each state of the requirements."""


class NotInstallable(Exception):
    """A client's package could not be installed; the text says why."""


_failed: dict[Path, NotInstallable] = {}
"""What this process does not try again: without a network, each try takes a while."""


def python() -> Path:
    """The interpreter with the clients in requirements.txt. Raises NotInstallable."""
    _ensure(PYTHON, HERE / "requirements.txt", _install_python)
    return PYTHON / "bin" / "python"


def npm() -> Path:
    """A folder with the packages of package.json below node_modules. Raises NotInstallable."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise NotInstallable("node and npm are not on the PATH")
    _ensure(NPM, HERE / "package.json", _install_npm)
    return NPM


def _ensure(folder: Path, requirements: Path, install: Callable[[Path], None]) -> None:
    """Install unless this state of the requirements has been installed; one process at a time."""
    if folder in _failed:
        raise _failed[folder]
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    installed = folder / "installed"
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / f"{folder.name}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if installed.exists() and installed.read_text() == wanted:
            return
        shutil.rmtree(folder, ignore_errors=True)
        try:
            install(requirements)
        except NotInstallable as error:
            _failed[folder] = error
            raise
        installed.write_text(wanted)


def _install_python(requirements: Path) -> None:
    _run([sys.executable, "-m", "venv", str(PYTHON)])
    pip = [str(PYTHON / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install"]
    _run([*pip, "--quiet", "--requirement", str(requirements)])


def _install_npm(requirements: Path) -> None:
    NPM.mkdir()
    shutil.copy(requirements, NPM / "package.json")
    _run(["npm", "install", "--prefix", str(NPM), "--no-audit", "--no-fund", "--silent"])


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT, check=False, cwd=FOLDER
        )
    except subprocess.TimeoutExpired as error:
        raise NotInstallable(str(error)) from error
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise NotInstallable(f"{' '.join(command)}: exit code {done.returncode}: {last}")


if __name__ == "__main__":
    for each in (python, npm):
        try:
            print(each())
        except NotInstallable as error:
            print(error, file=sys.stderr)
