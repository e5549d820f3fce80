"""Go to: one line for places and commands, which is completed level by level."""

from __future__ import annotations

from contextlib import aclosing, suppress
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Event, Key
from textual.screen import ModalScreen
from textual.widgets import Input

from s3d.tui.agent_client import AgentUnreachable, RequestRefused, listing_pages
from s3d.tui.columns import Column
from s3d.tui.draw import frame_keys
from s3d.tui.host import Host, host_of
from s3d.tui.omnibox import Known, Suggestion, is_command, level_to_read, suggest
from s3d.tui.places import PrefixName
from s3d.tui.table import Row, Table

MAX_PAGES = 5
"""Pages of a level that are read for its names: 5,000 of them."""
COMPLETING_KEYS = ("enter", "tab", "down", "up")
"""Keys that mean the names of a level: they wait until it was read."""


_NOTHING = "Nothing has this name."
_NO_COMMAND = "No command begins like this: type only : to list them."
_KEYS = ("tab completes", "enter opens", ": commands", "esc cancels")


class PlaceInput(Input):
    """The line. is_reading: the names of the level are on their way."""

    is_reading = False

    def holds_key(self, event: Event) -> bool:
        return self.is_reading and isinstance(event, Key) and event.key in COMPLETING_KEYS


class GoToScreen(ModalScreen[Suggestion | None]):
    """Returns what was chosen; a place as it was typed, when nothing matches it.

    start: what is in the line at first, selected so that the next letter replaces it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", priority=True),
        Binding("tab", "complete", "Complete", priority=True),
        Binding("down", "move(1)", "Down", priority=True, show=False),
        Binding("up", "move(-1)", "Up", priority=True, show=False),
        Binding("pagedown", "move(1, 'page')", "Page down", priority=True, show=False),
        Binding("pageup", "move(-1, 'page')", "Page up", priority=True, show=False),
    ]

    def __init__(self, start: str, known: Known) -> None:
        super().__init__()
        self._start, self._known = start, known
        self._names: dict[PrefixName, list[str]] = {}
        """The names of each level that was read."""
        self._suggestions: list[Suggestion] = []

    @property
    def _host(self) -> Host:
        return host_of(self)

    def compose(self) -> ComposeResult:
        box = Vertical(classes="dialog tall")
        box.border_title = Content("Go to")
        box.border_subtitle = frame_keys(_KEYS, self._host.size.width)
        with box:
            yield PlaceInput(
                self._start, id="go-to", compact=True, select_on_focus=not is_command(self._start),
                placeholder="a name, s3://BUCKET/KEY, an ARN, a URL, or :command",
            )  # fmt: skip
            yield Table(
                (Column("Name"), Column("", 9)), glyphs=self._host.glyphs, id="suggestions",
                empty=_NOTHING,
            )  # fmt: skip

    def on_mount(self) -> None:
        self.query_one(Table).can_focus = False
        self.set_focus(self.query_one(PlaceInput))
        self._update()

    @on(Input.Changed)
    def _update(self) -> None:
        """Offer what fits the text, and read the names of its level."""
        text, line = self.query_one(PlaceInput).value, self.query_one(PlaceInput)
        level = level_to_read(text)
        line.is_reading = level is not None and level not in self._names
        names = self._names.get(level, []) if level is not None else []
        self._suggestions = [] if line.is_reading else suggest(text, self._known, names)
        table = self.query_one(Table)
        nothing = _NO_COMMAND if is_command(text) else _NOTHING
        table.empty = "reading" if line.is_reading else nothing
        table.show(
            [
                Row(f"{number}", (each.label, each.kind), hits=each.hits)
                for number, each in enumerate(self._suggestions)
            ]
        )
        table.go("0")
        if level is not None and line.is_reading:
            self._read(level)

    @work(exclusive=True, group="names", exit_on_error=False)
    async def _read(self, level: PrefixName) -> None:
        """The first pages of a level; of one that cannot be read, no names."""
        names: list[str] = []
        pages = listing_pages(self._host.agent, *level)
        with suppress(AgentUnreachable, RequestRefused):
            async with aclosing(pages):
                number = 0
                async for page in pages:
                    names += [*page.prefixes, *(info.key for info in page.objects)]
                    number += 1
                    if number == MAX_PAGES:
                        break
        self._names[level] = [name for name in names if name != level[1]]
        self._update()

    @property
    def _current(self) -> Suggestion | None:
        line = self.query_one(Table).cursor.line
        return self._suggestions[line] if line < len(self._suggestions) else None

    def action_move(self, by: int, unit: str = "row") -> None:
        self.query_one(Table).action_move(by, unit)

    def action_complete(self) -> None:
        """Write the suggestion under the cursor into the line: the next level is offered then."""
        line, current = self.query_one(PlaceInput), self._current
        if current is not None and current.kind == "place" and len(self._suggestions) > 1:
            current = self._suggestions[1]
        if current is not None and current.kind != "below":
            line.value = current.text
            line.cursor_position = len(current.text)

    def on_table_opened(self) -> None:
        self._choose()

    @on(Input.Submitted)
    def _choose(self) -> None:
        """Return the suggestion under the cursor; what was typed when there is none."""
        text, current = self.query_one(PlaceInput).value, self._current
        if is_command(text):
            self.dismiss(Suggestion(text, text, "command"))
        else:
            self.dismiss(current or Suggestion(text, text, "place"))
