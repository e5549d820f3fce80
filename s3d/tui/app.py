"""The terminal app: connects the agent, its state and the screen, and has the keys that work
everywhere. What is shown is decided in the main screen and its panes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.screen import Screen

from s3d.shared.errors import S3dError
from s3d.shared.text import count, safe, size
from s3d.tui import frame
from s3d.tui.agent_actions import AgentActions
from s3d.tui.agent_client import Agent
from s3d.tui.app_state import Link, State
from s3d.tui.feed import Feed
from s3d.tui.key_bindings import Sources, keys_of, with_user_keys
from s3d.tui.palette import Commands
from s3d.tui.panes.buckets_pane import BucketsPane
from s3d.tui.panes.pane import Pane
from s3d.tui.preferences import Preferences
from s3d.tui.preview.decoder_client import ProcessDecoder
from s3d.tui.preview.previews import Previews
from s3d.tui.prompts import Prompts
from s3d.tui.screens.main_screen import PANES, MainScreen
from s3d.tui.screens.settings_screen import SettingsScreen
from s3d.tui.start_agent import NotStarted, start_agent
from s3d.tui.table import Table
from s3d.tui.tabs import TABS
from s3d.tui.themes import (
    ASCII,
    CYCLE,
    DEFAULT,
    PLAIN,
    THEMES,
    UNICODE,
    Glyphs,
    WithoutColors,
)
from s3d.tui.type_ahead import TypeAheadApp
from s3d.tui.user_messages import Messages

DRAW_INTERVAL = 0.1
"""Seconds between two drawings, at least."""
_WITHOUT_COLORS = WithoutColors()


class S3dApp(TypeAheadApp):
    """Talks to one agent. The result of run() is what to print in the terminal afterwards."""

    CSS_PATH = "app.tcss"
    TITLE = "s3d"
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    COMMANDS = {Commands}  # noqa: RUF012 - as Textual has it
    AUTO_FOCUS = None
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - as Textual has them
        (0, "-tiny"), (frame.MIN_WIDTH, "-narrow"), (frame.WIDE, "-wide"), (130, "-broad"),
    ]  # fmt: skip
    VERTICAL_BREAKPOINTS = [(0, "-low"), (frame.MIN_HEIGHT, "-short"), (28, "-high")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r,f5", "refresh_data", "Refresh or reconnect", show=False, id="again"),
        Binding("ctrl+p", "command_palette", "Commands", show=False),
        Binding("comma", "settings", "Settings", show=False, id="settings"),
        Binding("f2", "theme", "Next theme", show=False, id="theme"),
        Binding("f12", "picture", "Save a screenshot", show=False, id="picture"),
        Binding("question_mark", "keys", "Help", id="help"),
        Binding("f8", "start_agent", "Start the agent", show=False, id="start"),
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
        draw_interval: float = DRAW_INTERVAL,
        color: bool = True,
    ) -> None:
        """clock: Unix seconds. is_readonly: nothing that changes the agent is sent."""
        super().__init__()
        self.agent, self.glyphs, self.clock = agent, glyphs, clock
        self.preferences = preferences or Preferences()
        self.main = MainScreen(draw_interval)
        self.state = State()
        self.feed = Feed(
            agent,
            self.state,
            changed=self.main.request_drawing,
            on_event=self.main.update_listing,
            clock=clock,
        )
        self.messages = Messages(self, glyphs=glyphs, clock=clock, changed=self.main.draw_foot)
        self.prompts = Prompts(self)
        self.actions = AgentActions(
            self,
            agent=agent,
            state=self.state,
            messages=self.messages,
            prompts=self.prompts,
            poll=self.feed.poll_now,
            is_readonly=is_readonly,
        )
        if glyphs is ASCII:
            self.add_class("-ascii")
        if not color:
            self.add_class("-plain")

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What changes the styles of all that is drawn."""
        own = [_WITHOUT_COLORS] if self.has_class("-plain") else []
        return [*super().get_line_filters(), *own]

    @cached_property
    def previews(self) -> Previews:
        """The decoders have a process of their own, which starts with the first preview."""
        return Previews(self.agent, ProcessDecoder())

    def get_default_screen(self) -> Screen[None]:
        return self.main

    def on_mount(self) -> None:
        for theme in THEMES:
            self.register_theme(theme)
        chosen = self.preferences.theme
        if self.has_class("-plain"):
            self.theme = PLAIN
        else:
            self.theme = chosen if chosen in self.available_themes else DEFAULT
        for problem in with_user_keys(self, self.preferences, sources()):
            self.messages.toast(problem, is_error=True)
        self.follow_agent()

    @work(group="feed", exit_on_error=False)
    async def follow_agent(self) -> None:
        await self.feed.run()

    @property
    def pane(self) -> Pane:
        """The pane that is shown."""
        return self.main.pane

    def action_refresh_data(self) -> None:
        """Connect now; or list again what is shown."""
        self.feed.poll_now()
        pane = self.pane
        if isinstance(pane, BucketsPane) and self.state.connection.is_live:
            pane.navigation.reload()

    def action_keys(self) -> None:
        """List all keys that do something now."""
        self.prompts.view("Help: keys", keys_of(self.screen))

    def action_settings(self) -> None:
        self.push_screen(SettingsScreen())

    def action_theme(self) -> None:
        if self.has_class("-plain"):
            self.messages.report("colours are off: start s3d tui without --no-color and NO_COLOR")
            return
        at = CYCLE.index(self.theme) if self.theme in CYCLE else -1
        self.theme = self.preferences.theme = CYCLE[(at + 1) % len(CYCLE)]
        if error := self.preferences.save():
            self.messages.toast(error, is_error=True)
        self.messages.report(f"theme {self.theme}")

    def action_picture(self) -> None:
        self.messages.report(f"saved {self.save_screenshot(path=str(Path.home()))}")

    @work(exclusive=True, group="start", exit_on_error=False)
    async def action_start_agent(self) -> None:
        """Start the agent as a process of its own, which stays when the app ends."""
        if not self.agent.is_local:
            return
        try:
            log = await start_agent()
        except (NotStarted, S3dError) as error:
            lines = [safe(line) for line in str(error).splitlines()]
            self.prompts.view("The agent did not start", lines)
            return
        self.messages.toast(f"Agent started; its log is {log}")
        self.feed.poll_now()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """An agent is started only when none answers."""
        if action == "start_agent":
            can_start = self.agent.is_local and not self.agent.is_demo
            return can_start and self.state.connection.link is Link.LOST
        return True

    def action_explain_quit(self) -> None:
        self.messages.toast("Press q to quit; the agent keeps running")

    def action_leave(self) -> None:
        """Quit; the agent keeps running. Print the number of pending writes."""
        queue = self.state.queue
        if queue is None or not queue.moving.files:
            self.exit()
            return
        self.exit(
            f"{count(queue.moving.files, 'write')}, {size(queue.moving.size)}, still to upload: "
            "the agent continues. s3d queue shows them."
        )

    async def on_unmount(self) -> None:
        await self.previews.close()
        await self.agent.close()


def sources() -> Sources:
    """Every part of the app that has keys, with its title."""
    return [
        ("Everywhere", [*MainScreen.BINDINGS, *S3dApp.BINDINGS]),
        ("Lists", Table.BINDINGS),
        *((tab.title, PANES[tab.name].BINDINGS) for tab in TABS),
    ]
