"""JSON, indented and foldable. It needs no end: the beginning of a long document is drawn, too.

The text is split into tokens, never parsed into values, so nothing is recursive, numbers keep
their digits, and several documents may follow one another (JSON lines).
"""

from __future__ import annotations

import re

from s3d.tui.preview.drawing import MAX_LINES, STYLES, Drawing, Line, LineBuilder, Unreadable

MAX_DEPTH = 1_000
"""Levels that are opened; a deeper document is refused."""
_MAX_INDENT = 60
"""Cells of an indentation: deeper levels stay there."""
_TOKENS = (
    r'\s*(?:(?P<cut>"(?:[^"\\\n]|\\.)*+\\?\Z|-\Z|-?\d++(?:\.\Z|(?:\.\d++)?[eE][+-]?\Z)|[a-z]{1,3}\Z)'
    r'|(?P<string>"(?:[^"\\\n]|\\.)*+")|(?P<number>-?\d++(?:\.\d++)?(?:[eE][+-]?\d++)?)'
    r"|(?P<keyword>true|false|null)|(?P<punctuation>[\[\]{}:,]))"
)
"""Possessive repetitions (Python 3.11): linear in the length of the text."""


def draw_json(text: str, *, is_whole: bool) -> Drawing:
    """Raises Unreadable when the text is not JSON."""
    indenter, text = _Indenter(), text.rstrip()
    token, at, end = re.compile(_TOKENS), 0, len(text)
    while at < end and not indenter.is_full:
        match = token.match(text, at)
        if match is None:
            raise Unreadable(f"no JSON: unexpected {text[at : at + 20].strip()[:10]!r}")
        kind = match.lastgroup or ""
        if kind == "cut" and is_whole:
            raise Unreadable("no JSON: it ends too early")
        indenter.put(kind, match[kind])
        at = match.end()
    if is_whole and at >= end and indenter.depth:
        raise Unreadable("no JSON: it ends too early")
    drawing = Drawing("JSON", indenter.end())
    if indenter.documents > 1:
        drawing.notes.append(f"{indenter.documents} documents")
    return drawing


class _Indenter:
    """Makes lines of the tokens, one value each."""

    def __init__(self) -> None:
        self._lines: list[Line] = []
        self._line = LineBuilder()
        self._has_text = False
        self._open: list[tuple[int, str]] = []
        """The line of each open bracket, and what closes it."""
        self._after = ""
        """The token before."""
        self.documents = 0

    @property
    def depth(self) -> int:
        return len(self._open)

    @property
    def is_full(self) -> bool:
        return len(self._lines) >= MAX_LINES

    def put(self, kind: str, text: str) -> None:
        if kind != "punctuation":
            self._put_value(kind, text)
        elif text in "{[":
            self._open_bracket(text)
        elif text in "}]":
            self._close_bracket(text)
        elif not self._open:
            raise Unreadable(f"no JSON: unexpected {text!r}")
        elif text == ":":
            self._as_key()
        else:
            self._line.add(",", "punctuation")
            self._end_line()
        self._after = text

    def _put_value(self, kind: str, text: str) -> None:
        self._begin_value()
        self._line.add(text, "string" if kind == "cut" else kind)

    def _begin_value(self) -> None:
        """A value of the top level is a document of its own."""
        if not self._open:
            self._end_line()
            self.documents += 1
        self._indent()

    def _as_key(self) -> None:
        """The string before the colon was a key."""
        line = self._line.line()
        text = line.text.strip()
        if not text.startswith('"'):
            raise Unreadable("no JSON: unexpected ':'")
        self._line = LineBuilder()
        self._line.add(line.text[: line.text.index('"')])
        self._line.add(text, "key")
        self._line.add(": ", "punctuation")

    def _open_bracket(self, text: str) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise Unreadable(f"no JSON: deeper than {MAX_DEPTH:,} levels")
        self._begin_value()
        self._line.add(text, "punctuation")
        self._open.append((len(self._lines), "}" if text == "{" else "]"))
        self._end_line()

    def _close_bracket(self, text: str) -> None:
        if not self._open or self._open[-1][1] != text:
            raise Unreadable(f"no JSON: unexpected {text!r}")
        start, _ = self._open.pop()
        is_empty = self._after in ("{", "[") and not self._has_text
        if is_empty:
            self._line = self._reopened(self._lines.pop())
        else:
            self._end_line()
            self._indent()
        self._line.add(text, "punctuation")
        if not is_empty:
            self._lines[start].fold = len(self._lines) - start
        if not self._open:
            self._end_line()

    def _reopened(self, line: Line) -> LineBuilder:
        """The line of an empty bracket, which closes on the same line."""
        builder, at = LineBuilder(), 0
        for number, end in zip(line.marks[::2], line.marks[1::2], strict=True):
            builder.add(line.text[at:end], STYLES[number])
            at = end
        self._has_text = True
        return builder

    def _indent(self) -> None:
        if not self._has_text:
            self._line.add(" " * min(2 * len(self._open), _MAX_INDENT))
            self._has_text = True

    def _end_line(self) -> None:
        if self._has_text:
            self._lines.append(self._line.line())
        self._line, self._has_text = LineBuilder(), False

    def end(self) -> list[Line]:
        """The lines. Brackets that are still open fold to the end."""
        self._end_line()
        for start, _ in self._open:
            self._lines[start].fold = len(self._lines) - 1 - start
        return self._lines
