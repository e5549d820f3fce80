"""The properties of a bucket: versioning, policy, lifecycle and CORS, shown and edited."""

from __future__ import annotations

import json
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from s3d.shared.control import BucketProperties, BucketProperty
from s3d.shared.text import count, safe
from s3d.tui.agent_client import AgentUnreachable, RequestRefused
from s3d.tui.cli_equivalent import command
from s3d.tui.columns import Column
from s3d.tui.control_paths import property_path
from s3d.tui.document_editor import NotEdited, check_json, edit_text, status_of, text_of
from s3d.tui.draw import frame_keys
from s3d.tui.host import Host, host_of
from s3d.tui.lines import Lines
from s3d.tui.screens.form_screen import Field
from s3d.tui.table import LateTable, Row, Table

VERSIONING = ("Enabled", "Suspended")
_EDITOR_LINES = 14
_KEYS = ("enter or e edit", "E in $EDITOR", "D remove", "esc closes")


class PropertiesScreen(ModalScreen[None]):
    """The agent, or the remote, checks what is saved; its reason is shown and nothing is lost."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Close"),
        Binding("e", "edit", "Edit"),
        Binding("E", "edit_in_editor", "Edit in $EDITOR"),
        Binding("D,delete", "remove", "Remove"),
    ]

    def __init__(self, bucket: str) -> None:
        super().__init__()
        self._bucket = bucket
        self._properties: dict[str, BucketProperty] = {}

    @property
    def _host(self) -> Host:
        return host_of(self)

    def compose(self) -> ComposeResult:
        box = Vertical(classes="dialog tall")
        box.border_title = Content(safe(f"Properties of {self._bucket}"))
        box.border_subtitle = frame_keys(_KEYS, self._host.size.width)
        with box:
            yield LateTable(
                [Column("Property", 12), Column("Value")],
                glyphs=self._host.glyphs, empty="reading", id="properties",
            )  # fmt: skip
            yield Lines(id="property-document")

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Table))
        self.load()

    @work(exclusive=True, group="properties", exit_on_error=False)
    async def load(self) -> None:
        table = self.query_one(Table)
        try:
            path = property_path(self._bucket)
            answer = await self._host.agent.call("GET", path, BucketProperties)
        except (AgentUnreachable, RequestRefused) as error:
            table.show_error(error)
            return
        self._properties = {each.name: each for each in answer.properties}
        table.show([_row(each) for each in answer.properties])
        self.on_table_moved()

    @property
    def _current(self) -> BucketProperty | None:
        row = self.query_one(Table).current
        return self._properties.get(row.id) if row is not None else None

    def on_table_moved(self) -> None:
        shown = self._current
        if shown is not None:
            text = shown.document or shown.error or "Not set. e begins with an example."
            if shown.name == "versioning" and not shown.document and not shown.error:
                text = "Never enabled: an overwritten or deleted object is gone. e enables it."
            self.query_one(Lines).show([safe(line) for line in text.splitlines()])

    def on_table_opened(self) -> None:
        self.action_edit()

    def action_edit(self) -> None:
        """Edit in a form: versioning as a choice, the others as JSON."""
        edited = self._current
        if edited is None or not self._host.actions.may_write():
            return
        title = f"{edited.name.title()} of {self._bucket}"
        if edited.name == "versioning":
            status = status_of(edited.document) or VERSIONING[0]
            fields = [Field("status", "Status", status, options=VERSIONING)]
            self._host.prompts.fill_in(
                title, fields,
                lambda values: self._save(edited.name, json.dumps({"Status": values["status"]})),
                verb="saves",
            )  # fmt: skip
            return
        self._ask(edited.name, text_of(edited, self._bucket))

    def _ask(self, name: str, text: str) -> None:
        fields = [Field("document", "JSON", text, check_json, lines=_EDITOR_LINES)]
        self._host.prompts.fill_in(
            f"{name.title()} of {self._bucket}", fields,
            lambda values: self._save(name, values["document"]), verb="saves",
        )  # fmt: skip

    def action_edit_in_editor(self) -> None:
        edited = self._current
        if edited is None or not self._host.actions.may_write():
            return
        before = text_of(edited, self._bucket)
        try:
            after = edit_text(self.app, before, suffix=".json")
        except NotEdited as error:
            self._host.messages.toast(str(error), is_error=True)
            return
        if after == before:
            self._host.messages.toast("nothing has changed")
        elif check_json(after):
            self._ask(edited.name, after)  # the form shows what is wrong, and keeps the text
        else:
            self._save(edited.name, after)

    def _save(self, name: str, document: str) -> None:
        self._host.actions.send(
            "PUT", property_path(self._bucket, name), f"{name} of {self._bucket} saved",
            BucketProperty(document=document), command=_command(self._bucket, name, document),
            then=self.load,
        )  # fmt: skip

    def action_remove(self) -> None:
        removed = self._current
        if removed is None or not self._host.actions.may_write():
            return
        if not removed.document:
            self._host.messages.toast(f"{removed.name} is not set")
            return
        if removed.name == "versioning":
            self._host.messages.toast("versioning cannot be removed: e suspends it")
            return
        path = property_path(self._bucket, removed.name)
        self._host.prompts.confirm(
            f"Remove the {removed.name} of {self._bucket}?",
            lambda: self._host.actions.send(
                "DELETE", path, f"{removed.name} of {self._bucket} removed", then=self.load
            ),
        )


def _row(shown: BucketProperty) -> Row:
    if shown.error:
        return Row(shown.name, (shown.name, shown.error), "bad")
    if not shown.document:
        value = "never enabled" if shown.name == "versioning" else "none"
        return Row(shown.name, (shown.name, value), "dim")
    document = json.loads(shown.document)
    if shown.name == "versioning":
        return Row(shown.name, (shown.name, status_of(shown.document)))
    rules = next((each for each in document.values() if isinstance(each, list)), [])
    what = "statement" if shown.name == "policy" else "rule"
    return Row(shown.name, (shown.name, count(len(rules), what)))


def _command(bucket: str, name: str, document: str) -> str:
    """The command that does the same; a document has no place in a line."""
    if name != "versioning":
        return ""
    return command("versioning", bucket, "on" if "Enabled" in document else "off")
