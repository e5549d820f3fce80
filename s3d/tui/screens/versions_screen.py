"""The versions of an object: look at one, make it the newest again, or delete it for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast
from urllib.parse import urlencode

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from s3d.shared.control import Listing, ObjectInfo
from s3d.shared.text import moment, safe, size
from s3d.tui.agent_client import AgentUnreachable, RequestRefused
from s3d.tui.cli_equivalent import command, place
from s3d.tui.places import bucket_path, object_path
from s3d.tui.screens.viewer_screen import ViewerScreen
from s3d.tui.table import Column, Row, Table

if TYPE_CHECKING:
    from s3d.tui.app import S3dApp


class VersionsScreen(ModalScreen[None]):
    """The newest first; delete markers too."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Close"),
        Binding("v", "view", "View"),
        Binding("r", "restore", "Restore"),
        Binding("D", "delete", "Delete for good"),
    ]

    def __init__(self, info: ObjectInfo) -> None:
        super().__init__()
        self._info = info
        self._found: dict[str, ObjectInfo] = {}

    @property
    def _host(self) -> S3dApp:
        return cast("S3dApp", self.app)

    def compose(self) -> ComposeResult:
        box = Vertical(classes="dialog tall")
        box.border_title = Content(safe(f"Versions of {self._info.bucket}/{self._info.key}"))
        box.border_subtitle = Content("v view   r restore   D delete for good   esc closes")
        with box:
            yield Table(
                [Column("Modified", 19), Column("Version"), Column("Size", 14, right=True)],
                glyphs=self._host.glyphs, empty="reading", id="versions",
            )  # fmt: skip
            yield Static("", id="versions-word", markup=False)

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Table))
        self.load()

    @work(exclusive=True, group="versions", exit_on_error=False)
    async def load(self) -> None:
        info = self._info
        words = urlencode({"key": info.key, "limit": "1000"})
        path = f"{bucket_path(info.bucket)}/versions?{words}"
        table = self.query_one(Table)
        try:
            found = (await self._host.agent.ask("GET", path, Listing)).objects
        except (AgentUnreachable, RequestRefused) as error:
            table.empty = safe(str(error))
            table.refresh()
            return
        self._found = {each.version_id or "null": each for each in found}
        table.empty = "There is none."
        table.show([_row(id, each) for id, each in self._found.items()])

    @property
    def _current(self) -> ObjectInfo | None:
        row = self.query_one(Table).current
        return self._found.get(row.id) if row is not None else None

    def on_table_opened(self) -> None:
        self.action_view()

    def action_view(self) -> None:
        found = self._current
        if found is None or not found.etag:
            self._host.say("a delete marker has no bytes")
            return
        self.app.push_screen(ViewerScreen(found, found.version_id or "null"))

    def action_restore(self) -> None:
        found = self._current
        if found is None or not self._host.may_write():
            return
        if not found.etag:
            self._host.say("a delete marker cannot be restored; D takes it away")
            return
        version = found.version_id or "null"
        path = object_path(found.bucket, found.key, ":restore", version=version)
        said = command("restore", place(found.bucket, found.key), version)
        self._host.act("POST", path, "restored", command=said, then=self.load)

    def action_delete(self) -> None:
        found = self._current
        if found is None or not self._host.may_write():
            return
        version = found.version_id or "null"
        path = object_path(found.bucket, found.key, version=version)
        self._host.confirm(
            f"Delete version {version} of {found.key} for good?",
            lambda: self._host.act("DELETE", path, "version deleted", then=self.load),
        )


def _row(id: str, info: ObjectInfo) -> Row:
    what = size(info.size) if info.etag else "delete marker"
    return Row(id, (moment(info.last_modified), id, what), "" if info.etag else "dim")
