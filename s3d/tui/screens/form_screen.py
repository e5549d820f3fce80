"""A form: some fields, each with a word beside it while it is filled in, and one thing to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static, TextArea

from s3d.shared.text import safe

Check = Callable[[str], str]
"""What is wrong with a value, for a person; "" when nothing is."""


@dataclass(frozen=True, slots=True)
class Field:
    """name: in the answer. options: ctrl+space goes through them. lines: of a text with several."""

    name: str
    label: str
    value: str = ""
    check: Check = lambda text: ""
    options: tuple[str, ...] = ()
    hint: str = ""
    lines: int = 1


class FormScreen(ModalScreen[Mapping[str, str] | None]):
    """The values by name, or None when the person has left it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", priority=True),
        Binding("ctrl+s", "save", "Do it", priority=True),
        Binding("ctrl+o", "next_option", "Other choice", priority=True),
    ]

    def __init__(
        self, title: str, fields: Sequence[Field], *, about: str = "", verb: str = "do it"
    ) -> None:
        super().__init__()
        self._heading, self._fields = title, fields
        self._about, self._verb = about, verb

    def compose(self) -> ComposeResult:
        box = VerticalScroll(classes="dialog form")
        box.border_title = Content(safe(self._heading))
        box.border_subtitle = Content(f"enter or ctrl+s {self._verb}   tab next field   esc cancel")
        with box:
            if self._about:
                yield Static(Content(safe(self._about)), markup=False, classes="about")
            for field in self._fields:
                with Horizontal(classes="field"):
                    yield Static(Content(field.label), markup=False, classes="label")
                    if field.lines > 1:
                        area = TextArea(field.value, id=field.name, compact=True)
                        area.styles.height = field.lines
                        yield area
                    else:
                        yield Input(field.value, id=field.name, compact=True, select_on_focus=False)
                yield Static("", id=f"{field.name}-word", markup=False, classes="word")

    def on_mount(self) -> None:
        first = self.query_one(f"#{self._fields[0].name}")
        self.set_focus(first)
        for field in self._fields:
            self._judge(field)

    @property
    def values(self) -> dict[str, str]:
        found = {}
        for field in self._fields:
            widget = self.query_one(f"#{field.name}")
            text = widget.text if isinstance(widget, TextArea) else widget.value  # type: ignore[attr-defined]
            found[field.name] = text
        return found

    def on_input_changed(self, event: Input.Changed) -> None:
        self._changed(event.input.id)

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        self._changed(event.text_area.id)

    def _changed(self, name: str | None) -> None:
        for field in self._fields:
            if field.name == name:
                self._judge(field)

    def _judge(self, field: Field) -> bool:
        """Say what is wrong with a field, or what it takes; whether it is right."""
        value = self.values[field.name]
        wrong = field.check(value)
        hint = field.hint
        if field.options:
            hint = " | ".join(f"[{o}]" if o == value else o for o in field.options) + "   ctrl+o"
            if value not in field.options:
                wrong = wrong or f"is one of {', '.join(field.options)}"
        word = self.query_one(f"#{field.name}-word", Static)
        word.set_class(bool(wrong), "wrong")
        text = f"✗ {wrong}" if wrong else hint
        word.display = bool(text)
        word.update(Content(safe(text)))
        return not wrong

    def on_input_submitted(self) -> None:
        self.action_save()

    def action_save(self) -> None:
        right = [self._judge(field) for field in self._fields]
        if all(right):
            self.dismiss(self.values)
        else:
            self.query_one(f"#{self._fields[right.index(False)].name}").focus()
            self.app.bell()

    def action_next_option(self) -> None:
        for field in self._fields:
            widget = self.query_one(f"#{field.name}")
            if widget.has_focus and field.options and isinstance(widget, Input):
                at = field.options.index(widget.value) if widget.value in field.options else -1
                widget.value = field.options[(at + 1) % len(field.options)]
