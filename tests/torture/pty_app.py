"""`s3d tui` in a pseudo-terminal: the time from a key to its bytes, CPU time and memory."""

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

from tests.agent_process import AgentProcess

PATIENCE = 240.0
"""Seconds after which a text that is not drawn is a failure."""
_TICKS = os.sysconf("SC_CLK_TCK")
_ESCAPES = re.compile(rb"\x1b(?:\[[0-9;?<>=]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")


class PtyApp:
    """The app in a terminal of 100 by 30. began: when it was executed."""

    def __init__(self, env: dict[str, str]) -> None:
        self.began = time.monotonic()
        self.pid, self._terminal = pty.fork()
        if not self.pid:
            os.execve(sys.executable, [sys.executable, "-m", "s3d", "tui"], env)
        ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))

    def until(self, text: str, since: float) -> float:
        """Seconds from a moment until a text is drawn."""
        seen = b""
        while text.encode() not in _ESCAPES.sub(b"", seen):
            assert time.monotonic() < since + PATIENCE, (text, _ESCAPES.sub(b"", seen)[-3000:])
            seen = seen[-200_000:] + self._read(1.0)
        return time.monotonic() - since

    def press(self, keys: str, text: str) -> float:
        """Seconds from the last of some keys until a text is drawn."""
        self.settle()
        since = time.monotonic()
        os.write(self._terminal, keys.encode())
        return self.until(text, since)

    def settle(self, quiet: float = 0.3) -> None:
        """Read what is still drawn, until nothing has come for so many seconds."""
        while self._read(quiet):
            pass

    def watch(self, seconds: float) -> float:
        """The CPU seconds that it uses in the next seconds, while its terminal is read."""
        before, end = self.cpu, time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._read(left)
        return self.cpu - before

    def _read(self, seconds: float) -> bytes:
        if select.select([self._terminal], [], [], seconds)[0]:
            return os.read(self._terminal, 65536)
        return b""

    @property
    def cpu(self) -> float:
        """CPU seconds of the app until now."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def rss(self) -> int:
        """Bytes of memory that it has now."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+)", status)
        assert found is not None
        return int(found[1]) * 1024

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._terminal)


@contextmanager
def pty_app(agent: AgentProcess) -> Iterator[PtyApp]:
    """The app before an agent; it is not ready yet."""
    opened = PtyApp({**agent.env, "PATH": os.environ["PATH"], "TERM": "xterm-256color"})
    try:
        yield opened
    finally:
        opened.close()
