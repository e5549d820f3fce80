"""Text with the colours of its syntax, and bytes in hex."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from s3d.tui.preview.drawing import MAX_LINES, Drawing, Line, LineBuilder, plain_lines, styled_line

if TYPE_CHECKING:
    from pygments.lexer import Lexer
    from pygments.token import _TokenType

MAX_COLOURED = 256 << 10
"""Characters of a text up to which its syntax is analysed."""
_MAX_COLOURED_LINE = 5_000
_TAB = 4
_BYTES_PER_ROW = 16
_STYLE_OF_TOKEN = {
    "Comment": "comment", "Keyword": "keyword", "String": "string", "Literal": "string",
    "Number": "number", "Operator": "punctuation", "Punctuation": "punctuation",
    "Tag": "keyword", "Attribute": "key", "Heading": "header", "Subheading": "header",
    "Function": "key", "Class": "key", "Decorator": "key", "Deleted": "error",
    "Inserted": "string", "Error": "text",
}  # fmt: skip
"""A part of the name of a token type of Pygments -> style; the innermost part counts."""


def draw_text(key: str, text: str) -> Drawing:
    """Text as lines, coloured where Pygments knows the language by the name."""
    lexer = _lexer_of(key, text)
    if lexer is None:
        return Drawing("text", plain_lines(_expanded(text)))
    return Drawing(lexer.name, list(_coloured(lexer, text)))


def draw_plain(text: str) -> Drawing:
    """Text without colours: what always works."""
    return Drawing("text", plain_lines(_expanded(text)))


def _expanded(text: str) -> Iterator[str]:
    """The lines, at most one more than are shown; a page is not split at separators inside."""
    start = 0
    for _ in range(MAX_LINES + 1):
        if start >= len(text):
            return
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield text[start:end].removesuffix("\r").expandtabs(_TAB)
        start = end + 1


def _lexer_of(key: str, text: str) -> Lexer | None:
    name = key.rpartition("/")[2]
    longest = max(map(len, text[:MAX_COLOURED].split("\n")), default=0)
    if "." not in name[1:] and name not in ("Makefile", "Dockerfile"):
        return None
    if len(text) > MAX_COLOURED or longest > _MAX_COLOURED_LINE or name.endswith((".txt", ".log")):
        return None
    from pygments.lexers import get_lexer_for_filename
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_for_filename(name, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None
    return lexer


def _coloured(lexer: Lexer, text: str) -> Iterator[Line]:
    builder, count = LineBuilder(), 0
    for token, value in lexer.get_tokens(text.replace("\r\n", "\n").expandtabs(_TAB)):
        style = _style_of(token)
        first, *more = value.split("\n")
        builder.add(first, style)
        for piece in more:
            yield builder.line()
            count += 1
            if count == MAX_LINES:
                return
            builder = LineBuilder()
            builder.add(piece, style)
    last = builder.line()
    if last.text:
        yield last


def _style_of(token: _TokenType) -> str:
    for part in reversed(token):
        if part in _STYLE_OF_TOKEN:
            return _STYLE_OF_TOKEN[part]
    return "text"


def draw_hex(data: bytes, start: int = 0) -> Drawing:
    """Offset, sixteen bytes, and the printable ones of them. start: offset of the first byte."""
    rows = range(0, min(len(data), MAX_LINES * _BYTES_PER_ROW), _BYTES_PER_ROW)
    return Drawing("bytes", [_hex_row(data[at : at + _BYTES_PER_ROW], start + at) for at in rows])


def _hex_row(row: bytes, offset: int) -> Line:
    return styled_line(
        (f"{offset:08x}  ", "dim"),
        (f"{row.hex(' '):<{3 * _BYTES_PER_ROW}} ", "text"),
        (_printable(row), "string"),
    )


def _printable(row: Iterable[int]) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
