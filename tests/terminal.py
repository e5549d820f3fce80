"""A real terminal: tmux, with a program in it."""

from __future__ import annotations

import os
import re
import select
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

NEEDS_TMUX = pytest.mark.skipif(shutil.which("tmux") is None, reason="there is no tmux")
PATIENCE = 60.0
"""Seconds."""
_WITHOUT_OUTPUT = 0.5
"""Seconds after which a screen is looked at although the program has written nothing."""


class Terminal:
    """Close it at the end."""

    def __init__(
        self, folder: Path, env: Mapping[str, str], *command: str, size: tuple[int, int] = (100, 30)
    ) -> None:
        self._server = str(folder / "tmux.sock")
        env = {name: text for name, text in env.items() if name not in ("COLUMNS", "LINES")}
        self._env = {**env, "TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
        width, height = size
        self._settings = folder / "tmux.conf"
        self._settings.write_text(
            f"set -g default-size {width}x{height}\nset -g remain-on-exit on\n"
        )
        output = folder / "output"
        os.mkfifo(output)
        self._output = os.open(output, os.O_RDONLY | os.O_NONBLOCK)
        self._tmux(
            *("new-session", "-d", "-x", str(width), "-y", str(height), *command),
            *(";", "pipe-pane", "-O", f"exec cat > {shlex.quote(str(output))}"),
        )

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-f", str(self._settings), "-S", self._server, *arguments],
            env=self._env, capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
        return done.stdout

    def press(self, *keys: str) -> None:
        """Names of keys as tmux has them: Enter, Escape, Down, C-r."""
        self._tmux("send-keys", *keys)

    def tab_to(self, label: str) -> None:
        """The next field of a form, once it has the cursor: what is written at once may come
        before it is there."""
        self.press("Tab")
        self.until_at(label)

    def until_at(self, label: str) -> None:
        """The cursor is in this field of a form."""
        self.once(lambda shown: label in shown.splitlines()[self._cursor], f"a cursor at {label}")

    @property
    def _cursor(self) -> int:
        return int(self._tmux("display", "-p", "#{cursor_y}"))

    def leave(self, text: str) -> None:
        """Escape, until this text is not there: another key at once would be one with Alt."""
        self.press("Escape")
        self.once(lambda shown: text not in shown, f"a screen without {text!r}")

    def write(self, text: str) -> None:
        """Letter by letter."""
        self._tmux("send-keys", "-l", text)

    def burst(self, keys: str) -> None:
        """All keys in one write, as they arrive over a slow link."""
        self._tmux("set-buffer", keys)
        self._tmux("paste-buffer", "-r")

    def rewrite(self, label: str, text: str) -> None:
        """Another text in a field of a form: what is there goes first, and is seen to be gone."""
        self.press("C-u")
        self.once(lambda shown: re.search(rf"│ +{label} +│", shown) is not None, f"empty {label}")
        self.write(text)

    def shown(self) -> str:
        return self._tmux("capture-pane", "-p")

    def until(self, text: str, patience: float = PATIENCE) -> str:
        """What is seen, once this text is. It may be half of a new screen: wait for each text."""
        return self.once(lambda shown: text in shown, repr(text), patience)

    def once(self, test: Callable[[str], bool], what: str, patience: float = PATIENCE) -> str:
        """What is seen, once it passes a test."""
        end = time.monotonic() + patience
        while True:
            shown = self.shown()
            if test(shown):
                return shown
            if time.monotonic() > end:
                raise AssertionError(f"{what} is not seen in:\n{shown}")
            self._await_output()

    def _await_output(self) -> None:
        """Each look at the screen starts a process: the program is not to be slowed by many."""
        if select.select([self._output], [], [], _WITHOUT_OUTPUT)[0]:
            with suppress(BlockingIOError):
                os.read(self._output, 1 << 20)

    def resize(self, width: int, height: int) -> None:
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    @property
    def title(self) -> str:
        return self._tmux("display", "-p", "#{pane_title}")

    @property
    def pid(self) -> int:
        """Of the program."""
        return int(self._tmux("display", "-p", "#{pane_pid}"))

    @property
    def is_over(self) -> bool:
        """The program has ended."""
        return self._tmux("display", "-p", "#{pane_dead}").strip() == "1"

    def close(self) -> None:
        """End the program. It may be ended already."""
        self._tmux("kill-server")
        if self._output >= 0:
            os.close(self._output)
            self._output = -1
