"""A recording of the app before real agents: python -m s3d.tui.record_cast FILE.cast.

The file is an asciinema cast of version 2 (https://docs.asciinema.org/manual/asciicast/v2/). The
keys come from the table STEPS, and each step takes its seconds in the recording, however long the
machine has needed for it. One agent is the remote of the other. Both live in a home of their own,
whose path and ports are replaced by those of the documentation, of the same length.
"""

from __future__ import annotations

import codecs
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from s3d.tui.cast_objects import write_objects

WIDTH, HEIGHT = 100, 30
HOME, SHOWN_HOME = Path("/tmp/s3d"), "/home/me"
SHOWN_PORTS = ("33333", "39000")
"""Of the agent and of its remote."""
_PATIENCE = 30.0
_QUIET = 0.6
"""Seconds without output after which a step has ended."""
_TYPING = 0.09
"""Seconds between two letters."""
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?<>=]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")


class Step(NamedTuple):
    """keys: as bytes of the terminal. awaited: a text that is drawn then; "" for none.

    seconds: in the recording. is_typed: letter by letter. lasts: whether all the seconds are
    recorded, because something moves on the screen.
    """

    keys: str
    awaited: str
    seconds: float
    is_typed: bool = False
    lasts: bool = False


STEPS = (
    Step("", "requests/s", 3.0),
    Step("2", "reports/", 2.0),
    Step("\x07", "Go to", 1.0),
    Step("reports/2026/orders.csv", "orders.csv", 1.0, is_typed=True),
    Step("\r", "CSV,", 3.0),
    Step("j", "JSON", 2.5),
    Step("j", "Quarter", 2.5),
    Step("\x07", "Go to", 0.8),
    Step("photos/lake.png", "lake.png", 0.8, is_typed=True),
    Step("\r", "PNG", 3.5),
    Step("u", "If it exists", 1.0),
    Step("Pictures", "Pictures", 1.0, is_typed=True),
    Step("\r", "tarted", 2.0),
    Step("3", "running", 6.0, lasts=True),
    Step("P", "queue paused", 3.0, lasts=True),
    Step("P", "", 4.0, lasts=True),
    Step("4", "Read cache", 2.5),
    Step("5", "No sync folders", 1.5),
    Step("n", "New folder", 1.0),
    Step("~/notes", "notes", 1.0, is_typed=True),
    Step("\t", "", 0.6),
    Step("backup", "reachable", 1.5, is_typed=True),
    Step("\x14", ", down 0 B", 3.0),
    Step("\x13", "up to date", 3.5),
    Step("\x1bOQ", "theme", 2.5),
    Step("1", "Sync folders", 3.0),
    Step("?", "Everywhere", 2.5),
    Step("\x1b", "", 1.0),
)


class Recording:
    """What the terminal gets, with its times in the recording."""

    def __init__(self, terminal: int) -> None:
        self.events: list[tuple[float, str]] = []
        self._terminal, self._start = terminal, 0.0
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def take(self, step: Step) -> None:
        """Press the keys of a step, and record until its text is drawn and the screen rests."""
        begun = time.monotonic()
        for keys in step.keys if step.is_typed else [step.keys]:
            os.write(self._terminal, keys.encode())
            if step.is_typed:
                self._record(_TYPING, step, begun)
        drawn = self._until_drawn(step, begun)
        if step.awaited and step.awaited not in drawn:
            raise TimeoutError(
                f"{step.awaited!r} is not drawn after {step.keys!r}: {drawn[-2000:]}"
            )
        self._start += step.seconds + (_TYPING * len(step.keys) if step.is_typed else 0.0)

    def _until_drawn(self, step: Step, begun: float) -> str:
        first, seen = len(self.events), ""
        while time.monotonic() < begun + _PATIENCE:
            got = self._record(_QUIET, step, begun) and not step.awaited
            seen = _ESCAPES.sub("", "".join(text for _, text in self.events[first:]))
            has_lasted = not step.lasts or time.monotonic() >= begun + step.seconds
            is_drawn = not step.awaited or step.awaited in seen or step.is_typed
            if is_drawn and has_lasted and (not got or step.lasts):
                break
        return seen + (step.awaited if step.is_typed else "")

    def _record(self, seconds: float, step: Step, begun: float) -> bool:
        """Record what is drawn within some seconds; whether there was something."""
        end, got = time.monotonic() + seconds, False
        while (left := end - time.monotonic()) > 0:
            if not select.select([self._terminal], [], [], left)[0]:
                break
            text = self._decoder.decode(os.read(self._terminal, 65536))
            at = min(time.monotonic() - begun, step.seconds)
            self.events.append((self._start + at, text))
            got = True
        return got


