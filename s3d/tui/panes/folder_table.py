"""A local folder as a table: one of the two panes between which files and objects are copied."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from textual import work
from textual.message import Message

from s3d.shared.text import safe, size
from s3d.tui.columns import Column
from s3d.tui.directory_listing import UP
from s3d.tui.host import host_of
from s3d.tui.panes.listing_columns import ago
from s3d.tui.table import LateTable, Row
from s3d.tui.themes import Glyphs

_NARROW = 40
"""Cells of the table below which only names are shown."""


class Entry(NamedTuple):
    """A file or folder. modified: Unix seconds."""

    name: str
    is_folder: bool
    size: int
    modified: float


class FolderTable(LateTable):
    """folder: what is shown. It follows changes of the folder itself, not of the files in it."""

    class Listed(Message):
        """Other rows are shown."""

    def __init__(self, *, glyphs: Glyphs, id: str) -> None:
        super().__init__([Column("Name")], glyphs=glyphs, empty="This folder is empty.",
                         marks=True, id=id)  # fmt: skip
        self.marks.unmarkable = frozenset({UP})
        self.folder = Path.home()
        self.error = ""
        """Why the folder cannot be read."""
        self._changed_at: float | None = None
        self._entries: Sequence[Entry] = ()

    def open(self, folder: Path, select: str = "") -> None:
        """Show another folder. select: the row that the cursor goes to."""
        self.folder, self._changed_at = folder, None
        self.unmark()
        self.show([])
        self.is_reading = True
        self.read(select)

    def refresh_if_outdated(self) -> None:
        """Read the folder again when files have come or gone."""
        if _changed_at(self.folder) != self._changed_at:
            self.read()
        self.refresh()  # ages grow

    @work(exclusive=True, group="folder", exit_on_error=False)
    async def read(self, select: str = "") -> None:
        """Read the folder, beside the loop: it may be large, or on a slow disk."""
        folder = self.folder
        self._changed_at = _changed_at(folder)
        try:
            entries, error = await asyncio.to_thread(entries_of, folder), ""
        except OSError as failure:
            entries, error = [], safe(failure.strerror or str(failure))
        if folder != self.folder:
            return
        self._entries, self.error = entries, error
        self.empty = error or "This folder is empty."
        self._show_entries()
        if select:
            self.go(select)
        self.post_message(self.Listed())

    def on_resize(self) -> None:
        self._show_entries()

    def _show_entries(self) -> None:
        is_wide = self.size.width >= _NARROW
        beside = [Column("Size", 10, right=True), Column("Modified", 10, right=True)]
        self.columns = [Column("Name"), *(beside if is_wide else [])]
        rows = _FolderRows(self._entries, host_of(self).clock)
        self.show(rows, rows.id)

    def up(self) -> None:
        """Show the parent folder, with the cursor on the one that was left."""
        if self.folder.parent != self.folder:
            self.open(self.folder.parent, f"{self.folder.name}/")

    def paths(self) -> list[str]:
        """The marked files and folders, or the one under the cursor."""
        return [str(self.folder / id.rstrip("/")) for id in self.chosen() if id != UP]

    def action_open(self) -> None:
        current = self.cursor.id
        if current == UP:
            self.up()
        elif current.endswith("/"):
            self.open(self.folder / current.rstrip("/"))


class _FolderRows(Sequence[Row]):
    """The rows, each made when it is drawn. The first leads to the parent folder."""

    def __init__(self, entries: Sequence[Entry], clock: Callable[[], float]) -> None:
        self._entries, self._clock = entries, clock

    def __len__(self) -> int:
        return len(self._entries) + 1

    def id(self, n: int) -> str:
        """The id of a row, without making the row."""
        return _name(self._entries[n - 1]) if n else UP

    def __getitem__(self, n: int) -> Row:  # type: ignore[override]
        return _row(self._entries[n - 1], self._clock()) if n else Row(UP, ("../", "", ""))


def entries_of(folder: Path) -> list[Entry]:
    """Folders first, each by name. Raises OSError."""
    entries = []
    with os.scandir(folder) as found:
        for each in found:
            try:
                status = each.stat()
            except OSError:  # a dangling link, or a file that has just gone
                status = each.stat(follow_symlinks=False)
            entries.append(Entry(each.name, each.is_dir(), status.st_size, status.st_mtime))
    return sorted(entries, key=lambda entry: (not entry.is_folder, entry.name))


def _row(entry: Entry, now: float) -> Row:
    modified = ago(entry.modified, now)
    name = _name(entry)
    if entry.is_folder:
        return Row(name, (name, "", modified), "bold")
    return Row(name, (name, size(entry.size), modified))


def _name(entry: Entry) -> str:
    """The name, of a folder with a slash at its end."""
    return f"{entry.name}/" if entry.is_folder else entry.name


def _changed_at(folder: Path) -> float | None:
    try:
        return folder.stat().st_mtime
    except OSError:
        return None
