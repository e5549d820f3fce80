"""Sync folders as texts: for the dashboard, for the table of folders, and in detail. Pure."""

from __future__ import annotations

from s3d.shared.syncing import FolderStatus
from s3d.shared.text import count, safe, size
from s3d.tui.draw import bar, cell
from s3d.tui.table import Row
from s3d.tui.themes import Glyphs

_STYLES = {"stopped": "bad", "offline": "odd", "paused": "dim", "syncing": "good"}
_GRAVER = ("stopped", "offline")
"""States that are graver than a conflict: nothing is synced."""
_WITH_SIDES = 66
"""Cells of a line that has room for both sides of a folder."""
_MAX_TROUBLES = 3
"""Paths that are not in sync, in the details; the rest is only counted."""


def folder_line(folder: FolderStatus, width: int, glyphs: Glyphs) -> str:
    """One line of the dashboard: sign, name, both sides, state."""
    state = folder.reason or folder.state
    if folder.state in _GRAVER:
        state = f"{folder.state}: {folder.reason}"
    elif folder.conflicts:
        state = f"{count(folder.conflicts, 'conflict')}, press 5"
    elif folder.state == "syncing" and folder.todo:
        share = folder.done / folder.todo
        state = f"{bar(share, 10, glyphs)} {folder.done:,} of {folder.todo:,}"
    elif folder.state == "idle":
        state = f"up to date, {count(folder.files, 'file')}"
    half = max(width - 14, 20) // 2
    texts = [(folder.name, 10), (_sides(folder, glyphs), half), (state, half)]
    if width < _WITH_SIDES:
        texts = [(folder.name, 12), (state, width - 15)]
    sign = "!" if folder.conflicts and folder.state != "offline" else _sign(folder, glyphs)
    return " ".join([sign, *(cell(text, cells, more=glyphs.more) for text, cells in texts)])


def folder_row(folder: FolderStatus, glyphs: Glyphs) -> Row:
    """A row of the table of folders; its id is the name."""
    state = f"{_sign(folder, glyphs)} {folder.state}"
    if folder.state == "syncing" and folder.todo:
        state = f"{bar(folder.done / folder.todo, 8, glyphs)} {folder.done:,}/{folder.todo:,}"
    elif folder.conflicts and folder.state not in _GRAVER:
        state = f"! {count(folder.conflicts, 'conflict')}"
    elif folder.state == "idle":
        state = f"{glyphs.on} up to date"
    cells = (folder.name, _sides(folder, glyphs), folder.mode, f"{folder.files:,}", state)
    return Row(folder.name, cells, _STYLES.get(folder.state, ""))


def folder_details(folder: FolderStatus) -> list[str]:
    """The lines below the table: size, state, what the user has to decide, what is not in sync."""
    filtered = f"   filter {folder.filter}" if folder.filter else ""
    lines = [safe(f"{count(folder.files, 'file')}, {size(folder.size)}{filtered}")]
    if folder.reason:
        lines.append(safe(f"{folder.state}: {folder.reason}"))
    if folder.question:
        lines.append("a approve deletions    u restore from the other side    t show the plan")
    lines += [
        safe(f"{each.state}  {each.path}: {each.reason}")
        for each in folder.troubles[:_MAX_TROUBLES]
    ]
    if folder.trouble_count > _MAX_TROUBLES:
        more = folder.trouble_count - _MAX_TROUBLES
        lines.append(f"and {more:,} more: s3d sync status {folder.name}")
    if folder.conflicts:
        lines.append(f"{count(folder.conflicts, 'conflict')}: c resolves them")
    return lines


def _sides(folder: FolderStatus, glyphs: Glyphs) -> str:
    """The local folder, the direction, and the prefix."""
    arrow = {"two-way": glyphs.both, "backup": glyphs.to, "mirror": glyphs.back}[folder.mode]
    return f"{folder.path} {arrow} {folder.bucket}/{folder.prefix}"


def _sign(folder: FolderStatus, glyphs: Glyphs) -> str:
    signs = {"idle": glyphs.on, "syncing": glyphs.retry, "paused": glyphs.held}
    return signs.get(folder.state, "!")
