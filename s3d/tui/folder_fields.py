"""The fields of a sync folder: their defaults, what each completes, and what the agent says of
each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.suggester import Suggester
from textual.widgets import Input, Static

from s3d.shared.syncing import FieldVerdict
from s3d.shared.text import safe
from s3d.tui.field_completion import BucketSuggester, PathSuggester, PrefixSuggester
from s3d.tui.host import host_of
from s3d.tui.option_field import OptionField
from s3d.tui.themes import UNICODE, Glyphs

MODES = ("two-way", "backup", "mirror")


class FolderField(NamedTuple):
    """name: in FolderSpec. default: a value that is right as it is. hint: what can be written.

    warns: the hint is shown also without the focus, while the field is empty.
    """

    name: str
    label: str
    default: str = ""
    hint: str = ""
    warns: bool = False


FIELDS = (
    FolderField("name", "Name", hint="empty: the last part of the local folder"),
    FolderField("path", "Local folder", hint="such as ~/notes; right arrow completes"),
    FolderField("bucket", "Bucket", hint="right arrow completes"),
    FolderField("prefix", "Prefix", hint="empty: the whole bucket", warns=True),
    FolderField("mode", "Mode", "two-way", "backup only uploads, mirror only downloads"),
    FolderField("filter", "Filter", hint="empty: everything; !*.tmp leaves out .tmp files"),
    FolderField("interval", "Check every", "30s", "how often to list the bucket"),
    FolderField("max_size", "Max size", hint="empty: what the disk has; or such as 10GiB"),
    FolderField("max_files", "Max files", hint="empty: no limit"),
)


class FolderFields(VerticalScroll):
    """is_new: the name and the prefix follow the local folder, until the user types in them."""

    def __init__(self, *, is_new: bool) -> None:
        super().__init__(id="fields", can_focus=False)
        self._is_new = is_new
        self._defaults = {field.name: field.default for field in FIELDS}
        """What the fields hold before the user types in them."""
        self.shows_all = not is_new
        """Whether also fields in which nothing was typed are shown as wrong."""
        self._verdicts: Mapping[str, FieldVerdict] = {}
        self._glyphs = UNICODE

    def compose(self) -> ComposeResult:
        for field in FIELDS:
            with Horizontal(classes="field"):
                yield Static(Content(field.label), markup=False, classes="label")
                yield self._widget(field)
            yield Static("", id=f"folder-{field.name}-hint", markup=False, classes="word")

    def on_mount(self) -> None:
        self.field("name").disabled = not self._is_new
        self.screen.screen_layout_refresh_signal.subscribe(self, self._place_cursor)
        self._draw()

    def _place_cursor(self, _: Screen[Any]) -> None:
        """Move the terminal's own cursor to the field with the focus: hints that come and go above
        the field move it, and Textual has placed the cursor before."""
        field = self.screen.focused
        if not isinstance(field, Input | OptionField):
            return
        if self.app.cursor_position != field.cursor_screen_offset:
            self.app.cursor_position = field.cursor_screen_offset
            field.refresh()

    def _widget(self, field: FolderField) -> Input | OptionField:
        id, host = f"folder-{field.name}", host_of(self)
        if field.name == "mode":
            return OptionField(MODES, field.default, id)
        completions: dict[str, Callable[[], Suggester]] = {
            "path": PathSuggester,
            "bucket": lambda: BucketSuggester(lambda: (b.name for b in host.state.buckets)),
            "prefix": lambda: PrefixSuggester(host.agent, lambda: self.values["bucket"]),
        }
        complete = completions.get(field.name)
        suggester = complete() if complete is not None else None
        return Input(field.default, id=id, compact=True, suggester=suggester)

    def field(self, name: str) -> Input | OptionField:
        widget = self.query_one(f"#folder-{name}")
        assert isinstance(widget, Input | OptionField)
        return widget

    @property
    def values(self) -> Mapping[str, str]:
        return {field.name: self.field(field.name).value.strip() for field in FIELDS}

    def fill(self, texts: Mapping[str, object]) -> None:
        """Show other values, which then are the defaults."""
        for field in FIELDS:
            self.field(field.name).value = str(texts[field.name]) or field.default
        self._defaults = dict(self.values)

    @property
    def last_part(self) -> str:
        """The last part of the local folder; "" for the home folder itself."""
        return self.values["path"].rstrip("/").rpartition("/")[2].removeprefix("~")

    def name_after_path(self) -> None:
        """Let the name and the prefix of a new folder follow its local folder."""
        if not self._is_new:
            return
        last = self.last_part
        for name, text in (("name", last), ("prefix", f"{last}/" if last else "")):
            if self.values[name] == self._defaults[name]:
                self._defaults[name] = text
                self.field(name).value = text

    def show_verdicts(self, verdicts: Mapping[str, FieldVerdict], glyphs: Glyphs) -> None:
        """What the agent says of what was typed."""
        self._verdicts, self._glyphs = verdicts, glyphs
        self._draw()

    def on_descendant_focus(self) -> None:
        self._draw()

    def _draw(self) -> None:
        """Below each field: the verdict on it; and below the one with the focus, its hint."""
        for field in FIELDS:
            text, is_wrong = self._text_below(field)
            below = self.query_one(f"#folder-{field.name}-hint", Static)
            below.display = bool(text)
            below.set_class(is_wrong, "wrong")
            below.update(Content(safe(text)))

    def _text_below(self, field: FolderField) -> tuple[str, bool]:
        """The text, and whether it says that the field is wrong."""
        widget, verdict = self.field(field.name), self._verdicts.get(field.name)
        is_judged = self.shows_all or widget.value.strip() != field.default
        if verdict is not None and verdict.text and is_judged:
            sign = self._glyphs.good if verdict.ok else self._glyphs.bad
            return f"{sign} {verdict.text}", not verdict.ok
        is_empty = field.warns and not widget.value.strip()
        return field.hint if widget.has_focus or is_empty else "", False
