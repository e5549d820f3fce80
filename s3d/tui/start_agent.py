"""Start the agent from the app, as s3d run would in a terminal of its own."""

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

_PATIENCE = 20.0
"""Seconds in which an agent is there, or has ended; a slower one is left to start."""
_LOOK = 0.05
"""Seconds between two looks at it."""
_LINES = 20
_STARTED: list[subprocess.Popen[bytes]] = []
"""Agents that go on when the app ends: nobody waits for them."""


class NotStarted(Exception):
    """str(): what the agent has said."""


async def start_agent() -> Path:
    """The file that its log goes to. Raises NotStarted; ConfigError."""
    return await asyncio.to_thread(_start)


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
    until = time.monotonic() + _PATIENCE
    while process.poll() is None:
        if _answers(places.socket) or time.monotonic() > until:
            _STARTED.append(process)
            return log
        with suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK)
    with log.open("rb") as read:
        read.seek(start)
        said = read.read().decode(errors="replace").splitlines()
    raise NotStarted("\n".join(said[-_LINES:]) or f"it ended with code {process.returncode}")


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
