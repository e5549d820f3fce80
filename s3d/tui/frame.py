"""The frame around the panes: its texts as pure functions of the State, and the view that takes the
place of the panes when there is no agent."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Center, Middle
from textual.content import Content
from textual.widgets import Static

from s3d.shared.text import age, safe, size
from s3d.tui.app_state import FINISHED, STUCK, Link, State
from s3d.tui.draw import fitting
from s3d.tui.first_run import FirstRun
from s3d.tui.host import host_of
from s3d.tui.tabs import TABS
from s3d.tui.themes import Glyphs

WIDE = 96
"""Cells of the terminal from which every text has its full length."""

MIN_WIDTH, MIN_HEIGHT = 60, 16
"""Cells and rows of the smallest terminal in which the panes can be read."""
TOO_SMALL = (
    f"The terminal is too small.\nThe app needs at least {MIN_WIDTH} columns and {MIN_HEIGHT} rows."
)


def head_text(
    state: State, glyphs: Glyphs, now: float, width: int, *, is_demo: bool = False
) -> str:
    """Row 1: the connection to the agent and its remote, and the present rates."""
    name = " s3d DEMO" if is_demo else " s3d"
    status, connection = state.status, state.connection
    if connection.link is not Link.CONNECTED or status is None:
        words = {
            Link.CONNECTING: f"{glyphs.off} connecting",
            Link.LOST: f"{glyphs.off} disconnected"
            if connection.hello is None
            else f"{glyphs.off} reconnecting, try {connection.tries}",
            Link.FOREIGN: f"{glyphs.off} read only",
        }
        return f"{name}  {words.get(connection.link, f'{glyphs.on} connected')}"
    up, down = (rates[-1] if rates else 0.0 for rates in (state.upload_rates, state.download_rates))
    rates = f"{glyphs.up} {size(round(up))}/s  {glyphs.down} {size(round(down))}/s"
    parts = [f"{name}  {glyphs.on} connected", f"agent {status.version}"]
    if width >= WIDE:
        parts += [f"up {age(now - status.started)}", status.endpoint]
    remote = status.remote
    if remote is not None and remote.ok is False:
        parts = [f"{name}  {glyphs.on} connected", *_outage(state, now, is_wide=width >= WIDE)]
        if width < WIDE:  # the outage is more important than what still moves
            return fitting([safe(each) for each in parts], width, more=glyphs.more)
    room = max(width - len(rates) - 3, 10)
    left = fitting([safe(each) for each in parts], room, more=glyphs.more)
    return left + " " * max(2, width - cell_len(left) - len(rates) - 1) + rates


def _outage(state: State, now: float, *, is_wide: bool) -> list[str]:
    """When the agent checks the remote again, and when the remote last answered."""
    assert state.status is not None
    assert state.status.remote is not None
    success, queue = state.status.remote.last_success, state.queue
    parts = ["remote unreachable"]
    if queue is not None and queue.next_check is not None:
        parts.append(f"next check in {age(queue.next_check - now)}")
    if success and is_wide:
        parts.append(f"last answer {age(now - success)} ago")
    return parts


def updated_text(seconds: float) -> str:
    """How old the data on the screen is."""
    return "Updated just now" if seconds < 1 else f"Updated {age(seconds)} ago"


def banner_text(
    state: State, now: float, width: int, *, is_readonly: bool, can_start: bool = False
) -> str:
    """A row that is only there when the connection is not as usual; else empty.

    width: cells of the terminal. can_start: the agent is one of this machine.
    """
    connection = state.connection
    if connection.link is Link.LOST and connection.hello is not None:
        wait = f"{max(0.0, connection.retry_at - now):.0f} s"
        start = "   f8: start it" if can_start else ""
        texts = [
            safe(f" The agent isn't responding{why}. Next try in {wait}   ctrl+r: try now{start}")
            for why in (f" ({connection.error})", "")
        ]
        shortest = f" No answer, next try in {wait}   ctrl+r: now{start}"
        return next((each for each in texts if cell_len(each) < width), shortest)
    if connection.link is Link.FOREIGN:
        return " The agent has another version of the control API: update s3d. This app only reads."
    if not connection.is_current_api:
        return " The agent is older than this app: restart it to have everything."
    return " Read only" if is_readonly else ""


def no_agent_text(state: State, socket: str, now: float, *, can_start: bool) -> list[str]:
    """What to do when no agent has ever answered."""
    connection = state.connection
    wait = max(0.0, connection.retry_at - now)
    start = [
        "enter  start it now    (s3d run)",
        "s      set it up       remote, service, folders",
    ]
    return [
        "The agent is not running",
        safe(connection.error or f"no agent at {socket}"),
        "",
        *(start if can_start else []),
        f"r      try again       (by itself in {wait:.0f} s, try {connection.tries})",
        "q      quit",
    ]


def stale_text(state: State, now: float) -> str:
    """The line at the foot while the connection is lost: how old the data is."""
    return f" Last update {age(now - state.connection.answered_at)} ago, actions disabled"


def tab_titles(state: State, width: int) -> list[str]:
    """The titles of TABS, with the number of what is unfinished or needs attention."""
    titles = []
    for tab in TABS:
        title, counter = tab.title if width >= WIDE else tab.short_title, _counter(state, tab.name)
        titles.append(f"{title} {counter}" if counter else title)
    return titles


def _counter(state: State, tab: str) -> str:
    if tab == "transfers":
        stuck = sum(each.state in STUCK for each in state.transfers)
        unfinished = sum(each.state not in FINISHED for each in state.transfers) - stuck
        counters = (f"{unfinished}" if unfinished else "", f"!{stuck}" if stuck else "")
        return " ".join(filter(None, counters))
    if tab == "sync":
        troubles = sum(folder.state == "stopped" for folder in state.folders)
        troubles += sum(folder.conflicts for folder in state.folders)
        return f"!{troubles}" if troubles else ""
    return ""


class NoAgentView(Middle, can_focus=True):
    """Takes the place of the panes until an agent has answered."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "app.start_agent", "Start the agent"),
        Binding("s", "set_up", "Set up, step by step"),
        Binding("r", "app.refresh_data", "Try again"),
    ]

    def compose(self) -> ComposeResult:
        with Center():
            yield Static("", id="absent-text", classes="dialog", markup=False)

    def put(self, lines: Sequence[str]) -> None:
        """Show other lines, made safe by the caller."""
        self.query_one("#absent-text", Static).update(Content("\n".join(lines)))

    def action_set_up(self) -> None:
        """Ask where objects go and how the agent runs; an agent elsewhere is not ours to start."""
        host = host_of(self)
        if host.agent.is_local:
            run = partial(self.app.run_worker, group="start", exclusive=True, exit_on_error=False)
            FirstRun(host, run).begin()
