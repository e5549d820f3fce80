"""A table of any number of rows: only what is seen is drawn.

Textual's own takes 21 s for 100,000 rows. Here rows are tuples in a list, and a line is drawn when
it comes into view.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from s3d.tui.draw import UNICODE, Glyphs, cell


class Column(NamedTuple):
    """width: cells; 0 takes what is left, for one column."""

    title: str
    width: int = 0
    right: bool = False


class Row(NamedTuple):
    """id: what stays the same when the row changes. style: of Rich."""

    id: str
    cells: tuple[str, ...]
    style: str = ""


class Table(ScrollView, can_focus=True):
    """The rows, a cursor that stays on its row, and marks."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False),
        Binding("home,g", "edge(0)", "Top", show=False),
        Binding("end,G", "edge(-1)", "End", show=False),
        Binding("space", "mark", "Mark", show=False),
        Binding("enter,l,right", "open", "Open", show=False),
    ]
    DEFAULT_CSS = "Table { height: 1fr; overflow-x: hidden; }"

    class Moved(Message):
        """The cursor is on another row."""

    class Opened(Message):
        """Enter was pressed on a row, or it was clicked twice."""

        def __init__(self, id: str) -> None:
            self.row = id
            super().__init__()

    def __init__(
        self, columns: Sequence[Column], *, glyphs: Glyphs = UNICODE, empty: str = "", id: str = ""
    ) -> None:
        """empty: what is said when there are no rows."""
        super().__init__(id=id or None)
        self.columns, self.glyphs, self.empty = columns, glyphs, empty
        self.marks: set[str] = set()
        self._rows: Sequence[Row] = ()
        self._place: dict[str, int] | None = None
        self._cursor = 0

    @property
    def rows(self) -> Sequence[Row]:
        return self._rows

    @property
    def current(self) -> Row | None:
        """The row under the cursor."""
        return self._rows[self._cursor] if self._cursor < len(self._rows) else None

    def chosen(self) -> list[str]:
        """Ids of the marked rows; of the one under the cursor when none is marked."""
        if self.marks:
            return [row.id for row in self._rows if row.id in self.marks]
        return [self.current.id] if self.current is not None else []

    def show(self, rows: Sequence[Row]) -> None:
        """Other rows. The cursor stays on the row that it is on, if that is there still."""
        before = self.current
        grown = len(rows) > len(self._rows) and self._rows and rows[0] is self._rows[0]
        self._rows = rows
        if before is not None and not grown:
            self._cursor = self._find(before.id, self._cursor)
        self._cursor = min(self._cursor, max(len(rows) - 1, 0))
        self.virtual_size = Size(self.size.width, len(rows) + 1)
        self.refresh()

    def _find(self, id: str, near: int) -> int:
        """Where a row is now; most often where it was."""
        if near < len(self._rows) and self._rows[near].id == id:
            return near
        found = next((n for n, row in enumerate(self._rows) if row.id == id), near)
        return found

    def go(self, id: str) -> None:
        """Put the cursor on a row."""
        self._move_to(self._find(id, self._cursor))

    def action_move(self, by: int) -> None:
        self._move_to(self._cursor + by)

    def action_page(self, by: int) -> None:
        self._move_to(self._cursor + by * max(self.size.height - 2, 1))

    def action_edge(self, end: int) -> None:
        self._move_to(0 if end == 0 else len(self._rows) - 1)

    def action_mark(self) -> None:
        if self.current is not None:
            self.marks ^= {self.current.id}
            self._move_to(self._cursor + 1)

    def action_open(self) -> None:
        if self.current is not None:
            self.post_message(self.Opened(self.current.id))

    def on_click(self, event: Click) -> None:
        line = event.y - 1 + round(self.scroll_y)
        if 0 <= line < len(self._rows) and event.y > 0:
            self._move_to(line)
            if event.chain == 2:
                self.action_open()

    def _move_to(self, line: int) -> None:
        line = min(max(line, 0), max(len(self._rows) - 1, 0))
        moved = line != self._cursor
        self._cursor = line
        self._into_view()
        self.call_after_refresh(self._into_view)  # what was just shown has its height then
        self.refresh()
        if moved:
            self.post_message(self.Moved())

    def _into_view(self) -> None:
        line, top = self._cursor, round(self.scroll_y)
        height = max(self.size.height - 1, 1)
        if line < top:
            self.scroll_to(y=line, animate=False)
        elif line >= top + height:
            self.scroll_to(y=line - height + 1, animate=False)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y == 0:
            titles = tuple(column.title for column in self.columns)
            return self._line("  ", titles, width, self._style("bold"))
        line = y - 1 + round(self.scroll_y)
        if line >= len(self._rows):
            text = f"  {self.empty}" if not self._rows and y == 2 else ""
            return Strip([Segment(cell(text, width), self._style("dim"))])
        row = self._rows[line]
        is_current = line == self._cursor
        sign = self.glyphs.cursor if is_current else " "
        mark = self.glyphs.on if row.id in self.marks else " "
        style = self._style(row.style)
        if is_current and self.has_focus:
            style += Style(reverse=True)
        return self._line(sign + mark, row.cells, width, style)

    def _style(self, text: str) -> Style:
        return self.rich_style + Style.parse(text or "none")

    def _line(self, signs: str, cells: tuple[str, ...], width: int, style: Style) -> Strip:
        fixed = sum(column.width + 1 for column in self.columns if column.width)
        rest = max(width - len(signs) - fixed - 1, 4)
        parts = [
            cell(text, column.width or rest, right=column.right, more=self.glyphs.more)
            for text, column in zip(cells, self.columns, strict=False)
        ]
        return Strip([Segment(cell(signs + " ".join(parts), width), style)])
