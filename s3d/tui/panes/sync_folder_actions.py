"""What the keys of the sync pane do with the folder under the cursor."""

from __future__ import annotations

from collections.abc import Callable

from s3d.shared.syncing import FolderStatus, HistoryRow, UndoRequest
from s3d.tui.cli_equivalent import command
from s3d.tui.control_paths import folder_path
from s3d.tui.host import Host
from s3d.tui.screens.conflicts_screen import ConflictsScreen
from s3d.tui.screens.folder_form_screen import FolderFormScreen
from s3d.tui.screens.plan_screen import PlanScreen

NO_FOLDERS = "No sync folders yet: press n to add one"


def refusal(action: str, folder: FolderStatus | None, row: HistoryRow | None) -> str:
    """Why an action is not possible, as a sentence; empty when it is possible.

    row: of the history, under its cursor.
    """
    if action == "new":
        return ""
    if folder is None:
        return NO_FOLDERS
    reasons = {
        "edit": "" if folder.from_file else
                f"{folder.name} is set by the environment, so it is changed there",
        "conflicts": "" if folder.conflicts else f"{folder.name} has no conflicts",
        "approve": "" if folder.question else "Nothing to approve",
        "restore": "" if folder.question else "Nothing to restore: no deletions wait for approval",
        "undo": _refusal_of_undo(row),
    }  # fmt: skip
    return reasons.get(action, "")


def _refusal_of_undo(row: HistoryRow | None) -> str:
    if row is None:
        return "No activity is selected: press tab"
    return "" if row.can_undo else "Only rows marked with z can be undone"


class FolderActions:
    """current: the folder under the cursor. history_row: that of its history."""

    def __init__(
        self,
        host: Host,
        *,
        current: Callable[[], FolderStatus | None],
        history_row: Callable[[], HistoryRow | None],
    ) -> None:
        self._host, self._current, self._history_row = host, current, history_row

    def new(self) -> None:
        if self._host.actions.may_write():
            self._host.push_screen(FolderFormScreen(), self._saved)

    def edit(self) -> None:
        folder = self._current()
        if folder is not None and self._host.actions.may_write():
            self._host.push_screen(FolderFormScreen(folder.name), self._saved)

    def _saved(self, name: str | None) -> None:
        if name:
            self._host.feed.poll_now()

    def pause(self) -> None:
        """Pause the folder, or resume it."""
        folder = self._current()
        if folder is not None:
            verb = "resume" if folder.state == "paused" else "pause"
            self._send(folder, verb, f"{verb}d")

    def sync_now(self) -> None:
        folder = self._current()
        if folder is not None:
            self._send(folder, "now", "synced")

    def show_plan(self) -> None:
        """Show what a pass would do."""
        folder = self._current()
        if folder is not None:
            self._host.push_screen(PlanScreen(folder_path(folder.name, ":plan"), folder.name))

    def resolve_conflicts(self) -> None:
        folder = self._current()
        if folder is None:
            return
        self._host.push_screen(ConflictsScreen(folder.name), lambda _: self._host.feed.poll_now())

    def approve(self) -> None:
        """Approve a pass that was stopped because it would delete many files."""
        folder = self._stopped_with_question()
        if folder is not None:
            self._host.prompts.confirm(
                f"Approve? {folder.reason}.", lambda: self._send(folder, "approve", "approved")
            )

    def restore(self) -> None:
        """Instead of deleting much, bring it back from the other side."""
        folder = self._stopped_with_question()
        if folder is not None:
            self._host.prompts.confirm(
                f"Restore the deleted files of {folder.name} from the other side?",
                lambda: self._send(folder, "restore", "restored from the other side"),
                destroys=False,
            )

    def _stopped_with_question(self) -> FolderStatus | None:
        folder = self._current()
        return folder if folder is not None and self._host.actions.may_write() else None

    def undo(self) -> None:
        """Bring back what the history row under the cursor has replaced or removed."""
        folder, row = self._current(), self._history_row()
        if folder is None or row is None:
            return
        self._host.actions.send(
            "POST", folder_path(folder.name, ":undo"), "undone", UndoRequest(row.id),
            command=command("sync", "undo", "--id", str(row.id), "--folder", folder.name),
        )  # fmt: skip

    def remove(self) -> None:
        """Stop syncing the folder, after a confirmation."""
        folder = self._current()
        if folder is None or not self._host.actions.may_write():
            return
        self._host.prompts.confirm(
            f"Stop syncing {folder.name}? Both sides keep their files.",
            lambda: self._host.actions.send(
                "DELETE", folder_path(folder.name), f"{folder.name} removed",
                command=command("sync", "rm", folder.name),
            ),
            destroys=False,
        )  # fmt: skip

    def _send(self, folder: FolderStatus, verb: str, done: str) -> None:
        self._host.actions.send(
            "POST", folder_path(folder.name, f":{verb}"), f"{folder.name}: {done}",
            command=command("sync", verb, folder.name),
        )  # fmt: skip
