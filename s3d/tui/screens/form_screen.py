"""A form: fields that are checked while the user types, and one thing that it does."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import Input, Static, TextArea

from s3d.shared.text import safe

Check = Callable[[str], str]
"""Returns what is wrong with a value, for the user, or ""."""
MAX_COMPLETED = 1_000
"""The names in a folder, for the completion of a path."""


@dataclass(frozen=True, slots=True)
class Field:
    """name: in the values. options: ctrl+o goes through them. lines: height of a longer text.

    is_local_path: the path is completed while it is typed.
    """

    name: str
    label: str
    value: str = ""
    check: Check = lambda text: ""
    options: tuple[str, ...] = ()
    hint: str = ""
    lines: int = 1
    is_local_path: bool = False


class FormScreen(ModalScreen[Mapping[str, str] | None]):
    """Returns the values by name, or None when it was cancelled."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", priority=True),
        Binding("ctrl+s", "save", "Do it", priority=True),
        Binding("ctrl+o", "next_option", "Other choice", priority=True),
    ]

    def __init__(
        self, title: str, fields: Sequence[Field], *, details: str = "", verb: str = "do it"
    ) -> None:
        super().__init__()
        self._heading, self._fields = title, fields
        self._details, self._verb = details, verb

    def compose(self) -> ComposeResult:
        box = VerticalScroll(classes="dialog form")
        box.border_title = Content(safe(self._heading))
        box.border_subtitle = Content(f"enter or ctrl+s {self._verb}   tab next field   esc cancel")
        with box:
            if self._details:
                yield Static(Content(safe(self._details)), markup=False, classes="about")
            for field in self._fields:
                with Horizontal(classes="field"):
                    yield Static(Content(field.label), markup=False, classes="label")
                    if field.lines > 1:
                        area = TextArea(field.value, id=field.name, compact=True)
                        area.styles.height = field.lines
                        yield area
                    else:
                        yield Input(
                            field.value, id=field.name, compact=True, select_on_focus=False,
                            suggester=PathSuggester() if field.is_local_path else None,
                        )  # fmt: skip
                yield Static("", id=f"{field.name}-hint", markup=False, classes="word")

    def on_mount(self) -> None:
        first = self.query_one(f"#{self._fields[0].name}")
        self.set_focus(first)
        for field in self._fields:
            self._check(field)

    @property
    def values(self) -> dict[str, str]:
        values = {}
        for field in self._fields:
            widget = self.query_one(f"#{field.name}")
            text = widget.text if isinstance(widget, TextArea) else widget.value  # type: ignore[attr-defined]
            values[field.name] = text
        return values

    def on_input_changed(self, event: Input.Changed) -> None:
        self._changed(event.input.id)

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        self._changed(event.text_area.id)

    def _changed(self, name: str | None) -> None:
        for field in self._fields:
            if field.name == name:
                self._check(field)

    def _check(self, field: Field) -> bool:
        """Show what is wrong with a field, or its hint. Returns whether it is valid."""
        value = self.values[field.name]
        wrong = field.check(value)
        hint = field.hint
        if field.options:
            hint = " | ".join(f"[{o}]" if o == value else o for o in field.options) + "   ctrl+o"
            if value not in field.options:
                wrong = wrong or f"is one of {', '.join(field.options)}"
        below = self.query_one(f"#{field.name}-hint", Static)
        below.set_class(bool(wrong), "wrong")
        text = f"✗ {wrong}" if wrong else hint
        below.display = bool(text)
        below.update(Content(safe(text)))
        return not wrong

    def on_input_submitted(self) -> None:
        self.action_save()

    def action_save(self) -> None:
        valid = [self._check(field) for field in self._fields]
        if all(valid):
            self.dismiss(self.values)
        else:
            self.query_one(f"#{self._fields[valid.index(False)].name}").focus()
            self.app.bell()

    def action_next_option(self) -> None:
        for field in self._fields:
            widget = self.query_one(f"#{field.name}")
            if widget.has_focus and field.options and isinstance(widget, Input):
                at = field.options.index(widget.value) if widget.value in field.options else -1
                widget.value = field.options[(at + 1) % len(field.options)]


class PathSuggester(Suggester):
    """Completes a local path with the first name of its folder that fits."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        folder, _, start = value.rpartition("/")
        if not start:
            return None
        try:
            with os.scandir(Path(f"{folder}/").expanduser()) as entries:
                names = sorted(
                    entry.name + ("/" if entry.is_dir() else "")
                    for entry, _ in zip(entries, range(MAX_COMPLETED), strict=False)
                    if entry.name.startswith(start)
                )
        except OSError:
            return None
        return f"{folder}/{names[0]}" if names else None
