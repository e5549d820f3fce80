"""Drawings as strips of the terminal: styles of the theme, and pictures in cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.color import Color, ColorParseError
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.theme import Theme

from s3d.shared.text import safe
from s3d.tui.preview.drawing import Pixels
from s3d.tui.preview.view_rows import Piece

Styles = Mapping[str, Style]
"""Name of a style of a drawing -> how it looks."""
MATCH = Style(reverse=True, bold=True, underline=True)
_HALF = "▀"
_SHADES = " ░▒▓█"
_ASCII_SHADES = " .:-=+*#%@"
_BLACK = Color.from_rgb(0, 0, 0)
_COLOR_OF_STYLE = {
    "key": "secondary", "string": "success", "number": "accent", "keyword": "primary",
    "error": "error",
}  # fmt: skip
"""Style -> attribute of the theme with its colour."""
_FONT_OF_STYLE = {
    "keyword": Style(bold=True), "comment": Style(italic=True, dim=True),
    "punctuation": Style(dim=True), "header": Style(bold=True, underline=True),
    "dim": Style(dim=True), "error": Style(bold=True),
}  # fmt: skip
"""What is not a colour, so that it is seen without colours, too."""


def styles_of(theme: Theme, *, has_color: bool = True) -> Styles:
    """The styles in the colours of a theme."""
    styles = {}
    for name in {*_COLOR_OF_STYLE, *_FONT_OF_STYLE, "text"}:
        style = _FONT_OF_STYLE.get(name, Style())
        color = getattr(theme, _COLOR_OF_STYLE.get(name, ""), None) if has_color else None
        styles[name] = style + _colored(color)
    return styles


def _colored(color: str | None) -> Style:
    """A theme of the terminal's own colours has names that only Textual knows: no colour then."""
    if color is None:
        return Style()
    try:
        return Style(color=color)
    except ColorParseError:
        return Style()


def text_strip(
    pieces: Iterable[Piece], styles: Styles, base: Style, width: int, left: int
) -> Strip:
    """A row of text, cut to the cells from left on. The text is made safe once more: it came from
    another process."""
    segments = [
        Segment(
            safe(piece.text),
            base + styles[piece.style] + (MATCH if piece.is_match else Style.null()),
        )
        for piece in pieces
    ]
    return Strip(segments).crop_extend(left, left + width, base)


def shaded_strips(pixels: Pixels, *, is_ascii: bool) -> list[Strip]:
    """A picture without colours: one pixel in each cell, as a sign that is more or less full."""
    signs = _ASCII_SHADES if is_ascii else _SHADES
    return [
        Strip([Segment("".join(_shade(pixels, x, top, signs) for x in range(pixels.width)))])
        for top in range(0, pixels.height, 2)
    ]


def _shade(pixels: Pixels, x: int, y: int, signs: str) -> str:
    start = 3 * (y * pixels.width + x)
    brightness = sum(pixels.data[start : start + 3])
    return signs[brightness * len(signs) // (3 * 256)]


def picture_strips(pixels: Pixels, *, is_ascii: bool) -> list[Strip]:
    """Two pixels in each cell: half a block in one colour on the other colour.

    is_ascii: a space in the colour of the upper pixel.
    """
    return [_picture_row(pixels, top, is_ascii=is_ascii) for top in range(0, pixels.height, 2)]


def _picture_row(pixels: Pixels, top: int, *, is_ascii: bool) -> Strip:
    segments = []
    for x in range(pixels.width):
        upper = _color(pixels, x, top)
        lower = _color(pixels, x, top + 1) if top + 1 < pixels.height else None
        if is_ascii:
            segments.append(Segment(" ", Style(bgcolor=upper)))
        else:
            segments.append(Segment(_HALF, Style(color=upper, bgcolor=lower)))
    return Strip(segments).simplify()


def _color(pixels: Pixels, x: int, y: int) -> Color:
    start = 3 * (y * pixels.width + x)
    rgb = pixels.data[start : start + 3]
    return Color.from_rgb(*rgb) if len(rgb) == 3 else _BLACK
