"""The app: tabs, keys, the line that says how the agent is. Data is the feed's matter."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import ContentSwitcher, Footer, Static

from s3d.shared.text import age, safe, size
from s3d.tui.client import Agent, Denied, Lost
from s3d.tui.dialogs import Confirm, View
from s3d.tui.draw import UNICODE, Glyphs
from s3d.tui.feed import Feed
from s3d.tui.panes.buckets import Buckets
from s3d.tui.panes.cache import CachePane
from s3d.tui.panes.dashboard import Dashboard
from s3d.tui.panes.logs import Logs
from s3d.tui.panes.pane import Pane
from s3d.tui.panes.sync import SyncPane
from s3d.tui.panes.transfers import Transfers
from s3d.tui.state import Link, State

TABS: tuple[tuple[str, str, type[Pane]], ...] = (
    ("dashboard", "Dashboard", Dashboard),
    ("buckets", "Buckets", Buckets),
    ("transfers", "Transfers", Transfers),
    ("cache", "Cache", CachePane),
    ("sync", "Sync", SyncPane),
    ("logs", "Logs", Logs),
)
"""In the order of their keys, 1 to 6."""


class S3dApp(App[None]):
    """Talks to one agent. is_readonly: asks it for nothing that changes anything."""

    CSS_PATH = "app.tcss"
    TITLE = "s3d"
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "colon"
    AUTO_FOCUS = None
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (96, "-wide")]  # noqa: RUF012 - as Textual has it
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(n), f"tab('{n}')", tab[1], show=False) for n, tab in enumerate(TABS, 1)),
        Binding("ctrl+r,f5", "again", "Refresh", show=False),
        Binding("question_mark", "keys", "Keys"),
        Binding("q,ctrl+q", "quit", "Quit"),
    ]

    def __init__(
        self,
        agent: Agent,
        *,
        glyphs: Glyphs = UNICODE,
        is_readonly: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """clock: Unix seconds."""
        super().__init__()
        self.agent, self.glyphs, self.is_readonly = agent, glyphs, is_readonly
        self.clock = clock
        self.state = State()
        self.feed = Feed(agent, self.state, self._changed, clock)
        self._is_dirty = True

    def compose(self) -> ComposeResult:
        yield Static("", id="head", markup=False)
        yield Static("", id="tabs", markup=False)
        yield Static("", id="banner", markup=False)
        with ContentSwitcher(initial="dashboard", id="panes"):
            for name, _, kind in TABS:
                with Vertical(id=name):
                    yield kind()
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self.set_interval(0.1, self._draw_if_dirty)
        self.set_interval(1.0, self._changed)
        self.follow()
        self.pane.take_focus()

    @work(group="feed", exit_on_error=False)
    async def follow(self) -> None:
        await self.feed.run()

    @property
    def pane(self) -> Pane:
        """The one that is shown."""
        name = self.query_one("#panes", ContentSwitcher).current or "dashboard"
        return self.query_one(f"#{name}").query_one(Pane)

    def _changed(self) -> None:
        self._is_dirty = True

    def _draw_if_dirty(self) -> None:
        """Ten times a second at most, and only what is seen."""
        if self._is_dirty and self.screen_stack and len(self.screen_stack) == 1:
            self._is_dirty = False
            self._draw_frame()
            self.pane.draw()

    def _draw_frame(self) -> None:
        self.query_one("#head", Static).update(Content(self._head()))
        self.query_one("#tabs", Static).update(Content(self._tabs()))
        banner = self.query_one("#banner", Static)
        text = self._banner()
        banner.display = bool(text)
        banner.update(Content(text))

    def _head(self) -> str:
        state, glyphs = self.state, self.glyphs
        status = state.status
        if state.link is Link.CONNECTED and status is not None:
            up, down = (values[-1] if values else 0.0 for values in (state.up, state.down))
            offline = ""
            if status.remote is not None and status.remote.ok is False:
                offline = "  remote offline: writes are queued here"
            rates = f"{glyphs.up} {size(round(up))}/s  {glyphs.down} {size(round(down))}/s"
            return safe(f" s3d {glyphs.on} connected  agent {status.version}  {rates}{offline}")
        words = {
            Link.CONNECTING: "connecting",
            Link.LOST: "disconnected",
            Link.FOREIGN: "read only",
        }
        return f" s3d {glyphs.off} {words.get(state.link, 'connected')}"

    def _tabs(self) -> str:
        shown = self.query_one("#panes", ContentSwitcher).current
        parts = []
        for number, (name, title, _) in enumerate(TABS, 1):
            count = self._count(name)
            text = f"{number} {title}" + (f" {count}" if count else "")
            parts.append(f"[{text}]" if name == shown else f" {text} ")
        return " ".join(parts)

    def _count(self, name: str) -> str:
        if name == "transfers" and self.state.transfers:
            return str(len(self.state.transfers))
        troubled = sum(folder.state == "stopped" for folder in self.state.folders)
        return f"!{troubled}" if name == "sync" and troubled else ""

    def _banner(self) -> str:
        state = self.state
        if state.link is Link.LOST:
            wait = max(0.0, state.retry_at - self.clock())
            old = f"; this is {age(self.clock() - state.fresh)} old" if state.fresh else ""
            return safe(
                f" The agent does not answer: {state.why}{old}. Next try in {wait:.0f} s, "
                "ctrl+r now. Start it with: s3d run"
            )
        if state.link is Link.FOREIGN:
            return " The agent speaks another version of the control API: update the older one."
        return " Read only" if self.is_readonly else ""

    def action_tab(self, number: str) -> None:
        name = TABS[int(number) - 1][0]
        self.query_one("#panes", ContentSwitcher).current = name
        self.feed.shown = name
        self.feed.hurry()
        self.pane.take_focus()
        self._draw_frame()
        self.pane.draw()

    def action_again(self) -> None:
        self.feed.hurry()

    def action_keys(self) -> None:
        """All keys that do something here."""
        lines = [
            f"{binding.key.replace('_', ' '):12} {binding.description}"
            for _, binding, enabled, _ in self.screen.active_bindings.values()
            if enabled and binding.description
        ]
        self.view("Keys", sorted(set(lines)))

    def say(self, text: str, *, is_bad: bool = False) -> None:
        """A word in the corner."""
        self.notify(
            safe(text), severity="error" if is_bad else "information", timeout=4, markup=False
        )

    def view(self, title: str, lines: Sequence[str]) -> None:
        self.push_screen(View(title, lines))

    def confirm(self, question: str, then: Callable[[], object]) -> None:
        """Ask, and do it if the answer is yes."""

        def answered(yes: bool | None) -> None:
            if yes:
                then()

        self.push_screen(Confirm(question), answered)

    @work(group="act", exit_on_error=False)
    async def act(self, method: str, path: str, done: str, body: Any = None) -> None:
        """Ask the agent for something, and say when it is done, or why not."""
        if self.is_readonly or not self.state.is_live:
            why = "this is read only" if self.is_readonly else "the agent does not answer"
            self.say(why, is_bad=True)
            return
        try:
            await self.agent.ask(method, path, object, body)
        except (Lost, Denied) as error:
            hint = error.problem.hint if isinstance(error, Denied) else ""
            self.say(f"{error}. {hint}" if hint else str(error), is_bad=True)
            return
        self.say(done)
        self.feed.hurry()

    async def on_unmount(self) -> None:
        await self.agent.close()
