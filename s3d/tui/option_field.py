"""A field of a form with a few choices on one row, of which one is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Click, Key
from textual.geometry import Offset
from textual.message import Message
from textual.widgets import Static

from s3d.shared.text import safe
from s3d.tui.themes import COLORS

HINT = "left and right, or the first letter, choose"


class OptionField(Static, can_focus=True):
    """Shows all choices; the chosen one is in brackets, so that it is seen without colours."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,l,space", "choose(1)", "Next choice", show=False),
        Binding("left,h", "choose(-1)", "Choice before", show=False),
        Binding("enter", "submit", "Go on", show=False),
    ]

    class Changed(Message):
        """Another choice. field: where."""

        def __init__(self, field: OptionField) -> None:
            self.field = field
            super().__init__()

    class Submitted(Message):
        """Enter was pressed."""

    def __init__(self, options: Sequence[str], value: str, id: str) -> None:
        super().__init__(id=id, markup=False)
        self._options = tuple(options)
        self._at = self._options.index(value) if value in options else 0

    def on_mount(self) -> None:
        self._draw()

    def on_focus(self) -> None:
        self.app.cursor_position = self.cursor_screen_offset

    @property
    def cursor_screen_offset(self) -> Offset:
        """Where the terminal's own cursor belongs, as screen readers follow it."""
        return self.content_region.offset

    @property
    def value(self) -> str:
        return self._options[self._at]

    @value.setter
    def value(self, text: str) -> None:
        """A text that is no choice changes nothing."""
        if text in self._options and text != self.value:
            self._at = self._options.index(text)
            self._draw()
            self.post_message(self.Changed(self))

    def action_choose(self, by: int) -> None:
        self.value = self._options[(self._at + by) % len(self._options)]

    def action_submit(self) -> None:
        self.post_message(self.Submitted())

    def on_key(self, event: Key) -> None:
        """The first letter of a choice picks it; pressed again, the next one with that letter."""
        letter = event.character
        following = [*self._options[self._at + 1 :], *self._options[: self._at + 1]]
        if letter and letter.isalnum() and letter not in "hl":
            for option in following:
                if option.lower().startswith(letter.lower()):
                    self.value = option
                    event.stop()
                    return

    def on_click(self, event: Click) -> None:
        edge = 0
        for option in self._options:
            edge += len(option) + 3
            if event.x < edge:
                self.value = option
                return

    def _draw(self) -> None:
        pieces = []
        for option in self._options:
            if option == self.value:
                pieces.append((f"[{safe(option)}] ", f"bold {COLORS['accent']}"))
            else:
                pieces.append((f" {safe(option)}  ", ""))
        self.update(Content.assemble(*pieces))
