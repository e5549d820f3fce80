"""The conflicts of a sync folder: compare both versions, and choose which one stays."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import urlencode

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.theme import Theme

from s3d.shared.syncing import Conflict, ConflictDiff, ConflictList, ResolveRequest
from s3d.shared.text import moment, safe, size
from s3d.tui.agent_client import AgentUnreachable, RequestRefused
from s3d.tui.cli_equivalent import command
from s3d.tui.columns import Column
from s3d.tui.compare_versions import changed_line
from s3d.tui.control_paths import folder_path
from s3d.tui.draw import frame_keys
from s3d.tui.host import Host, host_of
from s3d.tui.lines import Line
from s3d.tui.table import LateTable, Row, Table

POLL_INTERVAL = 1.0
"""Seconds between two lists: a resolved conflict disappears with the next pass of the folder."""
_KEYS = (
    "r keep remote", "l keep local", "b keep both", "= difference", "A all like this", "esc closes",
)  # fmt: skip
KEEPS = {"original": "remote kept", "copy": "local kept", "both": "both kept"}


class ConflictsScreen(ModalScreen[None]):
    """A conflict has an original, the version of the other side, and a copy with the local one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Close"),
        Binding("r", "keep('original')", "Original"),
        Binding("l", "keep('copy')", "Copy"),
        Binding("b", "keep('both')", "Both"),
        Binding("equals_sign,enter", "diff", "Difference"),
        Binding("A", "all_like_this", "Resolve all like the last one"),
    ]

    def __init__(self, name: str) -> None:
        super().__init__()
        self._folder = name
        self._conflicts: dict[str, Conflict] = {}
        """Path of the copy -> the conflict."""
        self._last_choice = ""

    @property
    def _host(self) -> Host:
        return host_of(self)

    def compose(self) -> ComposeResult:
        box = Vertical(classes="dialog tall")
        box.border_title = Content(safe(f"Conflicts of {self._folder}"))
        box.border_subtitle = frame_keys(_KEYS, self._host.size.width)
        with box:
            yield LateTable(
                [Column("File"), Column("Its copy"), Column("Size", 10, right=True, shown_from=70),
                 Column("Changed", 19)],
                glyphs=self._host.glyphs, empty="reading", opens=False, id="conflicts",
            )  # fmt: skip

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Table))
        self.load()
        self.set_interval(POLL_INTERVAL, self.load)

    @work(exclusive=True, group="conflicts", exit_on_error=False)
    async def load(self) -> None:
        table = self.query_one(Table)
        try:
            path = folder_path(self._folder, "/conflicts")
            conflicts = (await self._host.agent.call("GET", path, ConflictList)).conflicts
        except (AgentUnreachable, RequestRefused) as error:
            table.show_error(error)
            return
        self._conflicts = {each.copy: each for each in conflicts}
        table.empty = "No conflicts left"
        table.show([_row(each) for each in conflicts])

    @property
    def _current(self) -> str:
        row = self.query_one(Table).current
        return row.id if row is not None else ""

    def action_keep(self, keep: str) -> None:
        if self._current and self._host.actions.may_write():
            self._last_choice = keep
            self._resolve([self._current], keep)

    def action_all_like_this(self) -> None:
        """Resolve all that are left with the last choice."""
        if not self._last_choice:
            self._host.messages.toast("Resolve one conflict first: r, l or b")
            return
        left = list(self._conflicts)
        self._host.prompts.confirm(
            f"Of {len(left):,} conflicts: {KEEPS[self._last_choice]}. The rest goes to the trash?",
            lambda: self._resolve(left, self._last_choice),
        )

    def _resolve(self, copies: list[str], keep: str) -> None:
        root = next((f.path for f in self._host.state.folders if f.name == self._folder), "")
        for copy in copies:
            cli = command("sync", "resolve", f"{root}/{copy}", f"--keep={keep}")
            self._host.actions.send(
                "POST", folder_path(self._folder, ":resolve"), f"{copy}: {KEEPS[keep]}",
                ResolveRequest(copy, keep), command=cli, then=self.load,
            )  # fmt: skip

    @work(exclusive=True, group="diff", exit_on_error=False)
    async def action_diff(self) -> None:
        if not self._current:
            return
        path = folder_path(self._folder, f"/diff?{urlencode({'copy': self._current})}")
        try:
            diff = await self._host.agent.call("GET", path, ConflictDiff)
        except (AgentUnreachable, RequestRefused) as error:
            self._host.messages.toast(str(error), is_error=True)
            return
        lines = diff_lines(diff, self.app.current_theme)
        self._host.prompts.view(f"{diff.original}: remote and local", lines)


def diff_lines(diff: ConflictDiff, theme: Theme) -> list[Line]:
    """Size and time of both versions, and the lines in which they differ."""
    headers = 2 if diff.text else len(diff.lines)
    texts = [line.expandtabs(4) for line in diff.lines]
    lines: list[Line] = [
        safe(f"- remote {size(diff.original_size):>10}  {_when(diff.original_modified)}"),
        safe(f"+ local  {size(diff.copy_size):>10}  {_when(diff.copy_modified)}"),
        "",
        *map(safe, texts[:headers]),
        *(changed_line(text, theme) for text in texts[headers:]),
    ]
    return lines + (["... and more"] if diff.truncated else [])


def _when(at: float) -> str:
    return moment(at) if at else "-"


def _row(conflict: Conflict) -> Row:
    cells = (conflict.path, conflict.copy, size(conflict.size), moment(conflict.modified))
    return Row(conflict.copy, cells)
