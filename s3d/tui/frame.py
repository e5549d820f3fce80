"""What is around the panes: the head, the tabs, the banner, the foot, and what is there without an
agent. What they say is decided by pure functions of the State."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Center, Middle
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widgets import Static

from s3d.shared.text import age, safe, size
from s3d.tui.app_state import Link, State
from s3d.tui.draw import Glyphs, elide

WIDE = 96
"""Cells from which there is room for everything."""


def head(state: State, glyphs: Glyphs, now: float, width: int) -> str:
    """Row 1: how the agent is, and what it moves."""
    status = state.status
    if state.link is not Link.CONNECTED or status is None:
        words = {
            Link.CONNECTING: f"{glyphs.off} connecting",
            Link.LOST: f"{glyphs.off} disconnected"
            if state.hello is None
            else f"{glyphs.off} reconnecting, try {state.tries}",
            Link.FOREIGN: f"{glyphs.off} read only",
        }
        return f" s3d  {words.get(state.link, f'{glyphs.on} connected')}"
    up, down = (values[-1] if values else 0.0 for values in (state.up, state.down))
    rates = f"{glyphs.up} {size(round(up))}/s  {glyphs.down} {size(round(down))}/s"
    parts = [f" s3d  {glyphs.on} connected", f"agent {status.version}"]
    if width >= WIDE:
        parts += [f"up {age(now - status.started)}", status.endpoint]
    remote = status.remote
    if remote is not None and remote.ok is False:
        since = f" {age(now - remote.last_success)}" if remote.last_success else ""
        parts = [f" s3d  {glyphs.on} connected", f"remote offline{since}: writes are queued"]
    left = elide(safe("  ".join(parts)), max(width - len(rates) - 3, 10), glyphs.more)
    return left + " " * max(2, width - cell_len(left) - len(rates) - 1) + rates


def banner(state: State, now: float, *, is_readonly: bool) -> str:
    """A row that is there only when something is not as usual."""
    if state.link is Link.LOST and state.hello is not None:
        wait = max(0.0, state.retry_at - now)
        return safe(
            f" Agent connection lost ({state.why}). It may still be at work. "
            f"Next try in {wait:.0f} s   ctrl+r now"
        )
    if state.link is Link.FOREIGN:
        return " The agent speaks another version of the control API: update the older one."
    if not state.is_recent:
        return " The agent is older than this app: start it again to have everything."
    return " Read only" if is_readonly else ""


def absent(state: State, socket: str, now: float, *, can_start: bool) -> list[str]:
    """What is said when no agent was ever there."""
    wait = max(0.0, state.retry_at - now)
    start = ["enter  start it now   (s3d run)"] if can_start else []
    return [
        "The agent is not running",
        safe(state.why or f"no agent at {socket}"),
        "",
        *start,
        f"r      try again      (by itself in {wait:.0f} s, try {state.tries})",
        "q      quit",
    ]


def stale(state: State, now: float) -> str:
    """How old what is shown is."""
    return f" data of {age(now - state.fresh)} ago; actions wait for the agent"


class TextBar(Static):
    """Text that is drawn only when it is another one."""

    def __init__(self, id: str) -> None:
        super().__init__("", id=id, markup=False)
        self._text = ""

    def put(self, text: str) -> None:
        """text: a safe one."""
        if text != self._text:
            self._text = text
            self.update(Content(text))


class Tabs(Static):
    """The tabs with their counters; a click shows one."""

    class Chosen(Message):
        """number: from 1."""

        def __init__(self, number: int) -> None:
            self.number = number
            super().__init__()

    def __init__(self, id: str) -> None:
        super().__init__("", id=id, markup=False)
        self._edges: list[int] = []
        self._text = ""

    def put(self, titles: Sequence[str], shown: int) -> None:
        """titles: safe ones. shown: the number of the one that is seen, from 1."""
        parts = [
            f"[{number} {title}]" if number == shown else f" {number} {title} "
            for number, title in enumerate(titles, 1)
        ]
        self._edges, edge = [], 1
        for part in parts:
            edge += len(part) + 1
            self._edges.append(edge)
        text = " " + " ".join(parts)
        if text != self._text:
            self._text = text
            self.update(Content(text))

    def on_click(self, event: Click) -> None:
        for number, edge in enumerate(self._edges, 1):
            if event.x < edge:
                self.post_message(self.Chosen(number))
                return


class NoAgentView(Middle, can_focus=True):
    """In place of the panes as long as no agent was there."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "app.start_agent", "Start the agent"),
        Binding("r", "app.again", "Try again"),
    ]

    def compose(self) -> ComposeResult:
        with Center():
            yield Static("", id="absent-text", classes="dialog", markup=False)

    def put(self, lines: Sequence[str]) -> None:
        self.query_one("#absent-text", Static).update(Content("\n".join(lines)))
