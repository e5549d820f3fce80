"""Start the app in this terminal, or refuse with the reason."""

from __future__ import annotations

import gc
import os
import signal
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Event, Thread

from s3d.shared.errors import UsageError
from s3d.tui.agent_client import SocketAgent
from s3d.tui.app import S3dApp, sources
from s3d.tui.demo import DemoAgent
from s3d.tui.demo_values import NOW
from s3d.tui.key_bindings import all_keys
from s3d.tui.preferences import FILE, load
from s3d.tui.themes import ASCII, UNICODE

TERMINAL_CHECK_INTERVAL = 1.0
"""Seconds between two checks that the terminal still exists."""


class ProcessApp(S3dApp):
    """The app in a process of its own."""

    def on_ready(self) -> None:
        """Exclude what the start has made from later garbage collections: it stays, and finding
        that out takes 40 ms of a key each time."""
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        gc.enable()


def check_terminal(env: Mapping[str, str], *, is_terminal: bool) -> None:
    """Raises UsageError where there is no screen to draw on."""
    hint = "s3d status and the other commands need no terminal"
    if not is_terminal:
        raise UsageError("s3d tui needs a terminal", "its input or output is not a terminal", hint)
    if env.get("TERM", "") in ("dumb", ""):
        raise UsageError(
            "s3d tui needs a terminal", f"TERM is {env.get('TERM') or 'not set'}", hint
        )


def run(
    socket: Path, *, config_dir: Path, is_local: bool = True, demo: bool = False,
    readonly: bool = False, ascii: bool = False, color: bool = True, mouse: bool = True,
    fps: int = 10,
) -> None:  # fmt: skip
    """Run the app until the user quits.

    config_dir: of the preferences. is_local: the agent runs on this machine. fps: drawings a
    second, at most. Raises UsageError.
    """
    check_terminal(os.environ, is_terminal=sys.stdin.isatty() and sys.stdout.isatty())
    if os.environ.pop("NO_COLOR", ""):  # Textual must not see it: see themes.WithoutColors
        color = False
    glyphs = ASCII if ascii else UNICODE
    preferences = load(config_dir / FILE)
    if demo:
        began = time.monotonic()

        def clock() -> float:
            return NOW + time.monotonic() - began

        app = ProcessApp(
            DemoAgent(clock), glyphs=glyphs, is_readonly=readonly, clock=clock, color=color
        )
    else:
        app = ProcessApp(
            SocketAgent(socket, is_local=is_local), glyphs=glyphs, is_readonly=readonly,
            preferences=preferences, draw_interval=1 / fps, color=color,
        )  # fmt: skip
    end = Event()
    Thread(target=_follow_terminal, args=(end,), daemon=True).start()
    message = app.run(mouse=mouse)
    end.set()
    if message:
        print(message)


def _follow_terminal(end: Event) -> None:
    """End the process when its terminal has closed: otherwise it would read end-of-file forever."""
    while not end.wait(TERMINAL_CHECK_INTERVAL):
        try:
            termios.tcgetattr(sys.stdin.fileno())
        except (termios.error, ValueError):
            os._exit(128 + signal.SIGHUP)


def print_keys() -> None:
    """Print every key and what it does."""
    for line in all_keys(sources()):
        print(line)
