"""s3d tui in a real terminal: tmux, and a real agent."""

import os
import shutil
import subprocess
import sys
import time

import pytest

NEEDS_TMUX = pytest.mark.skipif(shutil.which("tmux") is None, reason="there is no tmux")


def test_without_a_terminal_it_is_one_line(s3d):
    result = s3d("tui")
    assert (result.code, result.out) == (2, "")
    assert "needs a terminal" in result.err


class Screen:
    """A terminal of 100 by 30 with a program in it."""

    def __init__(self, tmp_path, env, *command: str) -> None:
        self._server = str(tmp_path / "tmux.sock")
        self._env = {**env, "TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
        self._tmux("new-session", "-d", "-x", "100", "-y", "30", *command)

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-f", os.devnull, "-S", self._server, *arguments],
            env=self._env, capture_output=True, text=True, timeout=30,
        )  # fmt: skip
        return done.stdout

    def press(self, *keys: str) -> None:
        self._tmux("send-keys", *keys)

    def until(self, text: str) -> str:
        """What is seen, once this text is."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            shown = self._tmux("capture-pane", "-p")
            if text in shown:
                return shown
        raise AssertionError(f"{text!r} is not seen in:\n{shown}")

    def title(self) -> str:
        return self._tmux("display", "-p", "#{pane_title}")

    def close(self) -> None:
        self._tmux("kill-server")


@NEEDS_TMUX
@pytest.mark.slow
def test_a_person_looks_around(serving, bucket, store, tmp_path):
    store("a\x1b]0;PWNED\x07[red].txt", b"hello")
    env = {**serving.env, "PATH": os.environ["PATH"]}
    screen = Screen(tmp_path, env, sys.executable, "-m", "s3d", "tui")
    try:
        title = screen.title()
        screen.until("connected  agent")
        screen.press("2")
        screen.until(bucket)
        screen.press("Enter")
        screen.until("a␛]0;PWNED␇[red].txt")
        assert screen.title() == title
        screen.press("j", "v")
        screen.until("hello")
        screen.press("q")
        screen.press("5")
        screen.until("No folder is synced")
        serving.client.create_bucket(f"{bucket}-new")
        screen.press("6")
        screen.until("CreateBucket")
        screen.press("q")
    finally:
        screen.close()
