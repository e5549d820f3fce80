"""Sync folders: how each is, what is not in sync and why, what was done, and what is asked."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import quote

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from s3d.shared.syncing import FolderStatus, UndoRequest
from s3d.shared.text import age, moment, safe, size
from s3d.tui.draw import bar
from s3d.tui.panes.dashboard import Box
from s3d.tui.panes.pane import Pane
from s3d.tui.table import Column, Row, Table

_STYLES = {"stopped": "red", "offline": "yellow", "paused": "dim", "syncing": "green"}


class SyncPane(Pane):
    """The folders; below, the one under the cursor, with its history."""

    FOCUS = "#sync-folders"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", "Pause/resume"),
        Binding("s", "now", "Sync now"),
        Binding("a", "approve", "Approve"),
        Binding("u", "restore", "Restore"),
        Binding("D", "remove", "Remove"),
        Binding("z", "undo", "Undo"),
    ]

    def compose(self) -> ComposeResult:
        yield Table(
            [Column("Name", 12), Column("Folder and bucket"), Column("Mode", 8),
             Column("Files", 9, right=True), Column("State", 26)],
            glyphs=self.glyphs,
            empty="No folder is synced. In a terminal: s3d sync add FOLDER BUCKET/PREFIX",
            id="sync-folders",
        )  # fmt: skip
        yield Box("Folder", "folder-box")
        yield Table(
            [Column("When", 19), Column("What", 22), Column("Path")],
            glyphs=self.glyphs,
            empty="Nothing was done yet.",
            id="history",
        )

    def draw(self) -> None:
        rows = [self._row(folder) for folder in self.state.folders]
        self.query_one("#sync-folders", Table).show(rows)
        self._draw_folder()

    def on_table_moved(self) -> None:
        self._draw_folder()

    def _row(self, folder: FolderStatus) -> Row:
        glyphs = self.glyphs
        arrow = {"two-way": glyphs.both, "backup": glyphs.to, "mirror": glyphs.back}[folder.mode]
        state = folder.state
        if state == "syncing" and folder.todo:
            state = f"{bar(folder.done / folder.todo, 12, glyphs)} {folder.done:,}/{folder.todo:,}"
        elif folder.conflicts:
            state += f", {folder.conflicts} in conflict"
        place = f"{folder.path} {arrow} {folder.bucket}/{folder.prefix}"
        cells = (folder.name, place, folder.mode, f"{folder.files:,}", state)
        return Row(folder.name, cells, _STYLES.get(folder.state, ""))

    @property
    def _current(self) -> FolderStatus | None:
        row = self.query_one("#sync-folders", Table).current
        return next((each for each in self.state.folders if row and each.name == row.id), None)

    def _draw_folder(self) -> None:
        box, folder = self.query_one("#folder-box", Box), self._current
        history = self.query_one("#history", Table)
        if folder is None:
            box.put("")
            history.show([])
            return
        box.border_title = safe(folder.name)
        seen = age(self.host.clock() - folder.last_pass) + " ago" if folder.last_pass else "not yet"
        lines = [
            f"{folder.files:,} files, {size(folder.size)}; both sides agreed {seen}; "
            f"changes by {safe(folder.watch or 'nothing yet')}",
        ]
        if folder.reason:
            lines.append(safe(f"{folder.state}: {folder.reason}"))
        if folder.question:
            lines.append("a: do it    u: have it all back from the other side")
        lines += [safe(f"{t.state}  {t.path}: {t.reason}") for t in folder.troubles[:4]]
        lines += [
            safe(f"conflict  {conflict.copy}")
            for conflict in self.state.conflicts.get(folder.name, [])[:4]
        ]
        box.put(*lines)
        rows = [
            Row(str(row.id), (moment(row.at), row.action, f"{row.path} {row.detail}".strip()))
            for row in self.state.history.get(folder.name, [])
        ]
        history.show(rows)

    def _ask(self, verb: str, done: str) -> None:
        folder = self._current
        if folder is not None:
            place = f"/v1/sync/{quote(folder.name, safe='')}:{verb}"
            self.act("POST", place, f"{folder.name}: {done}")

    def action_pause(self) -> None:
        folder = self._current
        if folder is not None:
            verb = "resume" if folder.state == "paused" else "pause"
            self._ask(verb, f"{verb}d")

    def action_now(self) -> None:
        self._ask("now", "synced")

    def action_approve(self) -> None:
        folder = self._current
        if folder is None or not folder.question:
            self.host.say("nothing is asked")
            return
        self.host.confirm(f"{folder.reason}. Do it?", lambda: self._ask("approve", "approved"))

    def action_restore(self) -> None:
        folder = self._current
        if folder is None or not folder.question:
            self.host.say("nothing is asked")
            return
        self._ask("restore", "brought back from the other side")

    def action_undo(self) -> None:
        """Have back what the row of the history under the cursor has replaced or removed."""
        folder, row = self._current, self.query_one("#history", Table).current
        if folder is None or row is None:
            return
        place = f"/v1/sync/{quote(folder.name, safe='')}:undo"
        self.act("POST", place, "undone", UndoRequest(int(row.id)))

    def action_remove(self) -> None:
        folder = self._current
        if folder is None:
            return
        place = f"/v1/sync/{quote(folder.name, safe='')}"
        question = f"Sync {folder.name} no more? Both sides keep their files."
        self.host.confirm(question, lambda: self.act("DELETE", place, f"{folder.name} is removed"))
