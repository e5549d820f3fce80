"""A table of any number of rows, of which only the visible ones are drawn.

Textual's DataTable takes 21 s for 100,000 rows. Here rows are any sequence, and a line is rendered
when it comes into view. The cursor and the marks know nothing of the screen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from textwrap import wrap
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual import on
from textual.binding import Binding, BindingType
from textual.events import Click, Event, Resize
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from s3d.shared.text import safe
from s3d.tui.columns import SIGN_CELLS, Column, column_at, place_columns, row_text
from s3d.tui.draw import cell
from s3d.tui.themes import UNICODE, Glyphs
from s3d.tui.type_ahead import is_about_rows

_THEME_COLORS = {"good": "success", "bad": "error", "odd": "warning"}
"""Style of a row -> colour of the theme."""
_HIT = Style(bold=True, underline=True)
_NEARBY = 2_000
"""Number of rows after its old position in which a row is searched first."""


class Row(NamedTuple):
    """id: stays the same when the row changes. style: good, bad, odd, or a style of Rich.

    hits: parts of the first cell that are marked, because a search has found them.
    """

    id: str
    cells: tuple[str, ...]
    style: str = ""
    hits: tuple[tuple[int, int], ...] = ()


class RowCursor:
    """The position of the cursor; it stays on its row when rows come and go."""

    def __init__(self) -> None:
        self.line = 0
        self.id = ""
        """Id of the row under the cursor: the rows may be changed in place."""
        self._count = 0
        self._id_at: Callable[[int], str] = lambda line: ""
        self._line_of: Callable[[str], int] | None = None

    def set_rows(
        self, count: int, id_at: Callable[[int], str], line_of: Callable[[str], int] | None = None
    ) -> None:
        """Other rows: the cursor goes to where its row is now, if it is still there.

        line_of: the line of an id, or -1; None: its row is searched.
        """
        self._count, self._id_at, self._line_of = count, id_at, line_of
        self.move_to(self.find(self.id) if self.id else self.line)

    def move_to(self, line: int) -> None:
        self.line = min(max(line, 0), max(self._count - 1, 0))
        self.id = self._id_at(self.line) if self._count else ""

    def find(self, id: str) -> int:
        """The line of a row: mostly where the cursor is, or a little below. Else the cursor's."""
        near = self.line
        if self._line_of is not None:
            found = self._line_of(id)
            return found if found >= 0 else near
        lines = (
            line
            for part in (range(near, min(near + _NEARBY, self._count)), range(self._count))
            for line in part
            if self._id_at(line) == id
        )
        return next(lines, near)


class Marks:
    """The marked rows by their ids, in the order of marking, also those that are not listed now."""

    def __init__(self) -> None:
        self.ids: dict[str, None] = {}
        self.unmarkable: frozenset[str] = frozenset()
        """Ids of rows that cannot be marked."""

    def add(self, ids: Iterable[str]) -> None:
        self.ids.update((id, None) for id in ids if id not in self.unmarkable)

    def toggle(self, id: str) -> None:
        if id in self.ids:
            del self.ids[id]
        else:
            self.add([id])

    def invert(self, shown: Sequence[str]) -> None:
        """Toggle all rows that are shown."""
        marked = {id for id in shown if id in self.ids}
        for id in marked:
            del self.ids[id]
        self.add(id for id in shown if id not in marked)


