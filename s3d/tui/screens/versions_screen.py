"""The versions of an object: view one, make it the latest again, or delete it for good."""

from __future__ import annotations

from typing import ClassVar

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
from s3d.tui.cli_equivalent import command, object_name
from s3d.tui.control_paths import object_path, versions_path
from s3d.tui.host import Host, host_of
from s3d.tui.screens.viewer_screen import ViewerScreen
from s3d.tui.table import Column, Row, Table

MAX_VERSIONS = 1000


class VersionsScreen(ModalScreen[None]):
    """The latest first, with delete markers."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Close"),
        Binding("v", "view", "View"),
        Binding("r", "restore", "Restore"),
        Binding("D", "delete", "Delete for good"),
    ]

    def __init__(self, info: ObjectInfo) -> None:
        super().__init__()
        self._info = info
        self._versions: dict[str, ObjectInfo] = {}

    @property
    def _host(self) -> Host:
        return host_of(self)

    def compose(self) -> ComposeResult:
        box = Vertical(classes="dialog tall")
        box.border_title = Content(safe(f"Versions of {self._info.bucket}/{self._info.key}"))
        box.border_subtitle = Content("v view   r restore   D delete for good   esc closes")
        with box:
            yield Table(
                [Column("Modified", 19), Column("Version"), Column("Size", 14, right=True)],
                glyphs=self._host.glyphs, empty="reading", id="versions",
            )  # fmt: skip
            yield Static("", id="versions-hint", markup=False)

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Table))
        self.load()

    @work(exclusive=True, group="versions", exit_on_error=False)
    async def load(self) -> None:
        info = self._info
        table = self.query_one(Table)
        try:
            path = versions_path(info.bucket, info.key, MAX_VERSIONS)
            versions = (await self._host.agent.call("GET", path, Listing)).objects
        except (AgentUnreachable, RequestRefused) as error:
            table.show_error(error)
            return
        self._versions = {each.version_id or "null": each for each in versions}
        table.empty = "No versions."
        table.show([_row(id, each) for id, each in self._versions.items()])

    @property
    def _current(self) -> ObjectInfo | None:
        row = self.query_one(Table).current
        return self._versions.get(row.id) if row is not None else None

    def on_table_opened(self) -> None:
        self.action_view()

    def action_view(self) -> None:
        version = self._current
        if version is None or not version.etag:
            self._host.messages.toast("a delete marker has no content")
            return
        self.app.push_screen(ViewerScreen(version, version.version_id or "null"))

    def action_restore(self) -> None:
        version = self._current
        if version is None or not self._host.actions.may_write():
            return
        if not version.etag:
            self._host.messages.toast("a delete marker cannot be restored; D removes it")
            return
        id = version.version_id or "null"
        path = object_path(version.bucket, version.key, ":restore", version=id)
        cli = command("restore", object_name(version.bucket, version.key), id)
        self._host.actions.send("POST", path, "restored", command=cli, then=self.load)

    def action_delete(self) -> None:
        version = self._current
        if version is None or not self._host.actions.may_write():
            return
        id = version.version_id or "null"
        path = object_path(version.bucket, version.key, version=id)
        self._host.prompts.confirm(
            f"Delete version {id} of {version.key} for good?",
            lambda: self._host.actions.send("DELETE", path, "version deleted", then=self.load),
        )


def _row(id: str, info: ObjectInfo) -> Row:
    what = size(info.size) if info.etag else "delete marker"
    return Row(id, (moment(info.last_modified), id, what), "" if info.etag else "dim")
