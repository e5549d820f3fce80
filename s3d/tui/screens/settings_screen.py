"""The settings of the agent: what each is, and where it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from s3d.shared.diagnostics import SettingInfo, SettingList
from s3d.shared.text import safe
from s3d.tui.agent_client import AgentUnreachable, RequestRefused
from s3d.tui.table import Column, Row, Table

if TYPE_CHECKING:
    from s3d.tui.app import S3dApp


class SettingsScreen(ModalScreen[None]):
    """They are changed in the configuration file, or with the keys of the panes until a restart."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,comma", "dismiss", "Close")]

    def __init__(self) -> None:
        super().__init__()
        self._found: dict[str, SettingInfo] = {}

    def compose(self) -> ComposeResult:
        box = Vertical(classes="dialog tall")
        box.border_title = "Settings"
        box.border_subtitle = "esc closes"
        with box:
            yield Table(
                [Column("Setting", 30), Column("Value"), Column("From", 14)],
                glyphs=cast("S3dApp", self.app).glyphs, empty="reading", opens=False, id="settings",
            )  # fmt: skip
            yield Static("", id="about", markup=False)

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Table))
        self.load()

    @work(exclusive=True, group="settings", exit_on_error=False)
    async def load(self) -> None:
        table = self.query_one(Table)
        try:
            found = await cast("S3dApp", self.app).agent.ask("GET", "/v1/config", SettingList)
        except (AgentUnreachable, RequestRefused) as error:
            table.empty = safe(str(error))
            table.refresh()
            return
        self._found = {each.name: each for each in found.settings}
        table.show(
            [Row(each.name, (each.name, each.value, each.source)) for each in found.settings]
        )
        self.on_table_moved()

    def on_table_moved(self) -> None:
        row = self.query_one(Table).current
        found = self._found.get(row.id) if row is not None else None
        if found is not None:
            when = (
                "after a restart of the agent" if found.restart else "at once, by a key of a pane"
            )
            self.query_one("#about", Static).update(
                Content(f"{safe(found.description)}\nA change counts {when}.   $ s3d config")
            )
