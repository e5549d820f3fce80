"""The app: the frame around the panes, and which of them is seen. Data is the feed's matter."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.css.query import NoMatches
from textual.events import AppBlur, AppFocus
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Footer

from s3d.shared.control import Event
from s3d.shared.errors import S3dError
from s3d.shared.text import count, safe, size
from s3d.tui import frame
from s3d.tui.agent_actions import TOLD, AgentActions
from s3d.tui.agent_client import Agent
from s3d.tui.app_state import ENDED, Link
from s3d.tui.draw import ASCII, UNICODE, Glyphs
from s3d.tui.feed import Feed
from s3d.tui.frame import NoAgentView, Tabs, TextBar
from s3d.tui.keys import Sources, keys_of, with_user_keys
from s3d.tui.palette import commands
from s3d.tui.panes.buckets_pane import BucketsPane
from s3d.tui.panes.cache_pane import CachePane
from s3d.tui.panes.dashboard_pane import DashboardPane
from s3d.tui.panes.logs_pane import LogsPane
from s3d.tui.panes.pane import Pane
from s3d.tui.panes.sync_pane import SyncPane
from s3d.tui.panes.transfers_pane import TransfersPane
from s3d.tui.preferences import Preferences
from s3d.tui.screens.settings_screen import SettingsScreen
from s3d.tui.start_agent import NotStarted, start_agent
from s3d.tui.table import Table
from s3d.tui.themes import CYCLE, DEFAULT, THEMES

TABS: tuple[tuple[str, str, str, type[Pane]], ...] = (
    ("dashboard", "Dashboard", "Dash", DashboardPane),
    ("buckets", "Buckets", "Buckets", BucketsPane),
    ("transfers", "Transfers", "Xfer", TransfersPane),
    ("cache", "Cache", "Cache", CachePane),
    ("sync", "Sync", "Sync", SyncPane),
    ("logs", "Logs", "Logs", LogsPane),
)
"""Name, title, short title; in the order of their keys, 1 to 6."""
FRAMES = 0.1
"""Seconds between two drawings, at least; more when nobody looks."""
FRAMES_BLURRED = 0.25


class S3dApp(AgentActions):
    """Talks to one agent.

    socket: where it is, for people. is_here: it is on this machine, so paths can be checked.
    """

    CSS_PATH = "app.tcss"
    TITLE = "s3d"
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    AUTO_FOCUS = None
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (frame.WIDE, "-wide"), (130, "-broad")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (28, "-high")]  # noqa: RUF012 - as Textual has them
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(n), f"tab('{n}')", tab[1], show=False) for n, tab in enumerate(TABS, 1)),
        Binding("ctrl+r,f5", "again", "Refresh, or try to connect", show=False, id="again"),
        Binding("colon,ctrl+p", "command_palette", "Commands", show=False),
        Binding("comma", "settings", "Settings", show=False, id="settings"),
        Binding("f2", "theme", "Another theme", show=False, id="theme"),
        Binding("f12", "picture", "Save a picture of the screen", show=False, id="picture"),
        Binding("question_mark", "keys", "Help", id="help"),
        Binding("q", "leave", "Quit", id="quit"),
        Binding("ctrl+q", "leave", "Quit", show=False),
    ]

    def __init__(
        self,
        agent: Agent,
        *,
        glyphs: Glyphs = UNICODE,
        is_readonly: bool = False,
        clock: Callable[[], float] = time.time,
        preferences: Preferences | None = None,
        socket: str = "",
        is_here: bool = True,
        frames: float = FRAMES,
    ) -> None:
        """clock: Unix seconds. frames: seconds between two drawings."""
        super().__init__(
            agent,
            glyphs=glyphs,
            is_readonly=is_readonly,
            preferences=preferences or Preferences(),
            clock=clock,
        )
        self.socket, self.is_here = socket, is_here
        if glyphs is ASCII:
            self.add_class("-ascii")
        self.feed = Feed(agent, self.state, self._changed, clock)
        self.feed.on_event = self._happened
        self.last_word = ""
        """What is said in the terminal when the app has ended."""
        self._is_dirty = True
        self._is_seen, self._drawn = True, 0.0
        self._frames = frames

    def compose(self) -> ComposeResult:
        yield TextBar("head")
        yield Tabs("tabs")
        yield TextBar("banner")
        yield NoAgentView(id="absent")
        with ContentSwitcher(initial="dashboard", id="panes"):
            for name, _, _, kind in TABS:
                with Vertical(id=name):
                    yield kind()
        yield TextBar("foot")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        for theme in THEMES:
            self.register_theme(theme)
        wanted = self.preferences.theme
        if self.theme not in CYCLE[-1:]:
            self.theme = wanted if wanted in self.available_themes else DEFAULT
        for trouble in with_user_keys(self, self.preferences, sources()):
            self.say(trouble, is_bad=True)
        self._timer = self.set_interval(self._frames, self._draw_if_dirty)
        self.set_interval(1.0, self._changed)
        self.follow()
        self.pane.take_focus()

    @work(group="feed", exit_on_error=False)
    async def follow(self) -> None:
        await self.feed.run()

    @property
    def pane(self) -> Pane:
        """The one that is shown."""
        return self._base.query_one(f"#{self._shown}").query_one(Pane)

    @property
    def _base(self) -> Screen[object]:
        """The screen with the panes; a dialog may be before it."""
        return self.screen_stack[0]

    @property
    def _shown(self) -> str:
        return self._base.query_one("#panes", ContentSwitcher).current or "dashboard"

    @property
    def has_standing(self) -> bool:
        """The agent can tell how each key is with queue and cache."""
        status = self.state.status
        return status is not None and status.remote is not None

    @property
    def is_slow(self) -> bool:
        """Each question about an object may go to a remote: only when the cursor rests."""
        return self.has_standing

    # Drawing

    def _changed(self) -> None:
        self._is_dirty = True

    def _happened(self, event: Event) -> None:
        """What changes in the store may be what is listed."""
        if event.kind == "store.changed":
            bucket, _, key = event.subject.partition("/")
            self._base.query_one(BucketsPane).changed(bucket, key)

    def on_resize(self) -> None:
        self._changed()

    def on_app_blur(self, event: AppBlur) -> None:
        self._is_seen = False

    def on_app_focus(self, event: AppFocus) -> None:
        self._is_seen = True

    def _draw_if_dirty(self) -> None:
        """So many times a second at most, and only what is seen."""
        now = time.monotonic()
        if not self._is_seen and now - self._drawn < FRAMES_BLURRED:
            return
        if self._is_dirty and len(self.screen_stack) == 1:
            self._is_dirty, self._drawn = False, now
            with suppress(NoMatches):  # the app is ending
                self.draw()

    def draw(self) -> None:
        self.draw_frame()
        if self.state.hello is not None:
            self.pane.draw()

    def draw_frame(self) -> None:
        state, now, width = self.state, self.clock(), self.size.width
        self._base.query_one("#head", TextBar).put(frame.head(state, self.glyphs, now, width))
        self._base.query_one(Tabs).put(
            self._titles(), [tab[0] for tab in TABS].index(self._shown) + 1
        )
        banner = self._base.query_one("#banner", TextBar)
        text = frame.banner(state, now, is_readonly=self.is_readonly)
        banner.display = bool(text)
        banner.put(text)
        banner.set_class(state.link is Link.LOST, "-lost")
        self._draw_absent(now)
        self.draw_foot()

    def _draw_absent(self, now: float) -> None:
        """The panes, or a word in their place when there was never anything to show."""
        absent, panes = self._base.query_one(NoAgentView), self._base.query_one("#panes")
        is_absent = self.state.hello is None and self.state.link is Link.LOST
        panes.set_class(self.state.link is Link.LOST, "-stale")
        if absent.display != is_absent or panes.display == is_absent:
            absent.display, panes.display = is_absent, not is_absent
            if not is_absent:
                self.pane.take_focus()
        if is_absent:
            if self._base.focused is not absent:  # the focus of a hidden pane moves on by itself
                self._base.set_focus(absent)
            absent.put(frame.absent(self.state, self.socket, now, can_start=self.is_here))

    def draw_foot(self) -> None:
        """What was done just now, or what the pane has to say; how old it is when it is stale."""
        if not self.screen_stack:
            return
        at, told = self.told
        if self.state.link is Link.LOST and self.state.fresh:
            text = frame.stale(self.state, self.clock())
        elif told and self.clock() - at < TOLD:
            text = told
        else:
            text = self.pane.status()
        self._base.query_one("#foot", TextBar).put(text)

    def _titles(self) -> list[str]:
        is_wide = self.size.width >= frame.WIDE
        return [
            " ".join(part for part in (title if is_wide else short, self._count(name)) if part)
            for name, title, short, _ in TABS
        ]

    def _count(self, name: str) -> str:
        if name == "transfers":
            left = [each for each in self.state.transfers if each.state not in ENDED]
            return str(len(left)) if left else ""
        troubled = sum(folder.state == "stopped" for folder in self.state.folders)
        troubled += sum(folder.conflicts for folder in self.state.folders)
        return f"!{troubled}" if name == "sync" and troubled else ""

    def show_place(self, bucket: str, key: str) -> None:
        """A level of Buckets, with the cursor on the key."""
        self.show_tab(2)
        folder = key.rstrip("/").rpartition("/")[0]
        self._base.query_one(BucketsPane).enter((bucket, f"{folder}/" if folder else ""), then=key)

    def show_log(self, wanted: str) -> None:
        """The log, where it tells of something."""
        self.show_tab(6)
        self._base.query_one(LogsPane).search(wanted)

    # Keys

    def on_tabs_chosen(self, event: Tabs.Chosen) -> None:
        self.show_tab(event.number)

    def action_tab(self, number: str) -> None:
        self.show_tab(int(number))

    def show_tab(self, number: int) -> None:
        name = TABS[number - 1][0]
        self._base.query_one("#panes", ContentSwitcher).current = name
        self.feed.shown = name
        self.hurry()
        self.pane.take_focus()
        self.draw()

    def hurry(self) -> None:
        self.feed.hurry()

    def action_again(self) -> None:
        """Connect now; or list again what is shown."""
        self.hurry()
        pane = self.pane
        if isinstance(pane, BucketsPane) and self.state.is_live:
            pane.action_again()

    def action_keys(self) -> None:
        """All keys that do something here."""
        self.view("Keys", keys_of(self.screen.active_bindings.values()))

    def action_settings(self) -> None:
        self.push_screen(SettingsScreen())

    def action_theme(self) -> None:
        at = CYCLE.index(self.theme) if self.theme in CYCLE else -1
        self.theme = self.preferences.theme = CYCLE[(at + 1) % len(CYCLE)]
        self.keep_preferences()
        self.tell(f"theme {self.theme}")

    def action_picture(self) -> None:
        self.tell(f"saved {self.save_screenshot(path=str(Path.home()))}")

    @work(exclusive=True, group="start", exit_on_error=False)
    async def action_start_agent(self) -> None:
        """As a service of its own, which stays when the app ends."""
        if not self.is_here:
            return
        try:
            log = await start_agent()
        except (NotStarted, S3dError) as error:
            self.view("The agent has not started", [safe(line) for line in str(error).splitlines()])
            return
        self.say(f"started; what it says goes to {log}")
        self.hurry()

    def action_leave(self) -> None:
        """The agent goes on; with writes that the remote does not have, it is said."""
        status = self.state.status
        left = status.queue.moving if status is not None and status.queue is not None else None
        if left is not None and left.files:
            self.last_word = (
                f"{count(left.files, 'write')}, {size(left.size)}, on the way to the remote: "
                "the agent goes on. s3d queue shows them."
            )
        self.exit()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        yield from commands(self, screen, [title for _, title, _, _ in TABS])

    async def on_unmount(self) -> None:
        await self.agent.close()


def sources() -> Sources:
    """Every part that has keys."""
    return [
        ("Everywhere", S3dApp.BINDINGS),
        ("Lists", Table.BINDINGS),
        *((title, kind.BINDINGS) for _, title, _, kind in TABS),
    ]
