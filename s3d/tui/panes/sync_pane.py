"""Sync folders: how each is, what is not in sync and why, what was done, and what is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar
from urllib.parse import quote

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from s3d.shared.syncing import FolderStatus, UndoRequest
from s3d.shared.text import age, count, moment, safe, size
from s3d.tui.cli_equivalent import command
from s3d.tui.draw import bar
from s3d.tui.panes.box import Box
from s3d.tui.panes.pane import Pane
from s3d.tui.screens.conflicts_screen import ConflictsScreen
from s3d.tui.screens.folder_form_screen import FolderFormScreen
from s3d.tui.screens.plan_screen import PlanScreen
from s3d.tui.table import Column, Row, Table

_STYLES = {"stopped": "bad", "offline": "odd", "paused": "dim", "syncing": "good"}


class SyncPane(Pane):
    """The folders; below, the one under the cursor, with its history."""

    FOCUS = "#sync-folders"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "edit", "Edit", id="sync.edit"),
        Binding("n", "new", "New", id="sync.new"),
        Binding("p", "pause", "Pause", id="sync.pause"),
        Binding("s", "now", "Now", id="sync.now"),
        Binding("c", "conflicts", "Conflicts", id="sync.conflicts"),
        Binding("a", "approve", "Approve", show=False, id="sync.approve"),
        Binding("D", "remove", "Remove", id="sync.remove"),
        Binding("t", "plan", "What a pass would do", show=False, id="sync.plan"),
        Binding("u", "restore", "Have it back from the other side", show=False, id="sync.restore"),
        Binding("z", "undo", "Undo a row of the history", show=False, id="sync.undo"),
        Binding("tab", "other", "Folders or history", show=False, id="sync.other"),
    ]

    def compose(self) -> ComposeResult:
        yield Table(
            [Column("Name", 12), Column("Folder and bucket"), Column("Mode", 8),
             Column("Files", 9, right=True), Column("State", 26)],
            glyphs=self.glyphs,
            empty="No folder is synced. n adds one.",
            id="sync-folders",
        )  # fmt: skip
        yield Box("Folder", "folder-box")
        yield Table(
            [Column("When", 19), Column("What", 22), Column("Path")],
            glyphs=self.glyphs,
            empty="Nothing was done yet.",
            opens=False,
            id="history",
        )

    def draw(self) -> None:
        rows = [self._row(folder) for folder in self.state.folders]
        self.query_one("#sync-folders", Table).show(rows)
        self._draw_folder()

    def on_table_moved(self) -> None:
        self._draw_folder()

    def on_table_opened(self) -> None:
        self.action_edit()

    def action_other(self) -> None:
        history = self.query_one("#history", Table)
        self.query_one("#sync-folders", Table).focus() if history.has_focus else history.focus()

    def status(self) -> str:
        folder = self._current
        if folder is None:
            return ""
        seen = age(self.host.clock() - folder.last_pass) + " ago" if folder.last_pass else "not yet"
        watch = safe(folder.watch or "nothing yet")
        return f" {safe(folder.name)}: both sides agreed {seen}; changes are noticed by {watch}"

    def _row(self, folder: FolderStatus) -> Row:
        glyphs = self.glyphs
        arrow = {"two-way": glyphs.both, "backup": glyphs.to, "mirror": glyphs.back}[folder.mode]
        signs = {"idle": glyphs.on, "syncing": glyphs.retry, "paused": glyphs.held}
        state = f"{signs.get(folder.state, '!')} {folder.state}"
        if folder.state == "syncing" and folder.todo:
            state = f"{bar(folder.done / folder.todo, 12, glyphs)} {folder.done:,}/{folder.todo:,}"
        elif folder.conflicts:
            state = f"! {count(folder.conflicts, 'conflict')}"
        elif folder.state == "idle":
            state = f"{glyphs.on} up to date"
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
        box.name_it(safe(folder.name))
        box.put(*self._about(folder))
        rows = [
            Row(str(row.id), (moment(row.at), row.action, f"{row.path} {row.detail}".strip()))
            for row in self.state.history.get(folder.name, [])
        ]
        history.show(rows)
        self.host.draw_foot()

    def _about(self, folder: FolderStatus) -> list[str]:
        filtered = f"   filter {folder.filter}" if folder.filter else ""
        lines = [safe(f"{count(folder.files, 'file')}, {size(folder.size)}{filtered}")]
        if folder.reason:
            lines.append(safe(f"{folder.state}: {folder.reason}"))
        if folder.question:
            lines.append("a: do it    u: have it all back from the other side    t: see it")
        lines += [safe(f"{t.state}  {t.path}: {t.reason}") for t in folder.troubles[:3]]
        if folder.trouble_count > 3:
            lines.append(f"and {folder.trouble_count - 3:,} more: s3d sync status {folder.name}")
        if folder.conflicts:
            lines.append(f"{count(folder.conflicts, 'conflict')}: c resolves them")
        return lines

    # What is done

    def _ask(self, verb: str, done: str) -> None:
        folder = self._current
        if folder is not None:
            self.act("POST", f"{_place(folder)}:{verb}", f"{folder.name}: {done}",
                     command=command("sync", verb, folder.name))  # fmt: skip

    def _if_it_asks(self, then: Callable[[FolderStatus], object]) -> None:
        folder = self._current
        if folder is None or not folder.question:
            self.host.say("nothing is asked")
        elif self.host.may_write():
            then(folder)

    def action_edit(self) -> None:
        folder = self._current
        if folder is None:
            self.host.say("no folder is under the cursor; n adds one")
        elif not folder.from_file:
            self.host.say(f"{folder.name} is set by the environment", is_bad=True)
        elif self.host.may_write():
            self.host.push_screen(FolderFormScreen(folder.name), self._saved)

    def action_new(self) -> None:
        if self.host.may_write():
            self.host.push_screen(FolderFormScreen(), self._saved)

    def _saved(self, name: str | None) -> None:
        if name:
            self.host.hurry()

    def action_pause(self) -> None:
        folder = self._current
        if folder is not None:
            verb = "resume" if folder.state == "paused" else "pause"
            self._ask(verb, f"{verb}d")

    def action_now(self) -> None:
        self._ask("now", "synced")

    def action_plan(self) -> None:
        folder = self._current
        if folder is not None:
            self.host.push_screen(PlanScreen(f"{_place(folder)}:plan", folder.name))

    def action_conflicts(self) -> None:
        folder = self._current
        if folder is None or not folder.conflicts:
            self.host.say("there is no conflict")
            return
        self.host.push_screen(ConflictsScreen(folder.name), lambda _: self.host.hurry())

    def action_approve(self) -> None:
        self._if_it_asks(
            lambda folder: self.host.confirm(
                f"{folder.reason}. Do it?", lambda: self._ask("approve", "approved")
            )
        )

    def action_restore(self) -> None:
        self._if_it_asks(lambda folder: self._ask("restore", "brought back from the other side"))

    def action_undo(self) -> None:
        """Have back what the row of the history under the cursor has replaced or removed."""
        folder, row = self._current, self.query_one("#history", Table).current
        if folder is None or row is None:
            self.host.say("no row of the history is under the cursor: tab goes there")
            return
        said = command("sync", "undo", "--id", row.id, "--folder", folder.name)
        self.act("POST", f"{_place(folder)}:undo", "undone", UndoRequest(int(row.id)), command=said)

    def action_remove(self) -> None:
        folder = self._current
        if folder is None or not self.host.may_write():
            return
        question = f"Sync {folder.name} no more? Both sides keep their files."
        said = command("sync", "rm", folder.name)
        self.host.confirm(
            question,
            lambda: self.act("DELETE", _place(folder), f"{folder.name} is removed", command=said),
        )


def _place(folder: FolderStatus) -> str:
    return f"/v1/sync/{quote(folder.name, safe='')}"
