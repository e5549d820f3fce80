"""The appearance of the app: colour themes, and the signs it draws with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter
from textual.theme import Theme

THEMES = (
    Theme(
        "s3d-dark", primary="#3b82c4", secondary="#5aa2a8", accent="#6cb2f2", warning="#d9a441",
        error="#d05c5c", success="#62a566", background="#101418", surface="#171d24",
        panel="#1f2730", foreground="#d6dde4", dark=True,
    ),
    Theme(
        "s3d-light", primary="#1f5f99", secondary="#2f7478", accent="#0b63b5", warning="#8a5a00",
        error="#a32020", success="#2c6e31", background="#f7f8fa", surface="#ffffff",
        panel="#e8ecf0", foreground="#1c2430", dark=False,
    ),
    Theme(
        "s3d-contrast", primary="#ffffff", secondary="#00ffff", accent="#00ffff",
        warning="#ffff00", error="#ff5f5f", success="#5fff5f", background="#000000",
        surface="#000000", panel="#1a1a1a", foreground="#ffffff", dark=True,
        variables={"error-darken-1": "#a00000", "input-selection-background": "#005f87"},
    ),
)  # fmt: skip
DEFAULT = THEMES[0].name
PLAIN = "ansi-dark"
"""Textual's theme of the terminal's own colours."""
CYCLE = (*(theme.name for theme in THEMES), PLAIN)
"""The themes in the order of F2."""
COLORS: Mapping[str, str] = {
    "accent": "$accent",
    "good": "$success",
    "waiting": "$warning",
    "bad": "$error",
    "stale": "$text-muted",
}
"""Meaning -> colour, in Textual's style sheets and in the styles of Content.

accent: what is chosen, has the focus, or moves. good: done, safe. waiting: pending, paused, a
question. bad: failed, or destroys. stale: old, or of no importance now.
"""
_NO_COLORS = Style.from_color(RichColor.default(), RichColor.default())


class WithoutColors(LineFilter):
    """Leaves the terminal's own foreground and background; a coloured background is reversed.

    Textual's own filter for NO_COLOR writes black on black: it reads the terminal's default colours
    as black (https://no-color.org).
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            Segment(text, None if style is None else _without_colors(style), control)
            for text, style, control in segments
        ]


@lru_cache(1024)
def _without_colors(style: Style) -> Style:
    is_marked = style.bgcolor is not None and not style.bgcolor.is_default
    plain = style + _NO_COLORS
    return plain + Style(reverse=True) if is_marked else plain


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The signs of one character set. A sign always stands beside a word, never alone."""

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
    run: str = "▶"
    mark: str = "◆"
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
    levels: str = "▁▂▃▄▅▆▇█"


UNICODE = Glyphs()
ASCII = Glyphs(
    full="#", half="=", light="-", empty=".", line="=", gap="-", up="^", down="v", both="<>",
    to="->", back="<-", on="*", run=">", mark="#", off="o", part="%", wait=".", held="|", bad="x",
    good="+", more="~", retry="r", levels="_.-=+*#@",
)  # fmt: skip
