"""Which rows of a drawing are seen: folded, wrapped, searched. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from rich.cells import cell_len, split_graphemes

from s3d.tui.preview.drawing import STYLES, Line


class Row(NamedTuple):
    """A row of the terminal: a part of one line. start and end: characters of its text."""

    line: int
    start: int
    end: int


class Piece(NamedTuple):
    """Text of one style. is_match: the search has found it."""

    text: str
    style: str
    is_match: bool = False


def visible_lines(lines: Sequence[Line], folded: Collection[int]) -> list[int]:
    """The indexes of the lines that no folded line hides."""
    visible, at = [], 0
    while at < len(lines):
        visible.append(at)
        at += 1 + (lines[at].fold if at in folded else 0)
    return visible


def hiding_lines(lines: Sequence[Line], folded: Collection[int], line: int) -> set[int]:
    """The folded lines that hide a line."""
    return {at for at in folded if at < line <= at + lines[at].fold}


def rows_of(lines: Sequence[Line], visible: Sequence[int], width: int) -> list[Row]:
    """width: cells at which a line is wrapped; 0 for never."""
    if width <= 0:
        return [Row(at, 0, len(lines[at].text)) for at in visible]
    return [row for at in visible for row in _wrapped(at, lines[at].text, width)]


def _wrapped(at: int, text: str, width: int) -> Iterator[Row]:
    if text.isascii():  # one cell for each character
        for start in range(0, max(len(text), 1), width):
            yield Row(at, start, min(start + width, len(text)))
        return
    start = cells = end = 0
    for first, after, wide in split_graphemes(text)[0]:
        if cells + wide > width and end > start:
            yield Row(at, start, first)
            start, cells = first, 0
        cells += wide
        end = after
    yield Row(at, start, len(text))


def widest(lines: Sequence[Line]) -> int:
    """Cells of the longest line."""
    return max((len(line.text) if line.text.isascii() else cell_len(line.text) for line in lines),
               default=0)  # fmt: skip


def matches_in(text: str, needle: str) -> list[tuple[int, int]]:
    """Where a text contains the needle, without overlaps. Upper and lower case are the same unless
    the needle has an upper case letter."""
    if not needle:
        return []
    if needle == needle.lower():
        lowered = text.lower()
        text = lowered if len(lowered) == len(text) else text
    places, at = [], text.find(needle)
    while at >= 0:
        places.append((at, at + len(needle)))
        at = text.find(needle, at + len(needle))
    return places


def next_match(lines: Sequence[Line], needle: str, start: int, by: int) -> int | None:
    """The next line that contains the needle, from a line on (without it), around the end.

    by: 1 forward, -1 backward.
    """
    for step in range(1, len(lines) + 1):
        at = (start + by * step) % len(lines)
        if matches_in(lines[at].text, needle):
            return at
    return None


def pieces_of(line: Line, row: Row, needle: str = "") -> Iterator[Piece]:
    """The text of a row by its styles, with what matches."""
    edges = {row.start, row.end}
    ends = line.marks[1::2]
    edges.update(end for end in ends if row.start < end < row.end)
    places = matches_in(line.text, needle)
    for place in places:
        edges.update(edge for edge in place if row.start < edge < row.end)
    cuts = sorted(edges)
    mark = 0
    for start, end in pairwise(cuts):
        while mark < len(ends) and ends[mark] <= start:
            mark += 1
        style = STYLES[line.marks[2 * mark]] if mark < len(ends) else "text"
        is_match = any(first <= start < last for first, last in places)
        yield Piece(line.text[start:end], style, is_match)
