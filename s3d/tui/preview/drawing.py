"""A drawing: what a decoder makes of an object, as lines of safe text with named styles.

Decoders build lines with LineBuilder, the only place where text of an object becomes text of the
terminal, so no decoder can let a control character through. Drawings travel from the process of
the decoders to the app as MessagePack.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from s3d.shared.text import safe

STYLES = (
    "text", "key", "string", "number", "keyword", "comment", "punctuation", "header", "dim",
    "error",
)  # fmt: skip
"""Names of styles; a mark holds the index of one."""
STYLE_NUMBERS = {name: number for number, name in enumerate(STYLES)}
MAX_LINES = 10_000
"""Lines of a drawing."""
MAX_LINE = 100_000
"""Characters of a line."""


class Line(Struct, array_like=True):
    """One line. The text is safe for a terminal.

    marks: pairs of the index of a style and the index of the first character after it.
    fold: number of further lines that belong to this one and can be hidden; 0 for none.
    """

    text: str
    marks: list[int] = []
    fold: int = 0


class Pixels(Struct, array_like=True):
    """A picture. data: rows of pixels, three bytes (red, green, blue) each.

    png: the same picture with more pixels, for terminals that draw pictures themselves; may be
    empty.
    """

    width: int
    height: int
    data: bytes
    png: bytes = b""


class Range(Struct, array_like=True, frozen=True):
    """A range of the bytes of an object."""

    start: int
    size: int


class Drawing(Struct):
    """What is shown of an object.

    kind: JSON, CSV, zip, ...: for people, without details.
    notes: short texts about the whole object: size of a picture, number of rows, what is cut.
    header: lines that stay at the top while the others scroll.
    missing: what the decoder would read to show more; empty when nothing would help.
    """

    kind: str
    lines: list[Line] = []
    notes: list[str] = []
    header: list[Line] = []
    pixels: Pixels | None = None
    missing: list[Range] = []


class Unreadable(Exception):
    """The bytes are not what their name or beginning promises. str(): why, for the user."""


class MissingBytes(Exception):
    """A decoder needs bytes that were not read."""

    def __init__(self, missing: Range) -> None:
        super().__init__(f"bytes {missing.start} to {missing.start + missing.size} were not read")
        self.range = missing


class LineBuilder:
    """Builds one line from pieces of text. The pieces are made safe here."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._marks: list[int] = []
        self._length = 0

    @property
    def is_full(self) -> bool:
        """Whether nothing more is added."""
        return self._length >= MAX_LINE

    def add(self, text: str, style: str = "text") -> None:
        """Add a piece of one line. Text beyond MAX_LINE characters is dropped."""
        piece = safe(text[: MAX_LINE - self._length])
        if not piece:
            return
        self._length += len(piece)
        self._pieces.append(piece)
        number = STYLE_NUMBERS[style]
        if self._marks and self._marks[-2] == number:
            self._marks[-1] = self._length
        else:
            self._marks += (number, self._length)

    def line(self, fold: int = 0) -> Line:
        """The line so far."""
        marks = self._marks if self._marks[:1] != [0] or len(self._marks) > 2 else []
        return Line("".join(self._pieces), marks, fold)


def styled_line(*pieces: tuple[str, str]) -> Line:
    """A line of pieces, each a text and the name of its style."""
    builder = LineBuilder()
    for text, style in pieces:
        builder.add(text, style)
    return builder.line()


def plain_lines(texts: Iterable[str]) -> list[Line]:
    """Lines without styles, MAX_LINES at most."""
    lines: list[Line] = []
    for text in texts:
        if len(lines) == MAX_LINES:
            break
        lines.append(Line(safe(text[:MAX_LINE])))
    return lines
