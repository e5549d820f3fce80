"""Drawings of text: bars, sparklines, cells of a width; with Unicode, or ASCII alone. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from s3d.shared.text import safe

_EIGHTHS = "▁▂▃▄▅▆▇█"
_LEVELS = "_.-=+*#@"


@dataclass(frozen=True, slots=True)
class Glyphs:
    """Signs that go with a word, never alone."""

    full: str = "█"
    half: str = "▓"
    light: str = "▒"
    empty: str = "░"
    line: str = "━"
    gap: str = "─"
    up: str = "↑"
    down: str = "↓"
    both: str = "⇄"
    to: str = "→"
    back: str = "←"
    on: str = "●"
    off: str = "○"
    part: str = "◐"
    wait: str = "·"
    held: str = "‖"
    bad: str = "✗"
    good: str = "✓"
    more: str = "…"
    cursor: str = ">"
    pin: str = "P"
    retry: str = "↻"
    levels: str = _EIGHTHS


UNICODE = Glyphs()
ASCII = Glyphs(
    full="#", half="=", light="-", empty=".", line="=", gap="-", up="^", down="v", both="<>",
    to="->", back="<-", on="*", off="o", part="%", wait=".", held="|", bad="x", good="+",
    more="~", retry="r", levels=_LEVELS,
)  # fmt: skip


def cell(text: str, width: int, *, right: bool = False, more: str = "…") -> str:
    """A text from outside, safe and of exactly so many cells; too long, it is cut in its middle."""
    text = elide(safe(text), width, more)
    gap = width - cell_len(text)
    return " " * gap + text if right else text + " " * gap


def elide(text: str, width: int, more: str = "…") -> str:
    """At most so many cells: the middle goes, since names differ at their ends."""
    if cell_len(text) <= width:
        return text
    if width <= 1:
        return more[:width]
    head = (width - 1) // 2
    tail = width - 1 - head
    return set_cell_size(text, head) + more + _last(text, tail)


def _last(text: str, width: int) -> str:
    taken, cells = "", 0
    for char in reversed(text):
        cells += cell_len(char)
        if cells > width:
            break
        taken = char + taken
    return " " * (width - cell_len(taken)) + taken


def bar(share: float, width: int, glyphs: Glyphs = UNICODE) -> str:
    """How far something is. share: 0 to 1."""
    done = round(min(max(share, 0.0), 1.0) * width)
    return glyphs.line * done + glyphs.gap * (width - done)


def gauge(parts: Sequence[float], width: int, glyphs: Glyphs = UNICODE) -> str:
    """Several shares of one whole, each with a sign of its own, and what is left."""
    signs = (glyphs.full, glyphs.half, glyphs.light)
    drawn, left = "", width
    for share, sign in zip(parts, signs, strict=False):
        cells = min(left, round(max(share, 0.0) * width))
        if share > 0 and not cells and left:
            cells = 1
        drawn += sign * cells
        left -= cells
    return drawn + glyphs.empty * left


def spark(values: Sequence[float], width: int, glyphs: Glyphs = UNICODE) -> str:
    """The last values as columns, the highest as high as can be."""
    if width <= 0:
        return ""
    shown = list(values)[-width:]
    highest = max(shown, default=0.0) or 1.0
    top = len(glyphs.levels) - 1
    columns = "".join(glyphs.levels[min(top, int(value / highest * top + 0.5))] for value in shown)
    return columns.rjust(width, glyphs.levels[0])
