"""A widget that scrolls through any number of lines and draws only the visible ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

Line = str | Strip
"""Text that was made safe, or a strip with its own colours."""


class Lines(ScrollView, can_focus=True):
    """The lines; they scroll in both directions."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "scroll(0, 1)", "Down", show=False),
        Binding("up,k", "scroll(0, -1)", "Up", show=False),
        Binding("right,l", "scroll(8, 0)", "Right", show=False),
        Binding("left,h", "scroll(-8, 0)", "Left", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False),
        Binding("home,g", "scroll_home", "Top", show=False),
        Binding("end,G", "scroll_end", "End", show=False),
    ]

    def __init__(self, lines: Sequence[Line] = (), *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: Sequence[Line] = lines

    def on_mount(self) -> None:
        self.show(self._lines)

    def show(self, lines: Sequence[Line]) -> None:
        """Show other lines at the same scroll position."""
        self._lines = lines
        width = max((_width(line) for line in lines), default=0)
        self.virtual_size = Size(width, len(lines))
        self.refresh()

    def action_scroll(self, x: int, y: int) -> None:
        self.scroll_relative(x=x, y=y, animate=False)

    def action_page(self, by: int) -> None:
        self.scroll_relative(y=by * max(self.size.height - 1, 1), animate=False)

    def render_line(self, y: int) -> Strip:
        left, top = self.scroll_offset
        if top + y >= len(self._lines):
            return Strip.blank(self.size.width, self.rich_style)
        line = self._lines[top + y]
        strip = (
            Strip([Segment(line, self.rich_style)])
            if isinstance(line, str)
            else line.apply_style(self.rich_style)
        )
        return strip.crop_extend(left, left + self.size.width, self.rich_style)


def _width(line: Line) -> int:
    return cell_len(line) if isinstance(line, str) else line.cell_length
