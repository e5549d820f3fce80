"""Sizes, ages and times as people read and write them, and strings made safe for a terminal."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Mapping
from functools import cache

_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_AGES = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))

_SIZE_TEXT = r"(?i)(\d+(?:\.\d+)?)\s*([a-z]*)"  # compiled at first use
_AGE_TEXT = r"(?i)(\d+(?:\.\d+)?)\s*([a-z]+)"

_STEPS = ("k", "m", "g", "t", "p")
_BYTES = (
    {"": 1, "b": 1}
    | {step: 1024**power for power, step in enumerate(_STEPS, 1)}
    | {step + "ib": 1024**power for power, step in enumerate(_STEPS, 1)}
    | {step + "b": 1000**power for power, step in enumerate(_STEPS, 1)}
)
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}

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


def safe(text: str) -> str:
    """Make a text safe for a terminal: one line, without control and invisible characters.

    Keys, tags and errors can contain escape sequences that change the title of a terminal, clear
    it or fill the clipboard. Control characters become visible symbols, others their code point.
    """
    return text if text.isascii() and text.isprintable() else text.translate(_replacements())


@cache
def _replacements() -> Mapping[int, str]:
    """What safe() replaces, by code point."""
    return (
        {code: chr(0x2400 + code) for code in range(0x20)}
        | {0x7F: "\u2421"}
        | {code: f"\\x{code:02x}" for code in range(0x80, 0xA0)}
        | {code: f"<U+{code:04X}>" for code in _INVISIBLE}
        | dict.fromkeys(range(0xD800, 0xE000), "\ufffd")
        | {0xFE0F: ""}
    )


def printable_path(path: str) -> str:
    """A path as text. Bytes that are not UTF-8 become \\xNN, because JSON cannot contain them."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def size(count: int) -> str:
    """Format bytes: 512 B, 1.5 KiB, 64 MiB."""
    if count < 1024:
        return f"{count} B"
    value = float(count)
    for unit in _UNITS:
        value /= 1024
        if value < 1023.95 or unit == _UNITS[-1]:
            break
    return f"{value:.1f}".removesuffix(".0") + f" {unit}"


def age(seconds: float) -> str:
    """Format seconds, rounded down to the largest unit: 5 s, 3 min, 2 h, 9 d."""
    seconds = max(seconds, 0)
    for length, unit in _AGES:
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return "0 s"


def duration(seconds: float) -> str:
    """Format a duration that may be short: 0.4 ms, 850 ms, 2.5 s, 12 s, 3 min, 2 h."""
    if seconds < 0.01:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 1:
        return f"{seconds * 1000:,.0f} ms"
    return f"{seconds:.1f} s" if seconds < 10 else age(seconds)


def moment(at: float) -> str:
    """Format Unix seconds as local time: 2026-01-31 12:34:56."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def count(number: int, noun: str) -> str:
    """Format a number with a noun: 1 object, 2 objects, 12,000 objects."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def parse_size(text: str) -> int:
    """Bytes. K, M, G, T, P and KiB, MiB, ... are powers of 1024; kB, MB, ... are powers of 1000.

    Raises ValueError, which says what is expected.
    """
    match = re.fullmatch(_SIZE_TEXT, text.strip())
    factor = _BYTES.get(match[2].lower()) if match else None
    if match is None or factor is None:
        raise ValueError("not a size: write a number with a unit, such as 512MiB or 10GiB")
    return int(float(match[1]) * factor) if "." in match[1] else int(match[1]) * factor


def parse_age(text: str) -> float:
    """Seconds. The units ms, s, m, h, d, w can be combined; a number without a unit is seconds.

    Raises ValueError, which says what is expected.
    """
    text = text.strip()
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return float(text)
    parts = re.findall(_AGE_TEXT, text)
    known = all(unit.lower() in _SECONDS for _, unit in parts)
    if not parts or not known or re.sub(_AGE_TEXT, "", text).strip():
        raise ValueError("not a time: write a number with a unit, such as 90s, 15m, 1h30m or 7d")
    return float(sum(float(number) * _SECONDS[unit.lower()] for number, unit in parts))


def in_columns(rows: Iterable[tuple[str, str]]) -> str:
    """Labels and texts in two columns, made safe for a terminal, as lines."""
    rows = list(rows)
    width = max((len(label) for label, _ in rows), default=0)
    return "".join(f"{label:{width}}  {safe(text)}".rstrip() + "\n" for label, text in rows)
