"""Which parts of a long name are shown in a narrow column: those by which names differ. Pure.

Names that a program made are alike but for a few characters, such as part-00000-UUID.parquet and
part-00001-UUID.parquet. Cutting their middle out makes all rows the same.
"""

from __future__ import annotations

from typing import NamedTuple

from rich.cells import cell_len

Span = tuple[int, int]
"""Start and end in a text."""
BEFORE_DIFFERENCE = 2
"""Characters before the first that differs which are shown too."""
AFTER_DIFFERENCE = 4
"""Characters after it for which there has to be room."""


class ShortName(NamedTuple):
    """text: what is shown. shown: the parts of the name in it, in their order."""

    text: str
    shown: tuple[Span, ...]

    def place_of(self, span: Span, more: int = 1) -> list[Span]:
        """Where a part of the name is in the text. more: length of the sign of what is cut."""
        places, start = [], 0
        for first, last in self.shown:
            low, high = max(span[0], first), min(span[1], last)
            if low < high:
                places.append((start + low - first, start + high - first))
            start += last - first + more
        return places


def difference(name: str, *neighbours: str) -> int:
    """The first place at which a name differs from one of those beside it; 0 for all alone."""
    return max((_common(name, each) for each in neighbours if each != name), default=0)


def _common(one: str, other: str) -> int:
    length = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        length += 1
    return length


def shorten(name: str, width: int, at: int, more: str = "…") -> ShortName:
    """A name of at most width cells, in which the place `at` is seen."""
    if cell_len(name) <= width:
        return ShortName(name, ((0, len(name)),))
    room = max(width - len(more), 1)
    first, last = max(at - BEFORE_DIFFERENCE, 0), min(at + AFTER_DIFFERENCE, len(name))
    if cell_len(name[:last]) <= room * 2 // 3:
        head = _first(name, max(room // 2, cell_len(name[:last])))
        shown: tuple[Span, ...] = (
            (0, head),
            (_last(name, room - cell_len(name[:head])), len(name)),
        )
    elif cell_len(name[first:]) <= room:
        tail = max(room // 2, cell_len(name[first:]))
        start = _last(name, tail)
        shown = ((0, _first(name, room - cell_len(name[start:]))), (start, len(name)))
    else:
        room = max(room - len(more), 1)
        head = _first(name, room // 5)
        end = first + _first(name[first:], room - cell_len(name[:head]))
        shown = ((0, head), (max(first, head), end), (len(name), len(name)))
    return ShortName(more.join(name[low:high] for low, high in shown), shown)


def _first(name: str, width: int) -> int:
    """The number of characters from the start that have at most width cells."""
    cells = 0
    for number, char in enumerate(name):
        cells += cell_len(char)
        if cells > width:
            return number
    return len(name)


def _last(name: str, width: int) -> int:
    """The place from which on the rest has at most width cells."""
    return len(name) - _first(name[::-1], width)
