"""The screen with the tabs: one pane is shown at a time, and drawn a few times a second at most."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.css.query import NoMatches
from textual.events import Resize, ScreenResume, ScreenSuspend
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Static

from s3d.shared.control import Event
from s3d.tui import frame
from s3d.tui.app_state import GRAVE, NOTABLE, Link
from s3d.tui.frame import NoAgentView
from s3d.tui.host import Host, host_of
from s3d.tui.panes.buckets_pane import BucketsPane
from s3d.tui.panes.cache_pane import CachePane
from s3d.tui.panes.dashboard_pane import DashboardPane
from s3d.tui.panes.inspector import Inspector
from s3d.tui.panes.logs_pane import LogsPane
from s3d.tui.panes.pane import Pane
from s3d.tui.panes.sync_pane import SyncPane
from s3d.tui.panes.transfers_pane import TransfersPane
from s3d.tui.tabs import TABS, TabBar, key_of
from s3d.tui.text_widgets import KeyBar, TextBar

PANES: dict[str, type[Pane]] = {
    "dashboard": DashboardPane,
    "buckets": BucketsPane,
    "transfers": TransfersPane,
    "cache": CachePane,
    "sync": SyncPane,
    "logs": LogsPane,
}
"""The pane of each tab."""
DRAW_INTERVAL_UNFOCUSED = 0.25
"""Seconds between two drawings, at least, while the terminal is not in the foreground."""


class MainScreen(Screen[None]):
    """draw_interval: seconds between two drawings, at least."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(key_of(tab.name), f"show_tab('{tab.name}')", tab.title, show=False)
            for tab in TABS
        ),
        Binding("ctrl+c", "app.explain_quit", "How to quit", show=False),
        Binding("ctrl+g", "go_to", "Go to a place by name", show=False, id="buckets.go"),
        Binding("colon", "go_to(':')", "Type a command", show=False, id="command"),
    ]

    def __init__(self, draw_interval: float) -> None:
        super().__init__(id="_default")
        self._draw_interval = draw_interval
        self._needs_drawing, self._drawn_at = True, 0.0

    def compose(self) -> ComposeResult:
        yield TextBar("head")
        yield TabBar("tabs")
        yield TextBar("banner")
        yield NoAgentView(id="absent")
        yield Static(frame.TOO_SMALL, id="too-small", markup=False)
        with ContentSwitcher(initial=TABS[0].name, id="panes"):
            for tab in TABS:
                with Vertical(id=tab.name):
                    yield PANES[tab.name]()
        yield TextBar("foot")
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        self.set_interval(self._draw_interval, self._draw_if_needed)
        self.set_interval(1.0, self.request_drawing)  # ages grow although nothing happens
        self.pane.take_focus()

    @property
    def _host(self) -> Host:
        return host_of(self)

    @property
    def tab(self) -> str:
        """Name of the tab that is shown."""
        return self.query_one("#panes", ContentSwitcher).current or TABS[0].name

    @property
    def pane(self) -> Pane:
        """The pane that is shown."""
        return self.query_one(f"#{self.tab}").query_one(Pane)

    @on(Resize)
    def request_drawing(self) -> None:
        """Draw soon, because the state has changed."""
        self._needs_drawing = True

    @on(ScreenSuspend)
    @on(ScreenResume)
    def _show_keys(self, event: ScreenSuspend | ScreenResume) -> None:
        """A dialog names its own keys in its frame: those of the pane do nothing below it."""
        self.query_one(KeyBar).visible = isinstance(event, ScreenResume)

    def _draw_if_needed(self) -> None:
        now = time.monotonic()
        if not self.app.app_focus and now - self._drawn_at < DRAW_INTERVAL_UNFOCUSED:
            return
        if self._needs_drawing and self.is_current:
            self._needs_drawing, self._drawn_at = False, now
            with suppress(NoMatches):  # the app is ending
                self.draw()
                if self.focused is None and self.query_one("#panes").display:
                    self.pane.take_focus()  # it is lost while the terminal is too small

    def draw(self) -> None:
        self.draw_frame()
        if self._host.state.connection.hello is not None:
            self.pane.draw()

    def draw_frame(self) -> None:
        """Draw what is around the pane."""
        host, state, width = self._host, self._host.state, self.app.size.width
        now, is_lost = host.clock(), state.connection.link is Link.LOST
        head = self.query_one("#head", TextBar)
        is_demo = host.agent.is_demo
        head.put(frame.head_text(state, host.glyphs, now, width, is_demo=is_demo))
        for gravity in (GRAVE, NOTABLE):
            head.set_class(state.gravity() == gravity, f"-{gravity}")
        self.query_one(TabBar).put(frame.tab_titles(state, width), self.tab)
        banner = self.query_one("#banner", TextBar)
        text = frame.banner_text(
            state,
            now,
            width,
            is_readonly=host.actions.is_readonly,
            can_start=host.agent.is_local and not is_demo,
        )
        banner.display = bool(text)
        banner.put(text)
        banner.set_class(is_lost, "-lost")
        self.query_one("#panes").set_class(is_lost, "-stale")
        self._draw_no_agent(now)
        self.draw_foot()
        self.pane.offer_actions()

    def _draw_no_agent(self, now: float) -> None:
        """Show the panes, or the view in their place when no agent has ever answered."""
        view, panes, agent = self.query_one(NoAgentView), self.query_one("#panes"), self._host.agent
        connection = self._host.state.connection
        is_absent = connection.hello is None and connection.link is Link.LOST
        if view.display != is_absent or panes.display == is_absent:
            view.display, panes.display = is_absent, not is_absent
            if not is_absent:
                self.pane.take_focus()
        if is_absent:
            if self.focused is not view:  # the focus of a hidden pane moves on by itself
                self.set_focus(view)
            view.put(
                frame.no_agent_text(self._host.state, agent.socket, now, can_start=agent.is_local)
            )

    def draw_foot(self) -> None:
        """Draw the last action, or the status of the pane, or how old the data is."""
        host, connection = self._host, self._host.state.connection
        if not self.is_mounted:
            return
        if connection.link is Link.LOST and connection.answered_at:
            text = frame.stale_text(host.state, host.clock())
        else:
            text = host.messages.latest_report or self.pane.status()
        self.query_one("#foot", TextBar).put(text)

    def action_show_tab(self, name: str) -> None:
        self.show_tab(name)

    def action_go_to(self, start: str | None = None) -> None:
        """Ask for a place or a command. start: what the line begins with."""
        self.query_one(BucketsPane).navigation.ask(start)

    def show_tab(self, name: str) -> None:
        self.query_one("#panes", ContentSwitcher).current = name
        self._host.feed.tab = name
        self._host.feed.poll_now()
        self.pane.take_focus()
        self.draw()

    def show_row(self, tab: str, row: str) -> None:
        self.show_tab(tab)
        if row:
            self.pane.show_row(row)

    def show_place(self, bucket: str, key: str) -> None:
        self.show_tab("buckets")
        folder = key.rstrip("/").rpartition("/")[0]
        place = (bucket, f"{folder}/" if folder else "")
        self.query_one(BucketsPane).navigation.open_place(place, select=key)

    def show_log(self, text: str) -> None:
        self.show_tab("logs")
        self.query_one(LogsPane).search(text)

    def update_listing(self, event: Event) -> None:
        """Take notice of a change in the store: it may be in the listing that is shown."""
        if event.kind == "store.changed":
            bucket, _, key = event.subject.partition("/")
            pane = self.query_one(BucketsPane)
            pane.two_panes.note_change(bucket, key)
            pane.query_one(Inspector).note_change(bucket)
