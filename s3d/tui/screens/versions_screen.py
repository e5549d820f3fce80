"""The versions of an object: view one, make it the latest again, or delete it for good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from s3d.shared.control import Listing, ObjectInfo
from s3d.shared.text import age, count, moment, safe, size
from s3d.tui.agent_client import AgentUnreachable, RequestRefused, error_text
from s3d.tui.cli_equivalent import command, object_name
from s3d.tui.columns import Column
from s3d.tui.compare_versions import MAX_COMPARED, Version, compare
from s3d.tui.control_paths import object_path, versions_path
from s3d.tui.draw import frame_keys
from s3d.tui.host import Host, host_of
from s3d.tui.screens.viewer_screen import ViewerScreen
from s3d.tui.table import LateTable, Row, Table

MAX_VERSIONS = 1000
_KEYS = ("v view", "= compare", "r restore", "D delete for good", "y copy", "esc closes")


class VersionsScreen(ModalScreen[None]):
    """The latest first, with delete markers."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Close"),
        Binding("v", "view", "View"),
        Binding("equals_sign", "compare", "Compare with the one before"),
        Binding("r", "restore", "Restore"),
        Binding("y", "copy", "Copy its id"),
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
        box.border_subtitle = frame_keys(_KEYS, self._host.size.width)
        with box:
            yield LateTable(
                [Column("Modified", 19), Column("Age", 8, right=True, shown_from=66),
                 Column("Size", 14, right=True), Column("Change", 12, right=True, shown_from=74),
                 Column("Version")],
                glyphs=self._host.glyphs, empty="reading", id="versions",
            )  # fmt: skip
            yield Static("", id="versions-hint", markup=False)

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Table))
        self.load()
        self.set_interval(1.0, self._show_ages)

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
        self._show_rows()
        marks = sum(not each.etag for each in versions)
        hint = f"{count(len(versions) - marks, 'version')}, {size(sum(v.size for v in versions))}"
        hint += f", {count(marks, 'delete marker')}" if marks else ""
        self.query_one("#versions-hint", Static).update(Content(hint))

    def _show_ages(self) -> None:
        """Ages grow while the screen is open."""
        if self._versions:
            self._show_rows()

    def _show_rows(self) -> None:
        rows = version_rows(list(self._versions.values()), self._host.clock())
        self.query_one(Table).show(rows)

    @property
    def _current(self) -> ObjectInfo | None:
        row = self.query_one(Table).current
        return self._versions.get(row.id) if row is not None else None

    def on_table_opened(self) -> None:
        self.action_view()

    def action_view(self) -> None:
        version = self._current
        if version is None or not version.etag:
            self._host.messages.toast("A delete marker has no content")
            return
        self.app.push_screen(ViewerScreen(version, version.version_id or "null"))

    def action_compare(self) -> None:
        """With the next older version that has content."""
        newer = self._current
        versions = list(self._versions.values())
        if newer is None or not newer.etag:
            self._host.messages.toast("A delete marker has no content")
            return
        older = next((v for v in versions[versions.index(newer) + 1 :] if v.etag), None)
        if older is None:
            self._host.messages.toast("This is the oldest version")
        else:
            self._compare(older, newer)

    @work(exclusive=True, group="versions", exit_on_error=False)
    async def _compare(self, older: ObjectInfo, newer: ObjectInfo) -> None:
        data: list[Version] = []
        try:
            for each in (older, newer):
                path = object_path(each.bucket, each.key, version=each.version_id or "null")
                data.append((each, await self._host.agent.read_range(path, 0, MAX_COMPARED)))
        except (AgentUnreachable, RequestRefused) as error:
            self._host.messages.toast(error_text(error), is_error=True)
            return
        lines = compare(data[0], data[1], self.app.current_theme)
        self._host.prompts.view(f"Changes of {newer.key}", lines)

    def action_copy(self) -> None:
        if self._current is not None:
            self._host.messages.copy(self._current.version_id or "null")

    def action_restore(self) -> None:
        version = self._current
        if version is None or not self._host.actions.may_write():
            return
        if not version.etag:
            self._host.messages.toast("A delete marker cannot be restored: D removes it")
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


def version_rows(versions: Sequence[ObjectInfo], now: float) -> list[Row]:
    """A row for each, the latest first, with the change of its size. now: Unix seconds."""
    rows = []
    for number, info in enumerate(versions):
        id = info.version_id or "null"
        what = size(info.size) if info.etag else "delete marker"
        older = next((each for each in versions[number + 1 :] if each.etag), None)
        change = f"{info.size - older.size:+,}" if info.etag and older is not None else ""
        latest = "  latest" if not number else ""
        cells = (moment(info.last_modified), age(now - info.last_modified), what, change,
                 f"{id}{latest}")  # fmt: skip
        rows.append(Row(id, cells, "" if info.etag else "dim"))
    return rows
