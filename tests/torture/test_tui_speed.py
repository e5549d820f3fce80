"""How fast the terminal app starts in a real pseudo-terminal before a real agent.

The time is from exec to the bytes that show the first screen: the median of S3D_TORTURE_ROUNDS (7).
`make torture-tui_speed` prints it with the CPU time that the app has used in the same rounds: on a
busy machine only that one is comparable.
"""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path
from statistics import median

import pytest

from tests.agent_process import AgentProcess, launch

pytestmark = pytest.mark.torture

ROUNDS = int(os.environ.get("S3D_TORTURE_ROUNDS", "7"))
PATIENCE = 120.0
MOST = 0.8
"""Seconds of a start: of CPU time, because other programs may run."""
TICKS = os.sysconf("SC_CLK_TCK")
_ESCAPES = re.compile(rb"\x1b(?:\[[0-9;?<>=]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")


class App:
    """`s3d tui` in a pseudo-terminal of 100 by 30."""

    def __init__(self, env: dict[str, str]) -> None:
        self.began = time.monotonic()
        self.pid, self.terminal = pty.fork()
        if not self.pid:
            os.execve(sys.executable, [sys.executable, "-m", "s3d", "tui"], env)
        ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))

    def until(self, text: bytes, began: float) -> float:
        """Seconds from a moment until a text is drawn."""
        seen = b""
        while text not in _ESCAPES.sub(b"", seen):
            assert time.monotonic() < began + PATIENCE, (text, seen[-2000:])
            if select.select([self.terminal], [], [], 1.0)[0]:
                seen += os.read(self.terminal, 65536)
        return time.monotonic() - began

    @property
    def cpu(self) -> float:
        """CPU seconds of the app until now."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def app(agent: AgentProcess) -> Iterator[App]:
    opened = App({**agent.env, "PATH": os.environ["PATH"], "TERM": "xterm-256color"})
    try:
        yield opened
    finally:
        os.kill(opened.pid, signal.SIGKILL)
        os.waitpid(opened.pid, 0)
        os.close(opened.terminal)


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProcess]:
    agent = launch(tmp_path_factory.mktemp("s3d") / "home")
    yield agent
    agent.kill()


def test_it_starts(agent: AgentProcess) -> None:
    wall, cpu = [], 0.0
    for _ in range(ROUNDS):
        with app(agent) as opened:
            wall.append(opened.until(b"Dashboard", opened.began))
            cpu += opened.cpu
    cpu /= ROUNDS
    print(f"start: median {median(wall):.3f} s of {MOST} s, CPU {cpu:.3f} s")
    assert cpu <= MOST
