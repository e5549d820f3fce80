"""The form of a sync folder. The agent judges it while it is written, and shows what the filter
keeps; nothing is changed before it is saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, cast
from urllib.parse import quote

import msgspec
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from s3d.shared.syncing import FilterRow, FolderCheck, FolderDraft, FolderSpec, FolderStatus
from s3d.shared.text import safe
from s3d.tui.agent_client import AgentUnreachable, RequestRefused
from s3d.tui.cli_equivalent import command, place
from s3d.tui.draw import Glyphs, cell
from s3d.tui.lines import Lines
from s3d.tui.screens.plan_screen import PlanScreen

if TYPE_CHECKING:
    from s3d.tui.app import S3dApp

PAUSE = 0.25
"""Seconds after the last key until the agent is asked."""
MODES = ("two-way", "backup", "mirror")
FIELDS: tuple[tuple[str, str, str], ...] = (
    ("name", "Name", "letters, digits, . - _"),
    ("path", "Local folder", "~/notes"),
    ("bucket", "Bucket", ""),
    ("prefix", "Prefix", "notes/"),
    ("mode", "Mode", "two-way | backup | mirror   ctrl+o"),
    ("filter", "Filter", "* !*.tmp   last match wins, ! leaves out"),
    ("interval", "Interval", "between two looks at the bucket: 30s, 5m"),
    ("max_size", "Bytes, at most", "10GiB"),
    ("max_files", "Files, at most", "100000"),
)
"""Name in FolderSpec, label, what it takes."""


class FolderFormScreen(ModalScreen[str | None]):
    """name: of the folder that is edited; "": a new one. Gives back the name that was saved."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", priority=True),
        Binding("ctrl+s", "save", "Save", priority=True),
        Binding("ctrl+t", "dry_run", "Dry run", priority=True),
        Binding("ctrl+o", "mode", "Other mode", priority=True),
    ]

    def __init__(self, name: str = "") -> None:
        super().__init__()
        self._edited = name
        self._spec: FolderSpec | None = None
        self._check: FolderCheck | None = None
        self._asked = 0
        """Number of the last question: an older answer does not count."""

    @property
    def _host(self) -> S3dApp:
        return cast("S3dApp", self.app)

    def compose(self) -> ComposeResult:
        box = Horizontal(classes="dialog tall form")
        box.border_title = Content(
            safe(f"Edit folder {self._edited}" if self._edited else "New folder")
        )
        box.border_subtitle = "ctrl+s save   ctrl+t dry run   tab next field   esc cancel"
        with box:
            with VerticalScroll(id="fields"):
                for name, label, hint in FIELDS:
                    with Horizontal(classes="field"):
                        yield Static(Content(label), markup=False, classes="label")
                        yield Input(
                            id=f"folder-{name}", placeholder=hint, compact=True,
                            select_on_focus=False,
                        )  # fmt: skip
                    yield Static("", id=f"folder-{name}-word", markup=False, classes="word")
            with Vertical(id="folder-preview"):
                yield Static("", id="folder-counts", markup=False)
                yield Lines(id="folder-paths")

    def on_mount(self) -> None:
        self._input("mode").value = MODES[0]
        self._input("name").disabled = bool(self._edited)
        if self._edited:
            self._fill()
        else:
            self.set_focus(self._input("name"))
            self._judge()

    def _input(self, name: str) -> Input:
        return self.query_one(f"#folder-{name}", Input)

    @work(exclusive=True, group="fill", exit_on_error=False)
    async def _fill(self) -> None:
        """With the folder as the configuration file has it."""
        path = f"/v1/sync/{quote(self._edited, safe='')}"
        try:
            found = await self._host.agent.ask("GET", path, FolderStatus)
        except (AgentUnreachable, RequestRefused) as error:
            self._say(str(error))
            return
        self._spec = spec = found.spec or FolderSpec(
            found.path, found.bucket, found.prefix, found.mode, found.filter
        )
        self._input("name").value = self._edited
        for name in msgspec.structs.asdict(spec):
            if any(name == field for field, _, _ in FIELDS):
                self._input(name).value = str(getattr(spec, name))
        self.set_focus(self._input("path"))
        self._judge()

    @property
    def values(self) -> Mapping[str, str]:
        return {name: self._input(name).value.strip() for name, _, _ in FIELDS}

    def _draft(self) -> FolderDraft:
        kept = msgspec.structs.asdict(self._spec) if self._spec is not None else {}
        texts = {name: text for name, text in self.values.items() if name != "name"}
        return FolderDraft(**(kept | texts), name=self._edited)

    def on_input_changed(self) -> None:
        self._asked += 1
        self._check = None
        self.set_timer(PAUSE, self._judge_soon(self._asked))

    def _judge_soon(self, number: int):  # type: ignore[no-untyped-def]
        return lambda: self._judge() if number == self._asked else None

    @work(exclusive=True, group="check", exit_on_error=False)
    async def _judge(self) -> None:
        await self._ask()

    async def _ask(self) -> None:
        """The agent's word on what is written now."""
        number = self._asked
        try:
            found = await self._host.agent.ask("POST", "/v1/sync:check", FolderCheck, self._draft())
        except (AgentUnreachable, RequestRefused) as error:
            self._say(str(error))
            return
        if number == self._asked:
            self._check = found
            self._show(found)

    def _show(self, found: FolderCheck) -> None:
        glyphs = self._host.glyphs
        verdicts = {verdict.field: verdict for verdict in found.fields}
        for name, _, _ in FIELDS:
            verdict = verdicts.get(name)
            word = self.query_one(f"#folder-{name}-word", Static)
            text = verdict.text if verdict is not None else ""
            word.display = bool(text)
            is_wrong = verdict is not None and not verdict.ok
            word.set_class(is_wrong, "wrong")
            word.update(Content(safe(f"{glyphs.bad if is_wrong else glyphs.good} {text}")))
        more = " of the first " + f"{found.looked:,}" if found.partial else ""
        bad = sum(not verdict.ok for verdict in found.fields)
        self._say(f"{found.included:,} kept, {found.excluded:,} left out{more}"
                  + (f"   {bad} to be mended" if bad else ""))  # fmt: skip
        lines = self.query_one("#folder-paths", Lines)
        lines.show([_row(each, glyphs, lines.size.width) for each in found.preview])

    def _say(self, text: str) -> None:
        self.query_one("#folder-counts", Static).update(Content(safe(text)))

    def on_input_submitted(self) -> None:
        self.focus_next()

    def action_mode(self) -> None:
        field = self._input("mode")
        at = MODES.index(field.value) if field.value in MODES else -1
        field.value = MODES[(at + 1) % len(MODES)]

    def action_dry_run(self) -> None:
        """What the first pass would do, were it saved now."""
        spec = _spec(self._draft())
        name = self.values["name"] or "the folder"
        words = f"?name={quote(self._edited, safe='')}" if self._edited else ""
        self.app.push_screen(PlanScreen(f"/v1/sync:validate{words}", name, spec))

    @work(exclusive=True, group="save", exit_on_error=False)
    async def action_save(self) -> None:
        """When the agent says that it can be."""
        name = self._saved_as
        if not self._edited and any(each.name == name for each in self._host.state.folders):
            self._host.say(f"there is a folder {name} already: take another name", is_bad=True)
            return
        if self._check is None:
            await self._ask()
        if self._check is None:
            return
        if not self._check.can_save:
            wrong = next((v for v in self._check.fields if not v.ok), None)
            if wrong is not None:
                self._input(wrong.field).focus()
            self._host.say("it cannot be saved like this", is_bad=True)
            return
        await self._save()

    @property
    def _saved_as(self) -> str:
        """Under which it is saved: else the last part of its path."""
        last = self.values["path"].rstrip("/").rpartition("/")[2]
        return self._edited or self.values["name"] or last

    async def _save(self) -> None:
        name = self._saved_as
        draft = self._draft()
        try:
            path = f"/v1/sync/{quote(name, safe='')}"
            await self._host.agent.ask("PUT", path, object, _spec(draft))
        except (AgentUnreachable, RequestRefused) as error:
            hint = error.problem.hint if isinstance(error, RequestRefused) else ""
            self._host.say(f"{error}. {hint}" if hint else str(error), is_bad=True)
            return
        words = [f"--filter={draft.filter}"] if draft.filter else []
        said = command("sync", "add", draft.path, place(draft.bucket, draft.prefix), *words)
        self.dismiss(name)
        self._host.tell(f"{name} is saved", said)


def _spec(draft: FolderDraft) -> FolderSpec:
    values = msgspec.structs.asdict(draft)
    del values["name"]
    return FolderSpec(**values)


def _row(row: FilterRow, glyphs: Glyphs, width: int) -> str:
    """A path, and the rule that leaves it out."""
    if row.included:
        return f"{glyphs.good} {safe(row.path)}"
    term = f"term {row.term}  " if row.term else ""
    path = cell(row.path, max(10, width - 22), more=glyphs.more)
    return f"{glyphs.gap} {path} {term}{safe(row.rule)}"
