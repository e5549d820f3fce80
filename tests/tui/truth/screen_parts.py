"""The captured text of a screen, cut into the widgets that it belongs to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rich.cells import cell_len
from textual.geometry import Region
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Footer, Tree

from s3d.tui.columns import SIGN_CELLS, PlacedColumn, place_columns
from s3d.tui.table import Table
from tests.tui.conftest import screen

FRAME = "─━│┃╭╮╰╯┌┐└┘├┤▏▕▁▔▊▎█▀▄ "
_WHOLE = (Table, Footer, Tree)
"""Widgets whose children are no parts of their own."""


@dataclass(frozen=True)
class Cells:
    """A row of a table: title of a column -> its text and the width of the column."""

    texts: dict[str, tuple[str, int]]
    line: str


@dataclass(frozen=True)
class Part:
    """name: of the widget, see _name(). text: the title first. rows: of a table."""

    name: str
    text: str
    rows: list[Cells] = field(default_factory=list)


def parts_of(app: Any) -> tuple[list[Part], str]:
    """The parts of what is on the screen, and the text that belongs to none."""
    lines = [_cells(line) for line in screen(app).splitlines()]
    parts = []
    for widget, region in _visible(app.screen):
        title = " ".join(_titles(widget, region, lines))
        if _is_part(widget):
            content = region.intersection(widget.content_region)
            parts.append(_part(widget, title, content, lines))
            _blank(lines, content)
        elif title:
            parts.append(Part(_name(widget), title))
    left = " ".join("".join(line).strip(FRAME) for line in lines)
    is_modal = len(app.screen_stack) > 1  # what is behind it has scenes of its own
    return [part for part in parts if part.text.strip() or part.rows], "" if is_modal else " ".join(
        left.split()
    )


def _cells(line: str) -> list[str]:
    """One string a cell; the second cell of a wide character is empty."""
    cells: list[str] = []
    for char in line:
        cells += [char, *[""] * (cell_len(char) - 1)]
    return cells


def _visible(screen_: Any) -> list[tuple[Widget, Region]]:
    """The widgets that are seen, each with the part of it that is, the frame included."""
    shown = screen_._compositor.visible_widgets
    return [
        (widget, region.intersection(clip))
        for widget, (region, clip) in shown.items()
        if region.intersection(clip).area
    ]


def _is_part(widget: Widget) -> bool:
    inside = any(isinstance(each, _WHOLE) or _is_row(each) for each in widget.ancestors)
    return not inside and (isinstance(widget, _WHOLE) or _is_row(widget) or not widget.children)


def _is_row(widget: Any) -> bool:
    """A label and its field belong together."""
    return isinstance(widget, Widget) and widget.has_class("field")


def _part(widget: Widget, title: str, region: Region, lines: list[list[str]]) -> Part:
    rows = _crop(region, lines)
    name = _name(widget)
    if not isinstance(widget, Table) or not widget.rows:
        return Part(name, " ".join(" ".join((title, *rows)).split()))
    columns = place_columns(widget.columns, widget.scrollable_content_region.width)
    cells = [_row(line, columns) for line in rows[1:] if line.strip()]
    return Part(name, title, cells)


def _row(line: str, columns: list[PlacedColumn]) -> Cells:
    cells, at, texts = _cells(line), SIGN_CELLS, {}
    for _, column, width in columns:
        texts[column.title] = ("".join(cells[at : at + width]).strip(), width)
        at += width + 1
    return Cells(texts, line.strip())


def _crop(region: Region, lines: list[list[str]]) -> list[str]:
    return [
        "".join(line[region.x : region.right]).rstrip() for line in lines[region.y : region.bottom]
    ]


def _blank(lines: list[list[str]], region: Region) -> None:
    for line in lines[region.y : region.bottom]:
        line[region.x : region.right] = [" "] * min(region.width, len(line) - region.x)


def _titles(widget: Widget, region: Region, lines: list[list[str]]) -> list[str]:
    """The texts in the frame of a widget."""
    titles = []
    for y, text in ((region.y, widget.border_title), (region.bottom - 1, widget.border_subtitle)):
        if text:
            row = Region(region.x, y, region.width, 1)
            titles.append(_crop(row, lines)[0].strip(FRAME))
            _blank(lines, row)
    return titles


def _name(widget: Widget) -> str:
    """Its id; of one without, its class and the id or class of what is around it."""
    if widget.id:
        return widget.id
    named = [each for each in widget.ancestors if each.id or isinstance(each, Screen)]
    around = named[0].id or type(named[0]).__name__
    own = next((each for each in ("field", "dialog") if widget.has_class(each)), "")
    return f"{around}.{own or type(widget).__name__}"
