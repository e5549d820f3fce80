"""The difference between two versions of an object, as lines to read. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import unified_diff

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.theme import Theme

from s3d.shared.control import ObjectInfo
from s3d.shared.text import moment, safe, size
from s3d.tui.lines import Line

MAX_COMPARED = 256 << 10
"""Bytes of a version that are read for a comparison."""
_COLORS = {"+": "success", "-": "error", "@": "secondary"}
"""First character of a line -> colour of the theme."""


Version = tuple[ObjectInfo, bytes]
"""A version, and its first bytes."""


def compare(old: Version, new: Version, theme: Theme) -> list[Line]:
    """Sizes and dates, then the changed lines of two texts."""
    older, newer = old[0], new[0]
    lines: list[Line] = [
        f"- {_title(older)}",
        f"+ {_title(newer)}   {newer.size - older.size:+,} B",
        "",
    ]
    if older.etag == newer.etag and older.size == newer.size:
        return [*lines, "Both versions have the same content."]
    try:
        old_lines, new_lines = _lines(old), _lines(new)
    except UnicodeDecodeError:
        return [*lines, "At least one of them is no text: v views one, x in it shows its bytes."]
    if max(older.size, newer.size) > MAX_COMPARED:
        lines.append(f"Only the first {size(MAX_COMPARED)} of each are compared.")
    changed = list(_changed_lines(old_lines, new_lines, theme))
    return [*lines, *(changed or ["No line differs."])]


def _title(info: ObjectInfo) -> str:
    return safe(f"{moment(info.last_modified)}  {size(info.size)}  {info.version_id or 'null'}")


def _lines(version: Version) -> list[str]:
    """The lines of a text. A character that is cut in two at the end is left out."""
    info, data = version
    is_cut = len(data) < info.size
    text = data.decode("utf-8", "strict" if not is_cut else "ignore")
    if "\0" in text:
        raise UnicodeDecodeError("utf-8", b"\0", 0, 1, "binary data")
    return text.splitlines()


def _changed_lines(old: list[str], new: list[str], theme: Theme) -> Iterator[Line]:
    for line in [*unified_diff(old, new, lineterm="", n=3)][2:]:
        yield changed_line(line, theme)


def changed_line(line: str, theme: Theme) -> Line:
    """A line of a unified difference in its colour."""
    color, text = getattr(theme, _COLORS.get(line[:1], ""), None), safe(line)
    if color is None:
        return text
    return Strip([Segment(text, Style.parse(color.removeprefix("ansi_")))])
