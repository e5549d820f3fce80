"""Tables of text (CSV and its relatives) in aligned columns, with a header that stays."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from rich.cells import cell_len, set_cell_size

from s3d.shared.text import count, safe
from s3d.tui.preview.drawing import MAX_LINES, Drawing, Line, LineBuilder, Unreadable
from s3d.tui.preview.recognise import suffix_of

MAX_COLUMNS = 100
"""Columns that are shown."""
MAX_WIDTH = 40
"""Cells of one column."""
MAX_FIELD = 1 << 20
"""Characters of a field."""
_MEASURED = 500
"""Rows that determine the widths."""
_GAP = "  "
_DELIMITERS = ",;\t|"


def draw_table(key: str, text: str, *, is_whole: bool, more: str = "…") -> Drawing:
    """more: the sign at the end of a value that is cut. Raises Unreadable for another text."""
    delimiter = "\t" if suffix_of(key) in ("tsv", "tab") else _delimiter(text)
    csv.field_size_limit(MAX_FIELD)
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text), delimiter=delimiter):
            if row:
                rows.append(row)
            if len(rows) > MAX_LINES:
                break
    except csv.Error as error:
        raise Unreadable(f"no table: {error}") from error
    if not is_whole and len(rows) > 1:
        rows.pop()  # the last row may be cut
    if not rows:
        raise Unreadable("no table: it is empty")
    header, body = (rows[0], rows[1:]) if _is_header(rows) else (_numbered(rows), rows)
    drawing = draw_columns("TSV" if delimiter == "\t" else "CSV", header, body, more=more)
    least = "" if is_whole else "at least "
    columns = max(map(len, rows[:_MEASURED]))
    drawing.notes.append(f"{least}{count(len(body), 'row')}, {count(columns, 'column')}")
    return drawing


def draw_columns(
    kind: str, header: Sequence[str], rows: Sequence[Sequence[str]], *, more: str = "…"
) -> Drawing:
    """A table with a header; numbers are on the right of their columns."""
    header = header[:MAX_COLUMNS]
    measured = [header, *rows[:_MEASURED]]
    columns = min(max(map(len, measured)), MAX_COLUMNS)
    widths = [_width(row[n] for row in measured if n < len(row)) for n in range(columns)]
    are_numbers = [_all_numbers(row[n] for row in rows[:_MEASURED] if n < len(row))
                   for n in range(columns)]  # fmt: skip
    layout = list(zip(widths, are_numbers, strict=True))
    lines = [_row_line(row, layout, more=more) for row in rows[:MAX_LINES]]
    top = _row_line(header, layout, "header", more=more)
    return Drawing(kind, lines, header=[top])


def _delimiter(text: str) -> str:
    """The delimiter that the first lines have in the same number; a comma when there is none."""
    lines = text[:4096].splitlines()[:10]
    lines = lines[:-1] if len(lines) > 1 else lines
    best, most = ",", 0
    for delimiter in _DELIMITERS:
        numbers = {line.count(delimiter) for line in lines if line}
        fewest = min(numbers, default=0)
        score = fewest * (2 if len(numbers) == 1 else 1)
        if score > most:
            best, most = delimiter, score
    return best


def _is_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row holds names: a number is no name."""
    return not any(_is_number(value) for value in rows[0])


def _numbered(rows: Sequence[Sequence[str]]) -> list[str]:
    return [str(number) for number in range(1, min(max(map(len, rows)), MAX_COLUMNS) + 1)]


def _is_number(text: str) -> bool:
    text = text.strip().removesuffix("%").replace(",", "").replace("_", "")
    try:
        float(text[:30])
    except ValueError:
        return False
    return True


def _all_numbers(values: Iterable[str]) -> bool:
    present = [value for value in values if value.strip()]
    return bool(present) and all(map(_is_number, present))


def _width(values: Iterable[str]) -> int:
    return max((min(cell_len(_shown(value)), MAX_WIDTH) for value in values), default=0)


def _shown(value: str) -> str:
    return safe(value[: 4 * MAX_WIDTH].replace("\r\n", "\n"))


def _row_line(
    row: Sequence[str], layout: Sequence[tuple[int, bool]], style: str = "", *, more: str
) -> Line:
    """layout: of each column its width, and whether it holds numbers."""
    builder = LineBuilder()
    for value, (width, is_number) in zip(row, layout, strict=False):
        cell = _cell(_shown(value), width, is_number=is_number, more=more)
        builder.add(cell + _GAP, style or ("number" if is_number else "text"))
    return builder.line()


def _cell(text: str, width: int, *, is_number: bool, more: str) -> str:
    """Exactly so many cells of the terminal; what is cut ends with a sign."""
    cells = cell_len(text)
    if cells > width:
        return set_cell_size(text, max(width - 1, 0)) + more
    padding = " " * (width - cells)
    return padding + text if is_number else text + padding
