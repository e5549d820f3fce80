"""A widget that shows a drawing: scrolls, folds, wraps, searches and copies."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from s3d.tui.host import host_of
from s3d.tui.preview.drawing import Drawing
from s3d.tui.preview.strips import picture_strips, shaded_strips, styles_of, text_strip
from s3d.tui.preview.view_rows import (
    Row,
    hiding_lines,
    next_match,
    pieces_of,
    rows_of,
    visible_lines,
    widest,
)
from s3d.tui.themes import ASCII, PLAIN

CURSOR = Style(reverse=True)


class PreviewLines(ScrollView, can_focus=True):
    """The cursor is on a line, not on a row: a wrapped line has several."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False),
        Binding("home,g", "end(-1)", "Top", show=False),
        Binding("end,G", "end(1)", "End", show=False),
        Binding("right,l", "shift(8)", "Right", show=False),
        Binding("left,h", "shift(-8)", "Left", show=False),
        Binding("space,enter", "fold", "Fold"),
        Binding("z", "fold_all", "Fold or unfold all", show=False),
        Binding("w", "wrap", "Wrap lines"),
        Binding("n", "next(1)", "Next match", show=False),
        Binding("N", "next(-1)", "Previous match", show=False),
        Binding("y", "copy", "Copy the line"),
        Binding("Y", "copy_all", "Copy all", show=False),
    ]

    class Copied(Message):
        """The user copies this text, which is safe for a terminal."""

        def __init__(self, text: str) -> None:
            self.text = text
            super().__init__()

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self.drawing = Drawing("")
        self.needle = ""
        """What is searched; every match is marked."""
        self.line = 0
        """The index of the line under the cursor."""
        self._folded: set[int] = set()
        self._is_wrapped = False
        self._rows: list[Row] = []
        self._picture: list[Strip] = []

    def show(self, drawing: Drawing, *, is_same: bool = False) -> None:
        """Show another drawing. is_same: of the same object, so the position stays."""
        self.drawing = drawing
        self._picture = []
        if drawing.pixels is not None:
            draw = shaded_strips if self.app.has_class("-plain") else picture_strips
            self._picture = draw(drawing.pixels, is_ascii=host_of(self).glyphs is ASCII)
        if not is_same:
            self._folded, self.line, self.needle = set(), 0, ""
            self.scroll_to(0, 0, animate=False, immediate=True)
        self.line = min(self.line, max(len(drawing.lines) - 1, 0))
        self.can_focus = bool(drawing.lines)
        self._arrange()

    def _arrange(self) -> None:
        """Find the rows, after a fold or a change of the width."""
        drawing = self.drawing
        width = self.size.width if self._is_wrapped and not drawing.header else 0
        visible = visible_lines(drawing.lines, self._folded)
        self._rows = rows_of(drawing.lines, visible, width)
        longest = 0 if width else max(widest(drawing.lines), widest(drawing.header))
        height = len(self._picture) or len(self._rows) + len(drawing.header)
        self.virtual_size = Size(longest, height)
        self.refresh()

    def on_resize(self) -> None:
        if self._is_wrapped:
            self._arrange()

    def render_line(self, y: int) -> Strip:
        left, top = self.scroll_offset
        width, base, header = self.size.width, self.rich_style, self.drawing.header
        if self._picture:
            is_in = y + top < len(self._picture)
            strip = self._picture[y + top] if is_in else Strip.blank(width, base)
            return strip.crop_extend(left, left + width, base)
        app = self.app
        styles = styles_of(app.current_theme, has_color=app.theme != PLAIN)
        if y < len(header):
            line, row = header[y], Row(y, 0, len(header[y].text))
            return text_strip(pieces_of(line, row), styles, base, width, left)
        at = y - len(header) + top
        if at >= len(self._rows):
            return Strip.blank(width, base)
        row = self._rows[at]
        line = self.drawing.lines[row.line]
        pieces = list(pieces_of(line, row, self.needle))
        if row.line in self._folded and row.end == len(line.text):
            pieces.append(pieces[-1]._replace(text=f" {host_of(self).glyphs.more}", style="dim"))
        if self.has_focus and row.line == self.line:
            styles, base = styles_of(app.current_theme, has_color=False), base + CURSOR
        return text_strip(pieces, styles, base, width, left)

    # The cursor

    def go(self, line: int) -> None:
        """Put the cursor on a line, and unfold what hides it."""
        lines = self.drawing.lines
        if not lines:
            return
        self.line = min(max(line, 0), len(lines) - 1)
        hiding = hiding_lines(lines, self._folded, self.line)
        if hiding:
            self._folded -= hiding
            self._arrange()
        self._scroll_to_cursor()

    def _first_row(self) -> int:
        """The index of the first row of the line under the cursor."""
        return next((at for at, row in enumerate(self._rows) if row.line >= self.line), 0)

    def _scroll_to_cursor(self) -> None:
        at, top = self._first_row(), self.scroll_offset.y
        height = max(self.size.height - len(self.drawing.header), 1)
        if not top <= at < top + height:
            target = at if at < top else at - height + 1
            self.scroll_to(y=target, animate=False, immediate=True)
        self.refresh()

    def action_move(self, by: int) -> None:
        """The next line that is not hidden."""
        visible = sorted({row.line for row in self._rows})
        if visible and self.line in visible:
            at = min(max(visible.index(self.line) + by, 0), len(visible) - 1)
            self.go(visible[at])

    def action_page(self, by: int) -> None:
        for _ in range(max(self.size.height - len(self.drawing.header) - 1, 1)):
            self.action_move(by)

    def action_end(self, by: int) -> None:
        if self._rows:
            self.go(self._rows[-1 if by > 0 else 0].line)

    def action_shift(self, by: int) -> None:
        self.scroll_relative(x=by, animate=False)

    # Folds, wrapping, search, copies

    def action_fold(self) -> None:
        """Hide or show what belongs to the line under the cursor."""
        lines = self.drawing.lines
        if lines and lines[self.line].fold:
            self._folded ^= {self.line}
            self._arrange()

    def action_fold_all(self) -> None:
        """Hide all levels below the first; or show everything."""
        lines = self.drawing.lines
        folds = {at for at, line in enumerate(lines) if line.fold and line.text[:1] == " "}
        self._folded = set() if self._folded else folds
        hiding = hiding_lines(lines, self._folded, self.line)
        self.line = min(hiding, default=self.line)
        self._arrange()
        self._scroll_to_cursor()

    def action_wrap(self) -> None:
        """Wrap long lines, or cut them. A table is never wrapped."""
        self._is_wrapped = not self._is_wrapped
        self._arrange()
        self._scroll_to_cursor()

    def search(self, needle: str) -> bool:
        """Mark a text, and go to its next place. Returns whether there is one."""
        self.needle = needle
        at = next_match(self.drawing.lines, needle, self.line - 1, 1) if needle else None
        if at is not None:
            self.go(at)
        self.refresh()
        return at is not None

    def action_next(self, by: int) -> None:
        """To the next line that matches, around the end."""
        at = next_match(self.drawing.lines, self.needle, self.line, by) if self.needle else None
        if at is not None:
            self.go(at)

    def action_copy(self) -> None:
        if self.drawing.lines:
            self.post_message(self.Copied(self.drawing.lines[self.line].text.rstrip()))

    def action_copy_all(self) -> None:
        lines = [*self.drawing.header, *self.drawing.lines]
        self.post_message(self.Copied("\n".join(line.text.rstrip() for line in lines)))
