"""Sync folders as texts: for the dashboard, for the table of folders, and in detail. Pure."""

from __future__ import annotations

from rich.cells import cell_len

from s3d.shared.syncing import FolderStatus
from s3d.shared.text import age, count, safe, size
from s3d.tui.draw import bar, cell, elide, elide_start
from s3d.tui.table import Row
from s3d.tui.themes import Glyphs

_STYLES = {"stopped": "bad", "offline": "odd", "paused": "dim", "syncing": "good"}
_GRAVER = ("stopped", "offline")
"""States that are graver than a conflict: nothing is synced."""
_WITH_SIDES = 66
"""Cells of a line that has room for both sides of a folder."""
_NO_FAILURES = ("kept", "left out")
"""States of a path that differs from the other side as it should."""
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
    elif _has_failed(folder):
        state = f"{count(folder.failed, 'path')} not in sync, press 5"
    elif folder.state == "idle":
        state = f"up to date, {count(folder.files, 'file')}"
    half = max(width - 14, 20) // 2
    sides = sides_text(folder, half, glyphs)
    texts = [(folder.name, 10), (sides, half), (state, half)]
    if width < _WITH_SIDES:
        texts = [(folder.name, 12), (state, width - 15)]
    sign = "!" if folder.conflicts and folder.state != "offline" else _sign(folder, glyphs)
    return " ".join([sign, *(cell(text, cells, more=glyphs.more) for text, cells in texts)])


def folder_row(folder: FolderStatus, width: int, glyphs: Glyphs) -> Row:
    """A row of the table of folders; its id is the name. width: cells of the column of both
    sides."""
    state = f"{_sign(folder, glyphs)} {folder.state}"
    if folder.state == "syncing" and folder.todo:
        state = f"{bar(folder.done / folder.todo, 8, glyphs)} {folder.done:,}/{folder.todo:,}"
    elif folder.conflicts and folder.state not in _GRAVER:
        state = f"! {count(folder.conflicts, 'conflict')}"
    elif _has_failed(folder):
        state = f"! {folder.failed:,} not in sync"
    elif folder.state == "idle":
        state = f"{glyphs.on} up to date"
    sides = sides_text(folder, width, glyphs)
    cells = (folder.name, sides, folder.mode, f"{folder.files:,}", state)
    return Row(folder.name, cells, _STYLES.get(folder.state, ""))


def folder_details(folder: FolderStatus) -> list[str]:
    """The lines below the table: size, state, what the user has to decide, what is not in sync."""
    filtered = f"   filter {folder.filter}" if folder.filter else ""
    lines = [safe(f"{count(folder.files, 'file')}, {size(folder.size)}{filtered}")]
    if folder.reason:
        lines.append(safe(f"{folder.state}: {folder.reason}"))
    if folder.question:
        lines.append("a approve deletions    u restore from the other side    t show the plan")
    failed = [each for each in folder.troubles if each.state not in _NO_FAILURES][:_MAX_TROUBLES]
    lines += [safe(f"{each.state}  {each.path}: {each.reason}") for each in failed]
    if folder.failed > len(failed):
        more = folder.failed - len(failed)
        lines.append(safe(f"and {more:,} more not in sync: s3d sync status {folder.name}"))
    lines += _differences(folder)
    if folder.conflicts:
        lines.append(f"{count(folder.conflicts, 'conflict')}: c resolves them")
    return lines


def _differences(folder: FolderStatus) -> list[str]:
    """What is not the same on both sides, and should not be."""
    parts = []
    if folder.left_as_is:
        parts.append(f"{count(folder.left_as_is, 'path')} kept, as the mode {folder.mode} says")
    if folder.left_out:
        parts.append(f"{count(folder.left_out, 'path')} left out: links and devices")
    return ["   ".join(parts)] if parts else []


def sides_text(folder: FolderStatus, width: int, glyphs: Glyphs) -> str:
    """The local folder, the direction and the prefix, in at most width cells: each side is elided
    alone, and of the local folder the end is shown."""
    arrow = {"two-way": glyphs.both, "backup": glyphs.to, "mirror": glyphs.back}[folder.mode]
    local, remote = safe(folder.path), safe(f"{folder.bucket}/{folder.prefix}")
    room = max(width - len(arrow) - 2, 2)
    if cell_len(local) + cell_len(remote) > room:
        remote = elide(remote, max(room * 2 // 3, room - cell_len(local)), glyphs.more)
        local = elide_start(local, room - cell_len(remote), glyphs.more)
    return f"{local} {arrow} {remote}"


def _has_failed(folder: FolderStatus) -> bool:
    """Whether a folder at rest has paths that should be in sync and are not."""
    return folder.state == "idle" and folder.failed > 0


def _sign(folder: FolderStatus, glyphs: Glyphs) -> str:
    if _has_failed(folder):
        return "!"
    signs = {"idle": glyphs.on, "syncing": glyphs.retry, "paused": glyphs.held}
    return signs.get(folder.state, "!")


def sync_text(folder: FolderStatus, now: float) -> str:
    """When both sides were last in sync, and how changes are noticed that would be synced."""
    synced = f"in sync {age(now - folder.last_pass)} ago" if folder.last_pass else ""
    never = "not in sync since the start of the agent" if folder.files else "not in sync yet"
    if folder.state != "idle":
        return f"{folder.state}, {f'last {synced}' if synced else never}"
    watch = {"events": "watching for changes"}.get(folder.watch, folder.watch)
    first = synced or never
    if folder.failed:
        first = f"{count(folder.failed, 'path')} not in sync, the others {first}"
    return first[0].upper() + first[1:] + (f", {watch}" if watch else "")
