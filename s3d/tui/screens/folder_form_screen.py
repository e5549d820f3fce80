"""The form of a sync folder. The agent validates it while the user types, and previews what the
filter selects; nothing changes before it is saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar
from urllib.parse import quote

import msgspec
from rich.cells import cell_len
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from s3d.shared.syncing import FilterRow, FolderCheck, FolderDraft, FolderSpec, FolderStatus
from s3d.shared.text import safe
from s3d.tui.agent_client import AgentUnreachable, RequestRefused, error_text
from s3d.tui.cli_equivalent import command, object_name
from s3d.tui.control_paths import folder_path
from s3d.tui.draw import cell, frame_keys
from s3d.tui.folder_fields import FolderFields
from s3d.tui.host import Host, host_of
from s3d.tui.lines import Lines
from s3d.tui.option_field import OptionField
from s3d.tui.screens.plan_screen import PlanScreen
from s3d.tui.themes import Glyphs

_KEYS = ("ctrl+s save", "ctrl+t dry run", "tab next field", "esc cancel")
VALIDATION_DELAY = 0.25
"""Seconds after the last key until the agent validates the form."""
_FEWEST_CELLS = 10
"""Cells of a path in the preview, at least."""
_FRAME = 5
"""Cells of the frame of the form, its padding, and the scrollbar of the preview."""


class FolderFormScreen(ModalScreen[str | None]):
    """name: of the folder to edit; empty for a new one. Returns the saved name, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", priority=True),
        Binding("ctrl+s", "save", "Save", priority=True),
        Binding("ctrl+t", "dry_run", "Dry run", priority=True),
        Binding("ctrl+o", "mode", "Other mode", priority=True, show=False),
    ]

    def __init__(self, name: str = "") -> None:
        super().__init__()
        self._edited = name
        self._spec: FolderSpec | None = None
        self._check: FolderCheck | None = None
        self._edits = 0
        """Counts edits: an answer for an older text is dropped."""

    @property
    def _host(self) -> Host:
        return host_of(self)

    def compose(self) -> ComposeResult:
        box = Horizontal(classes="dialog tall form")
        box.border_title = Content(
            safe(f"Edit folder {self._edited}" if self._edited else "New folder")
        )
        box.border_subtitle = frame_keys(_KEYS, self._host.size.width)
        with box:
            yield FolderFields(is_new=not self._edited)
            with Vertical(id="folder-preview"):
                yield Static("", id="folder-counts", markup=False)
                yield Lines(id="folder-paths")

    def on_mount(self) -> None:
        if self._edited:
            self._fill()
        else:
            self.set_focus(self._fields.field("path"))
            self._validate_in_worker()

    @property
    def _fields(self) -> FolderFields:
        return self.query_one(FolderFields)

    @property
    def values(self) -> Mapping[str, str]:
        return self._fields.values

    @work(exclusive=True, group="fill", exit_on_error=False)
    async def _fill(self) -> None:
        """Fill in the folder as it is in the configuration file."""
        try:
            folder = await self._host.agent.call("GET", folder_path(self._edited), FolderStatus)
        except (AgentUnreachable, RequestRefused) as error:
            self._show_summary(str(error))
            return
        self._spec = spec = folder.spec or FolderSpec(
            folder.path, folder.bucket, folder.prefix, folder.mode, folder.filter
        )
        self._fields.fill({"name": self._edited, **msgspec.structs.asdict(spec)})
        self.set_focus(self._fields.field("path"))
        self._validate_in_worker()

    def _draft(self) -> FolderDraft:
        unedited = msgspec.structs.asdict(self._spec) if self._spec is not None else {}
        texts = {name: text for name, text in self.values.items() if name != "name"}
        return FolderDraft(**(unedited | texts), name=self._edited)

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input is self._fields.field("path"):
            self._fields.name_after_path()
        self._validate_later()

    @on(OptionField.Changed)
    def _validate_later(self) -> None:
        """Have the agent validate the form when the user pauses."""
        self._edits += 1
        self._check = None
        number = self._edits

        def validate() -> None:
            if number == self._edits and self._check is None:
                self._validate_in_worker()

        self.set_timer(VALIDATION_DELAY, validate)

    @work(exclusive=True, group="check", exit_on_error=False)
    async def _validate_in_worker(self) -> None:
        await self._validate()

    async def _validate(self) -> None:
        """Have the agent validate the present values, and show the result."""
        number, call = self._edits, self._host.agent.call
        try:
            check = await call("POST", "/v1/sync:check", FolderCheck, self._draft())
        except (AgentUnreachable, RequestRefused) as error:
            self._show_summary(str(error))
            return
        if number == self._edits:
            self._check = check
            self._show(check)

    def _show(self, check: FolderCheck) -> None:
        glyphs = self._host.glyphs
        self._fields.show_verdicts({verdict.field: verdict for verdict in check.fields}, glyphs)
        more = " of the first " + f"{check.looked:,}" if check.partial else ""
        bad = sum(not verdict.ok for verdict in check.fields)
        self._show_summary(f"{check.included:,} included, {check.excluded:,} excluded{more}"
                  + (f"   {bad} to fix" if bad and self._fields.shows_all else ""))  # fmt: skip
        # Of the terminal: the lines themselves have no width before they are laid out.
        form = int(self.app.size.width * 0.96) - _FRAME
        width = form if self.has_class("-narrow") else int(form * 0.4) - 2
        rows = preview_rows(check.preview, width, glyphs)
        self.query_one("#folder-paths", Lines).show(rows)

    def _show_summary(self, text: str) -> None:
        self.query_one("#folder-counts", Static).update(Content(safe(text)))

    @on(Input.Submitted)
    @on(OptionField.Submitted)
    def _go_on(self) -> None:
        self.focus_next()

    def action_mode(self) -> None:
        self.query_one("#folder-mode", OptionField).action_choose(1)

    def action_dry_run(self) -> None:
        """Show what the first pass would do if the form were saved now."""
        spec = _spec(self._draft())
        name = self._saved_as or "the folder"
        parameters = f"?name={quote(self._edited, safe='')}" if self._edited else ""

        def closed(saves: bool | None) -> None:
            if saves:
                self.action_save()

        plan = PlanScreen(f"/v1/sync:validate{parameters}", name, spec, can_save=True)
        self.app.push_screen(plan, closed)

    @work(exclusive=True, group="save", exit_on_error=False)
    async def action_save(self) -> None:
        """Save if the agent finds the values valid; else go to the first that is not."""
        name = self._saved_as
        if not self._edited and any(each.name == name for each in self._host.state.folders):
            self._host.messages.toast(
                f"a folder {name} already exists: choose another name", is_error=True
            )
            return
        if self._check is None:
            await self._validate()
        if self._check is None:
            return
        if not self._check.can_save:
            self._fields.shows_all = True
            self._show(self._check)
            wrong = next((v for v in self._check.fields if not v.ok), None)
            if wrong is not None:
                self._fields.field(wrong.field).focus()
            self._host.messages.toast("Fix the marked fields first", is_error=True)
            return
        await self._save()

    @property
    def _saved_as(self) -> str:
        """The name to save under; without one, the last part of the path."""
        return self._edited or self.values["name"] or self._fields.last_part

    async def _save(self) -> None:
        name = self._saved_as
        draft = self._draft()
        try:
            await self._host.agent.call("PUT", folder_path(name), object, _spec(draft))
        except (AgentUnreachable, RequestRefused) as error:
            self._host.messages.toast(error_text(error), is_error=True)
            return
        words = [f"--filter={draft.filter}"] if draft.filter else []
        target = object_name(draft.bucket, draft.prefix)
        cli = command("sync", "add", draft.path, target, *words)
        self.dismiss(name)
        self._host.messages.report(f"{name} saved", cli)


def _spec(draft: FolderDraft) -> FolderSpec:
    values = msgspec.structs.asdict(draft)
    del values["name"]
    return FolderSpec(**values)


def preview_rows(rows: Sequence[FilterRow], width: int, glyphs: Glyphs) -> list[str]:
    """A line for each path; one that is excluded has the rule, or its number where there is no
    room for the rule. width: cells of a line."""
    longest = max((cell_len(safe(row.path)) for row in rows), default=0)
    return [_preview_row(row, min(longest, width - 2), width, glyphs) for row in rows]


def _preview_row(row: FilterRow, path_cells: int, width: int, glyphs: Glyphs) -> str:
    if row.included:
        return f"{glyphs.good} {cell(row.path, path_cells, more=glyphs.more)}".rstrip()
    term = f"term {row.term}" if row.term else ""
    rule = "  ".join(filter(None, (term, safe(row.rule))))
    if term and path_cells + cell_len(rule) + 3 > width:
        rule = term
    room = max(width - cell_len(rule) - 3, _FEWEST_CELLS)
    path = cell(row.path, min(path_cells, room), more=glyphs.more)
    return f"{glyphs.gap} {path} {rule}"
