"""The columns of a directory listing: which there is room for, beside the names. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from s3d.shared.text import age, size
from s3d.tui.columns import Column
from s3d.tui.directory_listing import Item, SortOrder
from s3d.tui.themes import Glyphs

_SIGNS_AND_GAP = 3
"""Cells of a row that no column has: cursor, mark, and the gap after the names."""
_STEPS = (
    (110, ("size", "modified", "class", "word")),
    (80, ("size", "modified", "word")),
    (56, ("size", "modified", "sign")),
    (40, ("size", "sign")),
    (0, ("sign",)),
)
"""From how many cells of the table on which columns are beside the names."""
_SHED = (("class", 1_000), ("word", 1_000), ("modified", 24))
"""Columns that go when names are cut, in this order, and up to which width of the names."""
_COLUMNS = {
    "size": Column("Size", 10, right=True),
    "modified": Column("Modified", 10, right=True),
    "class": Column("Class", 12),
    "word": Column("State", 9),
    "sign": Column("", 1),
}
_ORDERS = {"size": "size", "modified": "modified"}
"""The order that a click on the header of a column chooses."""


class Layout(NamedTuple):
    """fields: the columns beside the name. name_width: cells for the names."""

    fields: tuple[str, ...]
    name_width: int

    def columns(self, order: SortOrder) -> list[Column]:
        """The columns, with the direction in the title of the one that is sorted by."""
        columns = [Column(_title("Name", "name", order))]
        for field in self.fields:
            column = _COLUMNS[field]
            title = _title(column.title, _ORDERS.get(field, ""), order)
            columns.append(column._replace(title=title))
        return columns

    def order_of(self, column: int) -> str:
        """The order that a column stands for; empty for none."""
        return "name" if column == 0 else _ORDERS.get(self.fields[column - 1], "")

    def cells(self, item: Item, state: str, *, now: float, glyphs: Glyphs) -> tuple[str, ...]:
        """The texts beside the name of an object; a prefix has none."""
        if isinstance(item, str):
            return ("",) * len(self.fields)
        sign = sign_of(state, glyphs)
        texts: Mapping[str, str] = {
            "size": size(item.size), "modified": ago(item.last_modified, now),
            "class": item.storage_class, "word": f"{sign} {state}" if state else "", "sign": sign,
        }  # fmt: skip
        return tuple(texts[field] for field in self.fields)


def layout_for(width: int, longest: int) -> Layout:
    """width: cells of the table. longest: cells of the longest name: names get room first."""
    fields: tuple[str, ...] = next(fields for least, fields in _STEPS if width >= least)
    for field, up_to in _SHED:
        room = _name_width(width, fields)
        if field in fields and room < min(longest, up_to):
            fields = tuple("sign" if each == field == "word" else each for each in fields)
            fields = tuple(each for each in fields if each != field)
    return Layout(fields, _name_width(width, fields))


def _name_width(width: int, fields: Sequence[str]) -> int:
    beside = sum(_COLUMNS[field].width + 1 for field in fields)
    return max(width - _SIGNS_AND_GAP - beside, 4)


def ago(at: float, now: float) -> str:
    """How long a moment is past; empty for one that is not known."""
    return age(now - at) if at else ""


def sign_of(state: str, glyphs: Glyphs) -> str:
    """The sign of a key's state in queue and cache."""
    signs = {
        "pending": glyphs.up, "failed": glyphs.bad, "held": glyphs.held, "pinned": glyphs.pin,
        "cached": glyphs.on, "partial": glyphs.part, "deleted": glyphs.off,
    }  # fmt: skip
    return signs.get(state, "")


def _title(text: str, field: str, order: SortOrder) -> str:
    if not field or order.field != field:
        return text
    return f"{text} {'v' if order.is_reversed else '^'}"
