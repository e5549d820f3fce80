"""What panes and screens may use of the app. They know this protocol, never the app itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

from textual.await_complete import AwaitComplete
from textual.dom import DOMNode
from textual.geometry import Size
from textual.screen import Screen

from s3d.tui.agent_actions import AgentActions
from s3d.tui.agent_client import Agent
from s3d.tui.app_state import State
from s3d.tui.feed import Feed
from s3d.tui.preferences import Preferences
from s3d.tui.preview.previews import Previews
from s3d.tui.prompts import Prompts
from s3d.tui.themes import Glyphs
from s3d.tui.user_messages import Messages


class MainView(Protocol):
    """The screen with the tabs. Tabs are addressed by the names in TABS."""

    def show_tab(self, name: str) -> None: ...

    def show_row(self, tab: str, row: str) -> None:
        """Show a tab with the cursor on a row; "" leaves the cursor where it is."""

    def show_place(self, bucket: str, key: str) -> None:
        """Show the listing that contains a key, with the cursor on it."""

    def show_log(self, text: str) -> None:
        """Show the log, with the cursor on the last line that contains a text."""

    def draw_foot(self) -> None:
        """Draw the line at the foot again, because the pane has another status."""


class Host(Protocol):
    """The app."""

    agent: Agent
    state: State
    feed: Feed
    actions: AgentActions
    messages: Messages
    prompts: Prompts
    preferences: Preferences
    glyphs: Glyphs
    clock: Callable[[], float]
    """Unix seconds."""

    @property
    def previews(self) -> Previews: ...

    @property
    def main(self) -> MainView: ...

    @property
    def size(self) -> Size: ...

    def push_screen(
        self, screen: Screen[Any], callback: Callable[[Any], Any] | None = None
    ) -> AwaitComplete | object:
        """Show a screen above the others. callback: called with its result."""


def host_of(node: DOMNode) -> Host:
    """The app that a pane, widget or screen belongs to."""
    return cast("Host", node.app)
