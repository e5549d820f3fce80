"""The columns of a table, and how they share its width. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from s3d.tui.draw import cell

SIGN_CELLS = 2
"""Cells before the first column: cursor and mark."""
_MIN_CELLS = 4
"""Cells that a column without a width has at least."""


class Column(NamedTuple):
    """width: cells; 0 takes an equal share of what is left. shown_from: cells of the narrowest
    table that shows it, so that names keep their room in a small terminal."""

    title: str
    width: int = 0
    right: bool = False
    shown_from: int = 0


class PlacedColumn(NamedTuple):
    """number: of the column among all, from 0: that of its cell in a row."""

    number: int
    column: Column
    cells: int


def place_columns(columns: Sequence[Column], width: int) -> list[PlacedColumn]:
    """The columns that a table of this width shows, with their cells."""
    shown = [(number, each) for number, each in enumerate(columns) if width >= each.shown_from]
    flexible = sum(not column.width for _, column in shown) or 1
    fixed = sum(column.width for _, column in shown) + len(shown)
    rest = max((width - SIGN_CELLS - fixed) // flexible, _MIN_CELLS)
    return [PlacedColumn(number, column, column.width or rest) for number, column in shown]


def row_text(columns: Sequence[Column], cells: Sequence[str], width: int, *, more: str) -> str:
    """The cells of a row side by side. width: of the table, signs included. more: what is drawn
    for the rest of a text that is too long."""
    return " ".join(
        cell(cells[number], room, right=column.right, more=more)
        for number, column, room in place_columns(columns, width)
        if number < len(cells)
    )


def column_at(placed: Sequence[PlacedColumn], x: int) -> int:
    """Number of the column that a cell of the header belongs to."""
    edge = SIGN_CELLS
    for each in placed:
        edge += each.cells + 1
        if x < edge:
            return each.number
    return placed[-1].number
