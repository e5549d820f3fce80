"""Start the agent from the app, as `s3d run` does in a terminal of its own."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from s3d.shared.paths import load

_START_TIMEOUT = 20.0
"""Seconds to wait until the agent answers or ends; a slower one is left to start."""
_INSTALL_TIMEOUT = 60.0
"""Seconds for s3d service install."""
_CHECK_INTERVAL = 0.05
"""Seconds between two checks whether it answers."""
_MAX_LINES = 20
"""Lines of its output that are shown when it has failed."""
_STARTED: list[subprocess.Popen[bytes]] = []
"""Agents that outlive the app; they are held here so that Popen does not warn about them."""


class NotStarted(Exception):
    """The agent has ended. str(): the end of its output."""


async def start_agent() -> Path:
    """Start it and give the file of its log. Raises NotStarted, ConfigError."""
    return await asyncio.to_thread(_start)


async def install_service() -> None:
    """Let the agent run now and at each login. Raises NotStarted."""
    await asyncio.to_thread(_install)


def _install() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "s3d", "service", "install"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_INSTALL_TIMEOUT,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise NotStarted(done.stderr or done.stdout or f"it exited with code {done.returncode}")


def _start() -> Path:
    _, places = load(os.environ, {})
    places.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = places.log_file
    with log.open("ab") as out:
        start = out.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", "s3d", "run"],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    until = time.monotonic() + _START_TIMEOUT
    while process.poll() is None:
        if _answers(places.socket) or time.monotonic() > until:
            _STARTED.append(process)
            return log
        with suppress(subprocess.TimeoutExpired):
            process.wait(_CHECK_INTERVAL)
    with log.open("rb") as read:
        read.seek(start)
        lines = read.read().decode(errors="replace").splitlines()
    raise NotStarted("\n".join(lines[-_MAX_LINES:]) or f"it exited with code {process.returncode}")


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
