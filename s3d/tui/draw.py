"""Text drawings: bars, gauges, sparklines, and cells of an exact width. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from s3d.shared.text import safe
from s3d.tui.themes import COLORS, UNICODE, Glyphs

_AROUND_KEYS = 6
"""Cells of a frame around the keys in it: corners, lines and spaces."""


def cell(text: str, width: int, *, right: bool = False, more: str = "…") -> str:
    """A text from outside, made safe and exactly width cells wide; a longer one is elided."""
    text = elide(safe(text), width, more)
    gap = width - cell_len(text)
    return " " * gap + text if right else text + " " * gap


def elide(text: str, width: int, more: str = "…") -> str:
    """At most width cells. The middle is cut out, because names differ at their ends."""
    if cell_len(text) <= width:
        return text
    if width <= 1:
        return more[:width]
    head = (width - 1) // 2
    tail = width - 1 - head
    return set_cell_size(text, head) + more + _last(text, tail)


def elide_start(text: str, width: int, more: str = "…") -> str:
    """At most width cells, of which the end is shown."""
    if cell_len(text) <= width:
        return text
    return more + _last(text, width - cell_len(more)) if width > cell_len(more) else more[:width]


def fitting(parts: Sequence[str], width: int, gap: str = "  ", more: str = "…") -> str:
    """As many parts as have room, in one line; the first is elided if even it has none."""
    text = elide(parts[0], width, more) if parts else ""
    for part in parts[1:]:
        if cell_len(text + gap + part) > width:
            break
        text += gap + part
    return text


def frame_keys(keys: Sequence[str], terminal: int) -> Content:
    """The keys in the lower frame of a dialog, safe texts: as many as have room, and always the
    last one, which leaves it. terminal: cells of the terminal; the dialog takes 96 % of them."""
    room = int(terminal * 0.96) - _AROUND_KEYS
    gap = "   " if cell_len("   ".join(keys)) <= room else "  "
    first = fitting(keys[:-1], room - cell_len(gap + keys[-1]), gap)
    return Content(gap.join(filter(None, (first, keys[-1]))))


def _last(text: str, width: int) -> str:
    taken, cells = "", 0
    for char in reversed(text):
        cells += cell_len(char)
        if cells > width:
            break
        taken = char + taken
    return " " * (width - cell_len(taken)) + taken


def bar(share: float, width: int, glyphs: Glyphs = UNICODE) -> str:
    """A progress bar. share: 0 to 1."""
    done = round(min(max(share, 0.0), 1.0) * width)
    return glyphs.line * done + glyphs.gap * (width - done)


def gauge(parts: Sequence[float], width: int, glyphs: Glyphs = UNICODE) -> str:
    """Several shares of one whole, each with its own sign, and then what is free."""
    signs = (glyphs.full, glyphs.half, glyphs.light)
    drawn, left = "", width
    for share, sign in zip(parts, signs, strict=False):
        cells = min(left, round(max(share, 0.0) * width))
        if share > 0 and not cells and left:
            cells = 1
        drawn += sign * cells
        left -= cells
    return drawn + glyphs.empty * left


def highest(values: Sequence[float], width: int) -> list[float]:
    """The highest value of each of width equal spans of time, so that all values are shown."""
    if len(values) <= width or width <= 0:
        return list(values)
    edges = [round(n * len(values) / width) for n in range(width + 1)]
    return [max(values[start:end]) for start, end in pairwise(edges)]


def spark(values: Sequence[float], width: int, glyphs: Glyphs = UNICODE) -> str:
    """The last values as columns; the highest has the full height."""
    if width <= 0:
        return ""
    shown = list(values)[-width:]
    highest = max(shown, default=0.0) or 1.0
    top = len(glyphs.levels) - 1
    columns = "".join(glyphs.levels[min(top, int(value / highest * top + 0.5))] for value in shown)
    return columns.rjust(width, glyphs.levels[0])


def colored(text: str, meaning: str) -> Content:
    """A safe text in the colour of a meaning of themes.COLORS; "" is the normal colour."""
    return Content.styled(text, COLORS[meaning]) if meaning else Content(text)


def colored_gauge(
    parts: Sequence[tuple[float, str]], width: int, glyphs: Glyphs = UNICODE
) -> Content:
    """gauge() of shares and their meanings; what is free is dim."""
    drawn = gauge([share for share, _ in parts], width, glyphs)
    signs = (glyphs.full, glyphs.half, glyphs.light)
    pieces, rest = [], drawn
    for (_, meaning), sign in zip(parts, signs, strict=False):
        after = rest.lstrip(sign)
        pieces.append(colored(rest[: len(rest) - len(after)], meaning))
        rest = after
    return Content.assemble(*pieces, colored(rest, "stale"))


def colored_spark(
    values: Sequence[float], width: int, glyphs: Glyphs = UNICODE, meaning: str = "accent"
) -> Content:
    """spark() in one colour; before the first value it is dim."""
    drawn = spark(values, width, glyphs)
    known = len(drawn) - min(len(values), len(drawn))
    return Content.assemble(colored(drawn[:known], "stale"), colored(drawn[known:], meaning))


def fullness(share: float) -> str:
    """Meaning of how full something is: 0 to 1."""
    return "bad" if share >= 0.95 else "waiting" if share >= 0.8 else "good"
