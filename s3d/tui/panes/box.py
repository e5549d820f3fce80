"""Some lines in a frame."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static


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
        """Another title; it may come from outside if it is safe."""
        self.border_title = Content(title)
