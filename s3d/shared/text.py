"""Text for people: sizes, ages, times, and strings from outside made safe for a terminal."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_AGES = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))

_INVISIBLE = (
    *range(0x200B, 0x2010),  # zero-width characters and direction marks
    *range(0x2028, 0x202F),  # line and paragraph separators, embeddings and overrides
    *range(0x2060, 0x2070),  # word joiner, isolates
    0x00AD,
    0x061C,
    0x180E,
    0xFEFF,
    *range(0xE0000, 0xE0080),  # tags
)
_SAFE: Mapping[int, str] = (
    {code: chr(0x2400 + code) for code in range(0x20)}
    | {0x7F: "\u2421"}
    | {code: f"\\x{code:02x}" for code in range(0x80, 0xA0)}
    | {code: f"<U+{code:04X}>" for code in _INVISIBLE}
    | dict.fromkeys(range(0xD800, 0xE000), "\ufffd")
    | {0xFE0F: ""}
)


def safe(text: str) -> str:
    """What a terminal may be given: one line, no control, direction or invisible character.

    Keys, tags and errors can hold escape sequences that retitle a terminal, clear it or fill the
    clipboard. Controls become their pictures, the others their number; the rest stays as it is.
    """
    return text if text.isascii() and text.isprintable() else text.translate(_SAFE)


def printable_path(path: str) -> str:
    """A path of this system as text: bytes that are not UTF-8 become \\xNN, which JSON can hold."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def size(count: int) -> str:
    """Bytes for people: 512 B, 1.5 KiB, 64 MiB."""
    if count < 1024:
        return f"{count} B"
    value = float(count)
    for unit in _UNITS:
        value /= 1024
        if value < 1023.95 or unit == _UNITS[-1]:
            break
    return f"{value:.1f}".removesuffix(".0") + f" {unit}"


def age(seconds: float) -> str:
    """A span for people, rounded down to its largest unit: 5 s, 3 min, 2 h, 9 d."""
    seconds = max(seconds, 0)
    for length, unit in _AGES:
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return "0 s"


def moment(at: float) -> str:
    """Unix seconds as local time: 2026-01-31 12:34:56."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def count(number: int, noun: str) -> str:
    """1 object, 2 objects, 12,000 objects."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
