"""A form: fields that are checked while the user types, and one thing that it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widget import Widget
from textual.widgets import Input, Static, TextArea

from s3d.shared.text import safe
from s3d.tui.draw import frame_keys
from s3d.tui.option_field import HINT, OptionField

Check = Callable[[str], str]
"""Returns what is wrong with a value, for the user, or ""."""


@dataclass(frozen=True, slots=True)
class Field:
    """One row of a form.

    name: in the values. value: a default that is right as it is; typing replaces it, unless it is
    a beginning. options: the only values, shown as choices. lines: height of a longer text.
    completion: what is suggested while the user types. is_beginning: the value is to be continued,
    as the folder in which a path is looked for.
    """

    name: str
    label: str
    value: str = ""
    check: Check = lambda text: ""
    options: tuple[str, ...] = ()
    hint: str = ""
    lines: int = 1
    completion: Suggester | None = None
    is_beginning: bool = False


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
        self._edited: set[str] = set()
        """Names of the fields in which the user has typed: only they can be wrong."""

    def compose(self) -> ComposeResult:
        box = VerticalScroll(classes="dialog form")
        box.border_title = Content(safe(self._heading))
        has_text = any(field.lines > 1 for field in self._fields)
        keys = [f"ctrl+s {self._verb}", "enter new line"] if has_text else [f"enter {self._verb}"]
        keys += ["tab next field"] if len(self._fields) > 1 else []
        keys += ["esc cancel"]
        box.border_subtitle = frame_keys(keys, self.app.size.width)
        with box:
            if self._details:
                yield Static(Content(safe(self._details)), markup=False, classes="about")
            for field in self._fields:
                with Horizontal(classes="field"):
                    yield Static(Content(field.label), markup=False, classes="label")
                    yield _widget(field)
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
            assert isinstance(widget, Input | TextArea | OptionField)
            values[field.name] = widget.text if isinstance(widget, TextArea) else widget.value
        return values

    def on_input_changed(self, event: Input.Changed) -> None:
        self._changed(event.input.id)

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        self._changed(event.text_area.id)

    def on_option_field_changed(self, event: OptionField.Changed) -> None:
        self._changed(event.field.id)

    def on_option_field_submitted(self) -> None:
        self.action_save()

    def _changed(self, name: str | None) -> None:
        for field in self._fields:
            if field.name == name:
                if self.values[name] != field.value:
                    self._edited.add(name)
                self._check(field)

    def _check(self, field: Field) -> bool:
        """Show what is wrong with a field that was edited, else its hint. Returns whether it is
        valid."""
        wrong = field.check(self.values[field.name])
        is_shown = bool(wrong) and field.name in self._edited
        below = self.query_one(f"#{field.name}-hint", Static)
        below.set_class(is_shown, "wrong")
        text = f"✗ {wrong}" if is_shown else field.hint or (HINT if field.options else "")
        below.display = bool(text)
        below.update(Content(safe(text)))
        return not wrong

    def on_input_submitted(self) -> None:
        self.action_save()

    def action_save(self) -> None:
        self._edited.update(field.name for field in self._fields)
        valid = [self._check(field) for field in self._fields]
        if all(valid):
            self.dismiss(self.values)
        else:
            self.query_one(f"#{self._fields[valid.index(False)].name}").focus()
            self.app.bell()

    def action_next_option(self) -> None:
        if isinstance(self.focused, OptionField):
            self.focused.action_choose(1)


def _widget(field: Field) -> Widget:
    """The widget in which a field is edited."""
    if field.options:
        return OptionField(field.options, field.value, field.name)
    if field.lines > 1:
        area = TextArea(field.value, id=field.name, compact=True)
        area.styles.height = field.lines
        return area
    return Input(
        field.value, id=field.name, compact=True, select_on_focus=not field.is_beginning,
        suggester=field.completion,
    )  # fmt: skip
