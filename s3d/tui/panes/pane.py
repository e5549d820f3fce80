"""What all panes have in common: they are drawn from the State, and act through the Host."""

from __future__ import annotations

from typing import ClassVar

from textual.actions import parse as parse_action_text
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Key
from textual.widgets import Input

from s3d.tui.agent_actions import NOT_RESPONDING
from s3d.tui.app_state import Link, State
from s3d.tui.host import Host, host_of
from s3d.tui.match import NameFilter, Unmatchable
from s3d.tui.table import Table
from s3d.tui.themes import Glyphs


class Pane(Vertical):
    """One tab's content. draw() is called when the State has changed and the pane is shown."""

    FOCUS = ""
    """Selector of the widget that has the focus when the pane is shown: its table."""

    WRITES: ClassVar[frozenset[str]] = frozenset()
    """Actions that change something, as "name" or "name argument": not there when the app is
    read-only."""

    _offered: tuple[bool | None, ...] = ()
    """What check_action said of the keys that the footer shows, when it last changed."""

    @property
    def host(self) -> Host:
        return host_of(self)

    @property
    def state(self) -> State:
        return self.host.state

    @property
    def glyphs(self) -> Glyphs:
        return self.host.glyphs

    @property
    def table(self) -> Table:
        """The main table."""
        return self.query_one(self.FOCUS, Table)

    def draw(self) -> None:
        """Show what the State says."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing that writes is offered when the app is read-only; what is not possible now, or
        for the row under the cursor, is shown as that."""
        if self.host.actions.is_readonly and self._writes(action, parameters):
            return False
        return None if self._why_not(action, parameters) else True

    def _writes(self, action: str, parameters: tuple[object, ...]) -> bool:
        """Whether an action changes something."""
        names = {action, f"{action} {parameters[0]}" if parameters else action}
        return bool(names & self.WRITES)

    def _why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        """Why an action is not possible now; empty when it is."""
        if self.state.connection.link is Link.LOST and self._writes(action, parameters):
            return NOT_RESPONDING
        return self.refusal(action, parameters)

    def offer_actions(self) -> None:
        """Let the footer show other keys when other actions are possible."""
        shown = [each for _, each in self._bindings if each.show]
        offered = tuple(self.check_action(*parse_action(each.action)) for each in shown)
        if offered != self._offered:
            self._offered = offered
            self.refresh_bindings()

    def on_key(self, event: Key) -> None:
        """A key whose action is not possible now says why; keys of other widgets are not seen."""
        for binding in self._bindings.key_to_bindings.get(event.key, ()):
            name, parameters = parse_action(binding.action)
            if self.check_action(name, parameters):
                continue
            readonly = self.check_action(name, parameters) is False
            text = "The app is read-only" if readonly else self._why_not(name, parameters)
            self.host.messages.toast(text)
            event.stop()
            return

    def refusal(self, action: str, parameters: tuple[object, ...]) -> str:
        """Why an action is not possible for what is under the cursor; empty when it is."""
        return ""

    def status(self) -> str:
        """The line at the foot: safe text."""
        return ""

    def show_row(self, id: str) -> None:
        """Put the cursor on a row."""
        self.table.go(id)

    def take_focus(self) -> None:
        """Set the focus at once, without waiting for a refresh: the next key is for the table."""
        self.screen.set_focus(self.table)


def parse_action(text: str) -> tuple[str, tuple[object, ...]]:
    """Name and arguments of the action of a binding."""
    _, name, parameters = parse_action_text(text)
    return name, parameters


class FilterInput(Input):
    """A line to type a filter or a search into; it is only there while it is used.

    The arrows move the cursor of the table that is filtered.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "move(-1, 'page')", "Page up", show=False),
        Binding("pagedown", "move(1, 'page')", "Page down", show=False),
    ]

    def __init__(self, id: str, placeholder: str = "text  !text  ~regex") -> None:
        super().__init__(id=id, compact=True, placeholder=placeholder)
        self.display = False

    def open(self) -> None:
        """Show it and give it the focus at once: the next key is for it."""
        self.display = True
        self.screen.set_focus(self)

    def action_move(self, by: int, unit: str = "row") -> None:
        pane = next(each for each in self.ancestors if isinstance(each, Pane))
        for table in pane.query(pane.FOCUS).results(Table):
            table.action_move(by, unit)

    def close(self) -> None:
        """Hide it without its text. It posts no message of that change."""
        with self.prevent(Input.Changed):
            self.display, self.value = False, ""


class FilteredPane(Pane):
    """A pane whose rows are filtered by name while the filter is typed."""

    def __init__(self) -> None:
        super().__init__()
        self.filter = NameFilter()
        self._before_filter = ""
        """The row under the cursor when the filter was begun."""

    def action_filter(self) -> None:
        if not self.filter.text:
            self._before_filter = self.table.cursor.id
        self.query_one(FilterInput).open()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while the user types; what is not valid yet filters nothing."""
        try:
            self.filter = NameFilter(event.value)
        except Unmatchable:
            self.filter = NameFilter()
        self.draw()

    def on_input_submitted(self) -> None:
        self.take_focus()

    def action_unfilter(self) -> None:
        """Show all rows again, without marks; after a filter that nothing matched, with the cursor
        where it was before."""
        had_match = len(self.table.rows) > 0
        self.query_one(FilterInput).close()
        self.filter = NameFilter()
        self.table.unmark()
        self.take_focus()
        self.draw()
        if not had_match:
            self.table.go(self._before_filter)
