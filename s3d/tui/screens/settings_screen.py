"""The settings of the agent: value, meaning and origin of each."""

from __future__ import annotations

from typing import ClassVar

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
from s3d.tui.columns import Column
from s3d.tui.host import host_of
from s3d.tui.table import LateTable, Row, Table


class SettingsScreen(ModalScreen[None]):
    """Read-only: settings are changed in the configuration file, or by keys until a restart."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,comma", "dismiss", "Close")]

    def __init__(self) -> None:
        super().__init__()
        self._settings: dict[str, SettingInfo] = {}

    def compose(self) -> ComposeResult:
        box = Vertical(classes="dialog tall")
        box.border_title = "Settings"
        box.border_subtitle = "esc closes"
        with box:
            yield LateTable(
                [Column("Setting"), Column("Value"), Column("From", 14, shown_from=70)],
                glyphs=host_of(self).glyphs, empty="reading", opens=False, id="settings",
            )  # fmt: skip
            yield Static("", id="setting-details", markup=False)

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Table))
        self.load()

    @work(exclusive=True, group="settings", exit_on_error=False)
    async def load(self) -> None:
        table = self.query_one(Table)
        try:
            settings = await host_of(self).agent.call("GET", "/v1/config", SettingList)
        except (AgentUnreachable, RequestRefused) as error:
            table.show_error(error)
            return
        self._settings = {each.name: each for each in settings.settings}
        table.show(
            [Row(each.name, (each.name, each.value, each.source)) for each in settings.settings]
        )
        self.on_table_moved()

    def on_table_moved(self) -> None:
        row = self.query_one(Table).current
        setting = self._settings.get(row.id) if row is not None else None
        if setting is not None:
            when = (
                "A change takes effect after restarting the agent: s3d restart."
                if setting.restart
                else "A key of a pane changes it until the agent restarts."
            )
            self.query_one("#setting-details", Static).update(
                Content(f"{safe(setting.description)}\n{when}   $ s3d config edit")
            )