class Table(ScrollView, can_focus=True, inherit_bindings=False):
    """Rows under a header, a cursor and marks. It has no keys that scroll sideways."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup,ctrl+b", "move(-1, 'page')", "Page up", show=False),
        Binding("pagedown,ctrl+f", "move(1, 'page')", "Page down", show=False),
        Binding("home,g", "move(-1, 'all')", "Top", show=False),
        Binding("end,G", "move(1, 'all')", "End", show=False),
        Binding("ctrl+d", "move(1, 'half')", "Half a page down", show=False),
        Binding("ctrl+u", "move(-1, 'half')", "Half a page up", show=False),
        Binding("space", "mark(1)", "Mark", show=False),
        Binding("shift+down", "mark(1, True)", "Mark downwards", show=False),
        Binding("shift+up", "mark(-1, True)", "Mark upwards", show=False),
        Binding("asterisk", "mark_all(True)", "Invert the marks", show=False),
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
        """The title of a column was clicked. column: its number, from 0."""

        def __init__(self, column: int) -> None:
            self.column = column
            super().__init__()

    class Marked(Message):
        """Other rows are marked."""

    def __init__(
        self, columns: Sequence[Column], *, glyphs: Glyphs = UNICODE, empty: str = "",
        opens: bool = True, marks: bool = False, id: str = "",
    ) -> None:  # fmt: skip
        """empty: shown when there are no rows. opens, marks: whether rows can be opened, marked."""
        super().__init__(id=id or None)
        self.columns, self.glyphs, self.empty = columns, glyphs, empty
        self.opens, self.can_mark = opens, marks
        self.marks, self.cursor = Marks(), RowCursor()
        self.rows: Sequence[Row] = ()
        self._id_at: Callable[[int], str] = self._id_of_row
        self._plain_style = Style()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys of what is not possible here are free for others."""
        if action == "open":
            return self.opens
        return self.can_mark if action in ("mark", "mark_all") else True

    @property
    def current(self) -> Row | None:
        """The row under the cursor."""
        return self.rows[self.cursor.line] if self.cursor.line < len(self.rows) else None

    def chosen(self) -> list[str]:
        """Ids of the marked rows; of the one under the cursor when none is marked."""
        if self.marks.ids:
            return list(self.marks.ids)
        return [self.current.id] if self.current is not None else []

    def show(
        self,
        rows: Sequence[Row],
        ids: Callable[[int], str] | None = None,
        lines: Callable[[str], int] | None = None,
    ) -> None:
        """Show other rows. ids: the id of a row by its line, where making the row is expensive.
        lines: the line of an id, or -1, where a search for it is expensive."""
        before = self.cursor.id
        self.rows, self._id_at = rows, ids or self._id_of_row
        self.cursor.set_rows(len(rows), self._id_at, lines)
        if self.cursor.id != before:
            self.post_message(self.Moved())
        self.virtual_size = Size(0, len(rows) + 1)  # as wide as there is room
        self.refresh()

    def show_error(self, error: Exception) -> None:
        """Show an error in place of rows that could not be read; rows read before stay."""
        self.empty = safe(str(error))
        self.refresh()

    def _id_of_row(self, line: int) -> str:
        return self.rows[line].id

    def go(self, id: str) -> None:
        """Put the cursor on a row."""
        self._move_to(self.cursor.find(id))

    def action_move(self, by: int, unit: str = "row") -> None:
        """Move the cursor by rows, pages, half pages, or to an end."""
        rows = {
            "row": 1,
            "page": max(self.size.height - 2, 1),
            "half": max((self.size.height - 1) // 2, 1),
            "all": len(self.rows),
        }
        self._move_to(self.cursor.line + by * rows[unit])

    def action_mark(self, by: int, is_range: bool = False) -> None:
        """Toggle the mark of the row and move on; in a range, marks are only added."""
        row = self.current
        if row is None:
            return
        if is_range:
            self.marks.add([row.id])
        else:
            self.marks.toggle(row.id)
        self._move_to(self.cursor.line + by)
        self.post_message(self.Marked())

    def action_mark_all(self, inverted: bool = False) -> None:
        """Mark all rows that are shown; inverted: those that were not marked."""
        shown = [self._id_at(line) for line in range(len(self.rows))]
        if inverted:
            self.marks.invert(shown)
        else:
            self.marks.add(shown)
        self.refresh()
        self.post_message(self.Marked())

    def unmark(self) -> None:
        """Remove all marks."""
        self.marks.ids.clear()
        self.refresh()

    def action_open(self) -> None:
        if self.current is not None:
            self.post_message(self.Opened(self.current.id))

    def on_click(self, event: Click) -> None:
        line = event.y - 1 + round(self.scroll_y)
        if event.y == 0:
            placed = place_columns(self.columns, self.scrollable_content_region.width)
            self.post_message(self.HeaderClicked(column_at(placed, event.x)))
        elif 0 <= line < len(self.rows):
            self._move_to(line)
            if event.chain == 2:
                self.action_open()

    def _move_to(self, line: int) -> None:
        before = self.cursor.id
        self.cursor.move_to(line)
        self._scroll_to_cursor()
        self.call_after_refresh(self._scroll_to_cursor)  # a table just shown has its height then
        self.refresh()
        if self.cursor.id != before:
            self.post_message(self.Moved())

    @on(Resize)
    def _scroll_to_cursor(self) -> None:
        """Keep the cursor in sight; what is below the table may have grown because of its row."""
        line, top = self.cursor.line, round(self.scroll_y)
        height = max(self.size.height - 1, 1)
        if line < top:
            self.scroll_to(y=line, animate=False)
        elif line >= top + height:
            self.scroll_to(y=line - height + 1, animate=False)

    def render_lines(self, crop: Region) -> list[Strip]:
        self._plain_style = self.rich_style  # once: it is composed of those of all ancestors
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if y == 0:
            titles = tuple(column.title for column in self.columns)
            return _row_strip(self, "  ", titles, width, self._style("bold"))
        line = y - 1 + round(self.scroll_y)
        if line >= len(self.rows):
            return Strip([Segment(cell(self._empty_line(y, width), width), self._style("dim"))])
        row = self.rows[line]
        is_current = line == self.cursor.line
        sign = self.glyphs.cursor if is_current else " "
        mark = self.glyphs.mark if row.id in self.marks.ids else " "
        style = self._style("reverse" if is_current and self.has_focus else row.style)
        strip = _row_strip(self, sign + mark, row.cells, width, style)
        return _with_hits(strip, row.hits, width) if row.hits else strip

    def _empty_line(self, y: int, width: int) -> str:
        """A line of the sentence in place of rows, which is wrapped, never cut."""
        first = range(len(self.rows))[:2]
        has_none = all(self._id_at(each) in self.marks.unmarkable for each in first)
        number = y - len(self.rows) - 2
        lines = wrap(self.empty, max(width - 4, 10)) if has_none and number >= 0 else []
        return f"  {lines[number]}" if 0 <= number < len(lines) else ""

    def _style(self, text: str) -> Style:
        """good, bad and odd are colours of the theme; everything else is a style of Rich."""
        name = _THEME_COLORS.get(text)
        if name is not None:
            text = (getattr(self.app.current_theme, name) or "none").removeprefix("ansi_")
        return self._plain_style + Style.parse(text or "none")


def _row_strip(table: Table, signs: str, cells: tuple[str, ...], width: int, style: Style) -> Strip:
    """The signs and the cells of a row, in the columns of the table."""
    text = row_text(table.columns, cells, width, more=table.glyphs.more)
    return Strip([Segment(cell(signs + text, width), style)])


class LateTable(Table):
    """A table whose rows are read after it is shown: keys that are about rows wait for them."""

    is_reading = True
    """The rows have not come yet."""

    def holds_key(self, event: Event) -> bool:
        """Whether a key has to wait: see TypeAhead."""
        return self.is_reading and is_about_rows(event)

    def show(
        self,
        rows: Sequence[Row],
        ids: Callable[[int], str] | None = None,
        lines: Callable[[str], int] | None = None,
    ) -> None:
        self.is_reading = False
        super().show(rows, ids, lines)

    def show_error(self, error: Exception) -> None:
        self.is_reading = False
        super().show_error(error)


def _with_hits(strip: Strip, hits: Sequence[tuple[int, int]], width: int) -> Strip:
    """Mark parts of the first cell, which is of one segment."""
    segment, parts, at = next(iter(strip)), [], 0
    for start, end in hits:
        start, end = start + SIGN_CELLS, end + SIGN_CELLS
        parts += [
            Segment(segment.text[at:start], segment.style),
            Segment(segment.text[start:end], (segment.style or Style()) + _HIT),
        ]
        at = end
    return Strip([*parts, Segment(segment.text[at:], segment.style)], width)
