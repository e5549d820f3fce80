"""The sync folders: state of each, what is not in sync and why, its history, and its actions."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from s3d.shared.syncing import FolderStatus, HistoryRow
from s3d.shared.text import moment, safe
from s3d.tui.columns import Column, place_columns
from s3d.tui.panes.folder_rows import folder_details, folder_row, sync_text
from s3d.tui.panes.pane import Pane
from s3d.tui.panes.sync_folder_actions import NO_FOLDERS, FolderActions, refusal
from s3d.tui.table import Row, Table
from s3d.tui.text_widgets import Box, show

_SIDES = "Folder and bucket"
_WITH_YEAR = 78
"""Cells of a terminal in which a moment has its year and its seconds."""


class SyncPane(Pane):
    """The table of folders; below it, details and history of the one under the cursor."""

    FOCUS = "#sync-folders"
    WRITES = frozenset(
        f"folder {name}"
        for name in ("edit", "new", "pause", "now", "approve", "remove", "restore", "undo")
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "folder('edit')", "Edit", id="sync.edit"),
        Binding("n", "folder('new')", "New", id="sync.new"),
        Binding("p", "folder('pause')", "Pause", id="sync.pause"),
        Binding("s", "folder('now')", "Now", id="sync.now"),
        Binding("c", "folder('conflicts')", "Conflicts", id="sync.conflicts"),
        Binding("a", "folder('approve')", "Approve", show=False, id="sync.approve"),
        Binding("D", "folder('remove')", "Remove", id="sync.remove"),
        Binding("t", "folder('plan')", "Dry run", id="sync.plan"),
        Binding("u", "folder('restore')", "Restore from the other side", show=False,
                id="sync.restore"),
        Binding("z", "folder('undo')", "Undo a row of the history", show=False, id="sync.undo"),
        Binding("tab", "other_table", "Folders or history", show=False, id="sync.other"),
    ]  # fmt: skip

    def compose(self) -> ComposeResult:
        yield Table(
            [Column("Name", 12), Column(_SIDES), Column("Mode", 8, shown_from=96),
             Column("Files", 9, right=True, shown_from=78), Column("State", 22)],
            glyphs=self.glyphs,
            empty=NO_FOLDERS,
            id="sync-folders",
        )  # fmt: skip
        yield Box("Folder", "folder-box")
        yield Table(
            history_columns(self.host.size.width),
            glyphs=self.glyphs,
            empty="No activity yet",
            opens=False,
            id="history",
        )

    @property
    def _history(self) -> Table:
        return self.query_one("#history", Table)

    @property
    def _current(self) -> FolderStatus | None:
        row = self.table.current
        return next((each for each in self.state.folders if row and each.name == row.id), None)

    @property
    def _history_row(self) -> HistoryRow | None:
        row, folder = self._history.current, self._current
        rows = self.state.history.get(folder.name, []) if folder is not None else []
        return next((each for each in rows if row is not None and str(each.id) == row.id), None)

    def draw(self) -> None:
        table = self.table
        width = table.scrollable_content_region.width or self.host.size.width
        placed = place_columns(table.columns, width)
        cells = next(each.cells for each in placed if each.column.title == _SIDES)
        table.show([folder_row(each, cells, self.glyphs) for each in self.state.folders])
        self._draw_folder()

    def _draw_folder(self) -> None:
        box, folder = self.query_one("#folder-box", Box), self._current
        self.offer_actions()
        show(box, folder is not None)
        show(self._history, folder is not None)
        if folder is None:
            self._history.show([])
            return
        box.set_title(safe(folder.name))
        box.put(*folder_details(folder))
        width = self.host.size.width
        self._history.columns = history_columns(width)
        rows = [_history_row(row, width) for row in self.state.history.get(folder.name, [])]
        self._history.show(rows)
        self.host.main.draw_foot()

    def status(self) -> str:
        folder = self._current
        if folder is None:
            return ""
        return safe(f" {folder.name}: {sync_text(folder, self.host.clock())}")

    def on_table_moved(self) -> None:
        self._draw_folder()

    def refusal(self, action: str, parameters: tuple[object, ...]) -> str:
        """Why the folder under the cursor does not allow it: see sync_folder_actions."""
        if action == "other_table":
            return "" if self._current is not None else NO_FOLDERS
        return refusal(str(parameters[0]), self._current, self._history_row)

    def on_table_opened(self) -> None:
        if reason := self.refusal("folder", ("edit",)):
            self.host.messages.toast(reason)
        else:
            self.action_folder("edit")

    def action_other_table(self) -> None:
        """Move the focus between the folders and the history."""
        (self.table if self._history.has_focus else self._history).focus()

    def action_folder(self, name: str) -> None:
        """Do something with the folder under the cursor: see FolderActions."""
        folder = FolderActions(
            self.host,
            current=lambda: self._current,
            history_row=lambda: self._history_row,
        )
        actions: dict[str, Callable[[], None]] = {
            "edit": folder.edit, "new": folder.new, "pause": folder.pause,
            "now": folder.sync_now, "conflicts": folder.resolve_conflicts,
            "approve": folder.approve, "remove": folder.remove, "plan": folder.show_plan,
            "restore": folder.restore, "undo": folder.undo,
        }  # fmt: skip
        actions[name]()


def history_columns(width: int) -> list[Column]:
    """width: cells of the terminal."""
    cells = (19, 22) if width >= _WITH_YEAR else (11, 14)
    return [Column("When", cells[0]), Column("What", cells[1]), Column("Path"), Column("", 7)]


def _history_row(row: HistoryRow, width: int) -> Row:
    """A row for history_columns() of the same width; one that can be undone names the key."""
    when, what = moment(row.at), f"{row.path} {row.detail}".strip()
    if width < _WITH_YEAR:
        when = when[len("2026-") : -len(":00")]
    return Row(str(row.id), (when, row.action, what, "z undo" if row.can_undo else ""))
