"""A table of any number of rows: only what is seen is drawn.

Textual's own takes 21 s for 100,000 rows. Here rows are tuples in a list, and a line is drawn when
it comes into view.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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

_SIGNS = 2
"""Cells before the first column: cursor and mark."""
_COLORS = {"good": "success", "bad": "error", "odd": "warning"}
"""Style of a row -> colour of the theme."""
_NEAR = 2_000
"""Rows below its old place among which a row is looked for first."""


class Column(NamedTuple):
    """width: cells; 0 takes what is left, or its share of it."""

    title: str
    width: int = 0
    right: bool = False


class Row(NamedTuple):
    """id: what stays the same when the row changes. style: good, bad, odd, or one of Rich."""

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
        Binding("ctrl+d", "half(1)", "Half a page down", show=False),
        Binding("ctrl+u", "half(-1)", "Half a page up", show=False),
        Binding("space", "mark(1)", "Mark", show=False),
        Binding("shift+down", "mark(1, True)", "Mark downwards", show=False),
        Binding("shift+up", "mark(-1, True)", "Mark upwards", show=False),
        Binding("asterisk", "invert", "Invert the marks", show=False),
        Binding("ctrl+a", "mark_all", "Mark all", show=False),
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

    class HeaderClicked(Message):
        """The title of a column was clicked: its number."""

        def __init__(self, column: int) -> None:
            self.column = column
            super().__init__()

    class Marked(Message):
        """Other rows are marked."""

    def __init__(
        self, columns: Sequence[Column], *, glyphs: Glyphs = UNICODE, empty: str = "",
        opens: bool = True, marks: bool = False, id: str = "",
    ) -> None:  # fmt: skip
        """empty: what is said when there are no rows. opens, marks: whether there is that here."""
        super().__init__(id=id or None)
        self.columns, self.glyphs, self.empty = columns, glyphs, empty
        self.opens, self.can_mark = opens, marks
        self.marks: dict[str, None] = {}
        """Ids in the order in which they were marked; also of rows that are not shown now."""
        self.unmarkable: frozenset[str] = frozenset()
        self._rows: Sequence[Row] = ()
        self._id_at: Callable[[int], str] = self._id_of_row
        self._cursor = 0
        self._at = ""
        """Id of the row under the cursor: the rows may be changed in place."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys of what is not there are free for others."""
        if action == "open":
            return self.opens
        return self.can_mark if action in ("mark", "mark_all", "invert") else True

    @property
    def rows(self) -> Sequence[Row]:
        return self._rows

    @property
    def current(self) -> Row | None:
        """The row under the cursor."""
        return self._rows[self._cursor] if self._cursor < len(self._rows) else None

    @property
    def cursor(self) -> int:
        """Number of the row that the keys are about."""
        return self._cursor

    def chosen(self) -> list[str]:
        """Ids of the marked rows; of the one under the cursor when none is marked."""
        if self.marks:
            return list(self.marks)
        return [self.current.id] if self.current is not None else []

    def show(self, rows: Sequence[Row], ids: Callable[[int], str] | None = None) -> None:
        """Other rows. The cursor stays on the row that it is on, if that is there still.

        ids: the id of a row by its number, where making the whole row is dear.
        """
        self._rows, self._id_at = rows, ids or self._id_of_row
        if self._at:
            self._cursor = self._find(self._at, self._cursor)
        self._put_cursor(self._cursor)
        self.virtual_size = Size(0, len(rows) + 1)  # as wide as there is room
        self.refresh()

    def _put_cursor(self, line: int) -> None:
        self._cursor = min(max(line, 0), max(len(self._rows) - 1, 0))
        self._at = self._id_at(self._cursor) if self._rows else ""

    def _id_of_row(self, n: int) -> str:
        return self._rows[n].id

    def _find(self, id: str, near: int) -> int:
        """Where a row is now; most often where it was, or a little below."""
        count = len(self._rows)
        found = (
            n
            for part in (range(near, min(near + _NEAR, count)), range(count))
            for n in part
            if self._id_at(n) == id
        )
        return next(found, near)

    def go(self, id: str) -> None:
        """Put the cursor on a row."""
        self._move_to(self._find(id, self._cursor))

    def action_move(self, by: int) -> None:
        self._move_to(self._cursor + by)

    def action_page(self, by: int) -> None:
        self._move_to(self._cursor + by * max(self.size.height - 2, 1))

    def action_edge(self, end: int) -> None:
        self._move_to(0 if end == 0 else len(self._rows) - 1)

    def action_half(self, by: int) -> None:
        self._move_to(self._cursor + by * max((self.size.height - 1) // 2, 1))

    def action_mark(self, by: int, is_range: bool = False) -> None:
        """Mark the row, or take its mark off, and go on; in a range marks only come."""
        row = self.current
        if row is None:
            return
        if row.id in self.marks and not is_range:
            del self.marks[row.id]
        else:
            self.mark([row.id])
        self._move_to(self._cursor + by)
        self.post_message(self.Marked())

    def mark(self, ids: Iterable[str]) -> None:
        self.marks.update((id, None) for id in ids if id not in self.unmarkable)
        self.refresh()

    def unmark(self) -> None:
        """Take all marks off."""
        self.marks.clear()
        self.refresh()

    def action_mark_all(self) -> None:
        self.mark(self._id_at(n) for n in range(len(self._rows)))
        self.post_message(self.Marked())

    def action_invert(self) -> None:
        """Of the rows that are shown, those that were not marked are now."""
        shown = [self._id_at(n) for n in range(len(self._rows))]
        marked = {id for id in shown if id in self.marks}
        for id in marked:
            del self.marks[id]
        self.mark(id for id in shown if id not in marked)
        self.post_message(self.Marked())

    def action_open(self) -> None:
        if self.current is not None:
            self.post_message(self.Opened(self.current.id))

    def on_click(self, event: Click) -> None:
        line = event.y - 1 + round(self.scroll_y)
        if event.y == 0:
            self.post_message(self.HeaderClicked(self._column_at(event.x)))
        elif 0 <= line < len(self._rows):
            self._move_to(line)
            if event.chain == 2:
                self.action_open()

    def _column_at(self, x: int) -> int:
        edge = _SIGNS
        for number, width in enumerate(self._widths(self.scrollable_content_region.width)):
            edge += width + 1
            if x < edge:
                return number
        return len(self.columns) - 1

    def _move_to(self, line: int) -> None:
        before = self._cursor
        self._put_cursor(line)
        moved = self._cursor != before
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
        width = self.scrollable_content_region.width
        if y == 0:
            titles = tuple(column.title for column in self.columns)
            return self._line("  ", titles, width, self._style("bold"))
        line = y - 1 + round(self.scroll_y)
        if line >= len(self._rows):
            has_none = all(self._id_at(n) in self.unmarkable for n in range(len(self._rows))[:2])
            text = f"  {self.empty}" if has_none and y == len(self._rows) + 2 else ""
            return Strip([Segment(cell(text, width), self._style("dim"))])
        row = self._rows[line]
        is_current = line == self._cursor
        sign = self.glyphs.cursor if is_current else " "
        mark = self.glyphs.on if row.id in self.marks else " "
        style = self._style(row.style)
        if is_current and self.has_focus:
            style = self._style("reverse")
        return self._line(sign + mark, row.cells, width, style)

    def _style(self, text: str) -> Style:
        """good, bad and odd are colours of the theme; all else is a style of Rich."""
        name = _COLORS.get(text)
        if name is not None:
            text = (getattr(self.app.current_theme, name) or "none").removeprefix("ansi_")
        return self.rich_style + Style.parse(text or "none")

    def _widths(self, width: int) -> list[int]:
        """Of each column; those without one share what is left."""
        free = sum(not column.width for column in self.columns) or 1
        fixed = sum(column.width for column in self.columns) + len(self.columns)
        rest = max((width - _SIGNS - fixed) // free, 4)
        return [column.width or rest for column in self.columns]

    def _line(self, signs: str, cells: tuple[str, ...], width: int, style: Style) -> Strip:
        parts = [
            cell(text, columns, right=column.right, more=self.glyphs.more)
            for text, column, columns in zip(cells, self.columns, self._widths(width), strict=False)
        ]
        return Strip([Segment(cell(signs + " ".join(parts), width), style)])
