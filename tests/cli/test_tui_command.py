"""s3d tui in a real terminal, before a real agent with its own store."""

import os
import signal
import sys
import time

import pytest

from tests.terminal import NEEDS_TMUX, Terminal


def test_without_a_terminal_it_is_one_line(s3d):
    result = s3d("tui")
    assert (result.code, result.out) == (2, "")
    assert "needs a terminal" in result.err
    assert len(result.err.splitlines()) == 2


def test_on_a_dumb_terminal_too(s3d):
    result = s3d.on_terminal("tui", TERM="dumb")
    assert result.code == 2
    assert "TERM is dumb" in result.out


def test_all_keys_are_printed(alone):
    result = alone("tui", "--keys")
    assert result.code == 0
    assert "buckets.download" in result.out


@pytest.fixture
def opened(serving, tmp_path):
    """opened(...): the app in a terminal."""
    terminals = []

    def open_(*options, size=(100, 30), **env):
        env = {**serving.env, "PATH": os.environ["PATH"], "HOME": str(tmp_path), **env}
        command = [sys.executable, "-m", "s3d", "tui", *options]
        folder = tmp_path / f"tmux{len(terminals)}"
        folder.mkdir()
        terminals.append(Terminal(folder, env, *command, size=size))
        return terminals[-1]

    yield open_
    for terminal in terminals:
        terminal.close()


@NEEDS_TMUX
@pytest.mark.slow
def test_a_person_looks_around(serving, bucket, store, opened):
    store("a\x1b]0;PWNED\x07[red].txt", b"hello")
    terminal = opened()
    title = terminal.title
    terminal.until("connected  agent")
    terminal.press("2")
    terminal.until("all buckets: ")
    terminal.press("C-g")
    terminal.until("s3://BUCKET")
    terminal.write(f"s3://{bucket}/")
    terminal.press("Enter")
    terminal.until("a␛]0;PWNED␇[red].txt")
    assert terminal.title == title
    terminal.press("j", "v")
    terminal.until("hello")
    terminal.press("q", "5")
    terminal.until("No sync folders yet")
    terminal.press("6")
    terminal.until("serving endpoint=")
    terminal.press("q")
    terminal.once(lambda shown: terminal.is_over, "the end")


@NEEDS_TMUX
@pytest.mark.slow
def test_files_go_up_and_come_down(serving, bucket, opened, tmp_path):
    (tmp_path / "cat.txt").write_text("meow")
    terminal = opened()
    terminal.until("connected  agent")
    terminal.press("2", "C-g")
    terminal.until("s3://BUCKET")
    terminal.write(f"s3://{bucket}/")
    terminal.press("Enter")
    terminal.until("No objects. u uploads some")
    terminal.press("u")
    terminal.until("File or folder")
    terminal.write("cat.txt")
    terminal.until("~/cat.txt")
    terminal.press("Enter")
    terminal.until("$ s3d cp")
    terminal.until(" cat.txt  ")
    terminal.press("j", "d")
    terminal.until("created if missing")
    terminal.rewrite("Into", "~/down")
    terminal.press("Enter")
    terminal.until("$ s3d cp --skip")
    terminal.press("3")
    terminal.once(lambda shown: shown.count("✓ done") == 2, "both that are done")
    assert (tmp_path / "down/cat.txt").read_text() == "meow"


@NEEDS_TMUX
@pytest.mark.slow
def test_it_fits_every_screen_and_leaves_the_terminal_clean(opened):
    terminal = opened("--ascii", "--no-color", "--no-mouse")
    terminal.until("* connected")
    for width, height in ((80, 24), (160, 48), (200, 50), (40, 10), (100, 30)):
        terminal.resize(width, height)
        mark = "q Quit" if width >= 80 else "s3d  *"
        # For a frame Textual may cut a line of the old width, with an ellipsis of its own.
        terminal.once(lambda shown, mark=mark: mark in shown and shown.isascii(), "ASCII alone")
        assert len(terminal.shown().splitlines()) <= height
    terminal.press("?")
    terminal.until("esc closes")
    terminal.press("q", "q")
    terminal.once(lambda shown: terminal.is_over, "the end")
    assert "Traceback" not in terminal.shown()


@NEEDS_TMUX
@pytest.mark.slow
def test_an_agent_is_started_from_the_app(tmp_path):
    from tests.agent_process import environment

    env = {**environment(tmp_path / "home"), "PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    folder = tmp_path / "tmux"
    folder.mkdir()
    terminal = Terminal(folder, env, sys.executable, "-m", "s3d", "tui")
    try:
        terminal.until("The agent is not running")
        terminal.press("Enter")
        terminal.until("connected  agent")
        from s3d.cli.client.control_client import ControlClient
        from s3d.shared.config.load import load_config
        from s3d.shared.paths import find_places

        socket = find_places(load_config(None, env, {}), env).socket
        pid = ControlClient(socket).hello().pid
        terminal.press("q")
        terminal.once(lambda shown: terminal.is_over, "the end")
        assert ControlClient(socket).hello().pid == pid, "it goes on without the app"
        os.kill(pid, signal.SIGTERM)
    finally:
        terminal.close()


@NEEDS_TMUX
@pytest.mark.slow
def test_it_ends_with_its_terminal(opened):
    """Also where whoever started it ignores the signal for that."""
    terminal = opened("--demo")
    terminal.until("connected")
    pid = terminal.pid
    terminal.close()
    end = time.monotonic() + 20
    while _is_alive(pid):
        assert time.monotonic() < end


def _is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False
