"""The beginning of an object as lines: JSON in its order, tables, text, or bytes in hex. Pure."""

from __future__ import annotations

import csv
import io
import json
from contextlib import suppress

from s3d.shared.text import safe, size

MOST = 2_000
"""Lines."""
_BYTES = 16


def preview(key: str, data: bytes, whole: int) -> list[str]:
    """data: the first bytes of an object of so many."""
    lines = _lines(key, data, is_whole=len(data) >= whole)
    if len(data) < whole:
        lines.append(f"... the first {size(len(data))} of {size(whole)}")
    return lines[:MOST]


def _lines(key: str, data: bytes, *, is_whole: bool) -> list[str]:
    if not data:
        return ["(empty)"]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        if is_whole or error.start < len(data) - 4:  # a character that is cut in two is text still
            return _hex(data)
        text = data[: error.start].decode("utf-8")
    if "\0" in text:
        return _hex(data)
    suffix = key.rpartition(".")[2].lower()
    if suffix == "json" and is_whole:
        with suppress(ValueError):
            text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    elif suffix in ("csv", "tsv"):
        return _table(text, "\t" if suffix == "tsv" else ",")
    return [safe(line.expandtabs(4)) for line in text.splitlines()]


def _table(text: str, delimiter: str) -> list[str]:
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    except csv.Error:
        return [safe(line) for line in text.splitlines()]
    columns = max((len(row) for row in rows), default=0)
    widths = [
        min(30, max((len(row[n]) for row in rows if n < len(row)), default=0))
        for n in range(columns)
    ]
    return [
        "  ".join(
            safe(value)[:width].ljust(width) for value, width in zip(row, widths, strict=False)
        )
        for row in rows
    ]


def _hex(data: bytes) -> list[str]:
    lines = []
    for start in range(0, len(data), _BYTES):
        row = data[start : start + _BYTES]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{start:08x}  {row.hex(' '):<{3 * _BYTES}} {shown}")
    return lines