def record(target: Path) -> None:
    """Write the recording to a file. Raises TimeoutError when the app does not draw what a step
    waits for, and FileExistsError when the home of the recording exists."""
    HOME.mkdir()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, HOME, ignore_errors=True)
        ports = [_free_port(), _free_port()]
        env = _environment()
        for folder, options in _agents(ports):
            stack.enter_context(_agent({**env, "XDG_RUNTIME_DIR": str(folder)}, options))
        env["XDG_RUNTIME_DIR"] = str(HOME / ".run")
        write_objects(HOME)
        for arguments in (("mb", "photos", "reports", "backup"),
                          ("cp", "-r", str(HOME / "objects/reports"), "s3://reports/"),
                          ("cp", "-r", str(HOME / "objects/photos"), "s3://photos/"),
                          ("drain",)):  # fmt: skip
            subprocess.run([*_s3d(), *arguments], env=env, check=True, capture_output=True)
        terminal = stack.enter_context(_terminal(env))
        recording = Recording(terminal)
        for step in STEPS:
            recording.take(step)
    target.write_text(
        cast_text(recording.events, dict(zip(map(str, ports), SHOWN_PORTS, strict=True)))
    )


def cast_text(events: list[tuple[float, str]], ports: Mapping[str, str]) -> str:
    """The file of a recording. ports: those of the run -> those that are shown."""
    header = {"version": 2, "width": WIDTH, "height": HEIGHT, "title": "s3d tui",
              "env": {"TERM": "xterm-256color"}}  # fmt: skip
    lines = [json.dumps(header)]
    for at, text in events:
        for hidden, shown in {str(HOME): SHOWN_HOME, **ports}.items():
            text = text.replace(hidden, shown)
        lines.append(json.dumps([round(at, 3), "o", text], ensure_ascii=False))
    return "\n".join(lines) + "\n"


def _environment() -> dict[str, str]:
    """Nothing of the user who records."""
    return {
        "PATH": os.environ["PATH"], "HOME": str(HOME), "TERM": "xterm-256color",
        "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC",
        "AWS_ACCESS_KEY_ID": "recording", "AWS_SECRET_ACCESS_KEY": "recording",
    }  # fmt: skip


def _agents(ports: list[int]) -> list[tuple[Path, list[str]]]:
    """The folder of the socket and the options of each agent, the remote first."""
    remote = f"http://127.0.0.1:{ports[1]}"
    return [
        (HOME / ".remote", [f"--endpoint={remote}", "--auth=none", f"--local-dir={HOME}/.remote"]),
        (HOME / ".run", [f"--endpoint=http://127.0.0.1:{ports[0]}", f"--remote={remote}",
                         "--write-queue-bandwidth=3MiB"]),
    ]  # fmt: skip


def _s3d() -> list[str]:
    return [sys.executable, "-m", "s3d"]


@contextmanager
def _agent(env: Mapping[str, str], options: list[str]) -> Iterator[None]:
    """An agent that runs, and ends with the recording."""
    Path(env["XDG_RUNTIME_DIR"]).mkdir(mode=0o700, exist_ok=True)
    agent = subprocess.Popen(
        [*_s3d(), "run", "--stop-at-eof", *options], env=env, cwd=HOME, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert agent.stdin is not None
    assert agent.stdout is not None
    try:
        agent.stdout.readline()  # it prints how to use it when it is ready
        yield
    finally:
        agent.stdin.close()
        agent.wait()


@contextmanager
def _terminal(env: Mapping[str, str]) -> Iterator[int]:
    """The app in a pseudo-terminal; yields its file descriptor."""
    process, terminal = pty.fork()
    if not process:
        os.chdir(HOME)
        os.execve(sys.executable, [*_s3d(), "tui", "--fps=4"], dict(env))
    try:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        yield terminal
    finally:
        os.kill(process, signal.SIGKILL)  # there is nothing that it could lose
        os.waitpid(process, 0)
        os.close(terminal)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


if __name__ == "__main__":
    record(Path(sys.argv[1]))
