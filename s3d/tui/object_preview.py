"""The beginning of an object as lines: indented JSON, a table, text, or bytes in hex. Pure."""

from __future__ import annotations

import csv
import io
import json
import zlib
from contextlib import suppress

from s3d.shared.text import safe, size

MAX_LINES = 5_000
_BYTES_PER_LINE = 16
_MAX_UNPACKED = 256 << 10
"""Bytes that a gzip beginning is unpacked to, at most."""


def preview(key: str, data: bytes, whole: int) -> list[str]:
    """data: the first bytes of the object. whole: the size of the object."""
    is_whole = len(data) >= whole
    shown, inner = _unpacked(data)
    if inner:
        key, is_whole = key.removesuffix(".gz"), is_whole and inner == "whole"
    lines = _lines(key, shown, is_whole=is_whole)
    lines = lines[:MAX_LINES]
    if len(data) < whole:
        lines.append(f"... the first {size(len(data))} of {size(whole)}")
    return lines


def _unpacked(data: bytes) -> tuple[bytes, str]:
    """Unpack a gzip beginning. Returns the bytes, and "whole" or "part"; "" when it is not gzip."""
    if not data.startswith(b"\x1f\x8b"):
        return data, ""
    unpack = zlib.decompressobj(31)
    try:
        unpacked = unpack.decompress(data, _MAX_UNPACKED)
    except zlib.error:
        return data, ""
    return unpacked, "whole" if unpack.eof else "part"


def _lines(key: str, data: bytes, *, is_whole: bool) -> list[str]:
    if not data:
        return ["(empty)"]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        if is_whole or error.start < len(data) - 4:  # unless the last character is only cut in two
            return hexdump(data)
        text = data[: error.start].decode("utf-8")
    if "\0" in text:
        return hexdump(data)
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


def hexdump(data: bytes) -> list[str]:
    """Lines of an offset, sixteen bytes, and the printable ones of them."""
    lines = []
    for start in range(0, len(data), _BYTES_PER_LINE):
        row = data[start : start + _BYTES_PER_LINE]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{start:08x}  {row.hex(' '):<{3 * _BYTES_PER_LINE}} {shown}")
    return lines
