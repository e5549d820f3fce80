"""Some lines in a frame."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from textual.content import Content
from textual.widgets import Static

_AROUND_TITLE = 6
"""Cells of the frame beside a title: corners, lines and spaces."""


class Box(Static):
    """What it holds is text and never markup; it is drawn anew only when it has changed."""

    def __init__(self, title: str, id: str) -> None:
        super().__init__(id=id, classes="box", markup=False)
        self.border_title = Content(title)
        self._lines: Sequence[str] = ()

    def put(self, *lines: str) -> None:
        """lines: safe ones."""
        if lines != self._lines:
            self._lines = lines
            self.update(Content("\n".join(lines)))

    def name_it(self, title: str) -> None:
        """Another title; it may come from outside if it is safe. What does not fit is cut off here:
        Textual would end it with an ellipsis, which --ascii must not show."""
        room = self.outer_size.width - _AROUND_TITLE
        if 0 < room < cell_len(title):
            title = set_cell_size(title, room).rstrip()
        self.border_title = Content(title)
