"""The conflicts of a sync folder: see both sides, and say which one stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast
from urllib.parse import quote, urlencode

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from s3d.shared.syncing import Conflict, ConflictDiff, ConflictList, ResolveRequest
from s3d.shared.text import moment, safe, size
from s3d.tui.agent_client import AgentUnreachable, RequestRefused
from s3d.tui.cli_equivalent import command
from s3d.tui.table import Column, Row, Table

if TYPE_CHECKING:
    from s3d.tui.app import S3dApp

EVERY = 1.0
"""Seconds between two looks: a conflict that was ended is gone when the folder was looked at."""
KEEPS = {"original": "the original stays", "copy": "the copy stays", "both": "both stay"}


class ConflictsScreen(ModalScreen[None]):
    """Each has an original, which the other side had first, and a copy of what was here."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Close"),
        Binding("r", "keep('original')", "Original"),
        Binding("l", "keep('copy')", "Copy"),
        Binding("b", "keep('both')", "Both"),
        Binding("equals_sign,enter", "diff", "Difference"),
        Binding("A", "all_like_this", "All like the last"),
    ]

    def __init__(self, name: str) -> None:
        super().__init__()
        self._folder = name
        self._place = f"/v1/sync/{quote(name, safe='')}"
        self._found: dict[str, Conflict] = {}
        self._last = ""

    @property
    def _host(self) -> S3dApp:
        return cast("S3dApp", self.app)

    def compose(self) -> ComposeResult:
        box = Vertical(classes="dialog tall")
        box.border_title = Content(safe(f"Conflicts of {self._folder}"))
        box.border_subtitle = (
            "r original stays  l copy stays  b both  = difference  A all like this"
        )
        with box:
            yield Table(
                [Column("File"), Column("Its copy"), Column("Size", 10, right=True),
                 Column("Changed", 19)],
                glyphs=self._host.glyphs, empty="reading", opens=False, id="conflicts",
            )  # fmt: skip

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Table))
        self.load()
        self.set_interval(EVERY, self.load)

    @work(exclusive=True, group="conflicts", exit_on_error=False)
    async def load(self) -> None:
        table = self.query_one(Table)
        try:
            path = f"{self._place}/conflicts"
            found = (await self._host.agent.ask("GET", path, ConflictList)).conflicts
        except (AgentUnreachable, RequestRefused) as error:
            table.empty = safe(str(error))
            table.refresh()
            return
        self._found = {each.copy: each for each in found}
        table.empty = "No conflict is left."
        table.show([_row(each) for each in found])

    @property
    def _current(self) -> str:
        row = self.query_one(Table).current
        return row.id if row is not None else ""

    def action_keep(self, keep: str) -> None:
        if self._current and self._host.may_write():
            self._last = keep
            self._resolve([self._current], keep)

    def action_all_like_this(self) -> None:
        """What was said last, for all that are left."""
        if not self._last:
            self._host.say("first r, l or b for one of them")
            return
        left = list(self._found)
        self._host.confirm(
            f"Of {len(left):,} conflicts: {KEEPS[self._last]}. The rest goes to the trash?",
            lambda: self._resolve(left, self._last),
        )

    def _resolve(self, copies: list[str], keep: str) -> None:
        root = next((f.path for f in self._host.state.folders if f.name == self._folder), "")
        for copy in copies:
            said = command("sync", "resolve", f"{root}/{copy}", f"--keep={keep}")
            self._host.act(
                "POST", f"{self._place}:resolve", f"{copy}: {KEEPS[keep]}",
                ResolveRequest(copy, keep), command=said, then=self.load,
            )  # fmt: skip

    @work(exclusive=True, group="diff", exit_on_error=False)
    async def action_diff(self) -> None:
        if not self._current:
            return
        path = f"{self._place}/diff?{urlencode({'copy': self._current})}"
        try:
            found = await self._host.agent.ask("GET", path, ConflictDiff)
        except (AgentUnreachable, RequestRefused) as error:
            self._host.say(str(error), is_bad=True)
            return
        self._host.view(f"{found.original} against its copy", told(found))


def told(diff: ConflictDiff) -> list[str]:
    """Both sides, and in what they differ."""
    lines = [
        safe(f"original  {size(diff.original_size):>10}  {_when(diff.original_modified)}"),
        safe(f"copy      {size(diff.copy_size):>10}  {_when(diff.copy_modified)}"),
        "",
        *(safe(line.expandtabs(4)) for line in diff.lines),
    ]
    return lines + (["... and more"] if diff.truncated else [])


def _when(at: float) -> str:
    return moment(at) if at else "-"


def _row(conflict: Conflict) -> Row:
    cells = (conflict.path, conflict.copy, size(conflict.size), moment(conflict.modified))
    return Row(conflict.copy, cells)
