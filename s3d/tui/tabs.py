"""The tabs of the app by name, and the row that shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from textual.content import Content
from textual.events import Click
from textual.widgets import Static

from s3d.tui.themes import COLORS


class Tab(NamedTuple):
    """name: its id everywhere in the code. short_title: in a narrow terminal."""

    name: str
    title: str
    short_title: str


TABS = (
    Tab("dashboard", "Dashboard", "Dash"),
    Tab("buckets", "Buckets", "Buckets"),
    Tab("transfers", "Transfers", "Xfer"),
    Tab("cache", "Cache", "Cache"),
    Tab("sync", "Sync", "Sync"),
    Tab("logs", "Logs", "Logs"),
)
"""In the order of the screen and of the keys 1 to 6."""


def key_of(name: str) -> str:
    """The digit that shows a tab."""
    return str([tab.name for tab in TABS].index(name) + 1)


class TabBar(Static):
    """One row with the titles of all tabs; a click chooses one."""

    def __init__(self, id: str) -> None:
        super().__init__("", id=id, markup=False)
        self._right_edges: list[int] = []
        self._shown: tuple[Sequence[str], str] = ((), "")
        """The titles as they are drawn, and what is between them."""

    def put(self, titles: Sequence[str], shown: str) -> None:
        """titles: safe texts in the order of TABS. shown: name of the tab that is on the screen."""
        parts = [
            f"[{key_of(tab.name)} {title}]"
            if tab.name == shown
            else f" {key_of(tab.name)} {title} "
            for tab, title in zip(TABS, titles, strict=True)
        ]
        gap = " " if sum(map(len, parts)) + len(parts) <= self.app.size.width else ""
        self._right_edges, edge = [], len(gap)
        for part in parts:
            edge += len(part) + len(gap)
            self._right_edges.append(edge)
        if (parts, gap) != self._shown:
            self._shown = (parts, gap)
            pieces = [(gap, "")]
            for tab, part in zip(TABS, parts, strict=True):
                pieces += [*_colored(part, is_shown=tab.name == shown), (gap, "")]
            self.update(Content.assemble(*pieces))

    async def on_click(self, event: Click) -> None:
        for tab, edge in zip(TABS, self._right_edges, strict=True):
            if event.x < edge:
                await self.run_action(f"screen.show_tab('{tab.name}')")
                return


def _colored(part: str, *, is_shown: bool) -> list[tuple[str, str]]:
    """A title with its styles: what needs attention, after an exclamation mark, stands out."""
    style = f"bold {COLORS['accent']}" if is_shown else ""
    title, sign, trouble = part.partition("!")
    if not sign:
        return [(part, style)]
    number, end = trouble.rstrip("] "), trouble[len(trouble.rstrip("] ")) :]
    return [(title, style), (sign + number, f"bold {COLORS['waiting']}"), (end, style)]
