"""Small modal screens: a question, a choice, a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from s3d.shared.text import safe
from s3d.tui.lines import Line, Lines
from s3d.tui.themes import COLORS


class Confirm(ModalScreen[bool]):
    """A question to which y means yes, and every other key no. Returns the answer.

    typed: what has to be typed instead of y, where much would be lost. destroys: whether a yes
    loses something.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,q,enter", "answer(False)", "No"),
        Binding("escape", "answer(False)", "No", show=False),
    ]

    def __init__(self, question: str, typed: str = "", *, destroys: bool = True) -> None:
        super().__init__()
        self._question, self._typed, self._destroys = question, typed, destroys

    def compose(self) -> ComposeResult:
        box = Vertical(classes="dialog destroys" if self._destroys else "dialog")
        box.border_subtitle = "enter confirm   esc cancel" if self._typed else ""
        with box:
            yield Static(Content(safe(self._question)), markup=False, classes="question")
            if self._typed:
                what = Content(f"Type {safe(self._typed)} to confirm, then enter:")
                yield Static(what, markup=False, classes="keys")
                yield Input(id="typed", compact=True)
                yield Static("", id="typed-wrong", markup=False, classes="wrong")
            else:
                yes = ("y", f"bold {COLORS['bad' if self._destroys else 'good']}")
                no = ("n or enter", f"bold {COLORS['accent']}")
                keys = Content.assemble(yes, "  yes        ", no, "  no")
                yield Static(keys, markup=False, classes="keys")

    def on_mount(self) -> None:
        if self._typed:
            self.set_focus(self.query_one(Input))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Another text than the one to type changes nothing, and the question stays."""
        if event.value == self._typed:
            self.dismiss(True)
            return
        wrong = f"{event.value or 'nothing'} is not {self._typed}; esc leaves everything as it is"
        self.query_one("#typed-wrong", Static).update(Content(safe(wrong)))
        event.input.select_all()
        self.app.bell()

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer and not self._typed)


class Choice(NamedTuple):
    """key: the letter that picks it. value: the result of the menu."""

    key: str
    label: str
    value: str


class Menu(ModalScreen[str]):
    """Choices, picked by letter or with the arrows and enter. Returns the value, or ""."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss('')", "Close"),
        Binding("down", "move(1)", "Down", show=False),
        Binding("up", "move(-1)", "Up", show=False),
        Binding("enter", "pick", "Pick"),
    ]

    def __init__(self, title: str, choices: Sequence[Choice]) -> None:
        super().__init__()
        self._heading, self._choices, self._at = title, choices, 0

    def compose(self) -> ComposeResult:
        box = Vertical(Static("", id="choices", markup=False), classes="dialog")
        box.border_title = Content(safe(self._heading))
        box.border_subtitle = "enter or the letter chooses   esc closes"
        yield box

    def on_mount(self) -> None:
        self._draw()

    def _draw(self) -> None:
        lines = [
            Content.assemble((f" {choice.key}  {safe(choice.label)} ", style))
            for number, choice in enumerate(self._choices)
            for style in ["reverse" if number == self._at else ""]
        ]
        self.query_one("#choices", Static).update(Content("\n").join(lines))

    def action_move(self, by: int) -> None:
        self._at = (self._at + by) % len(self._choices)
        self._draw()

    def action_pick(self) -> None:
        self.dismiss(self._choices[self._at].value)

    def on_key(self, event: object) -> None:
        pressed = getattr(event, "character", None)
        for choice in self._choices:
            if choice.key == pressed:
                event.stop()  # type: ignore[attr-defined]
                self.dismiss(choice.value)
                return


class View(ModalScreen[None]):
    """Lines to read and to copy."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter,v,question_mark", "dismiss", "Close"),
        Binding("y", "copy", "Copy"),
    ]

    def __init__(self, title: str, lines: Sequence[Line], copied: str = "") -> None:
        """copied: what y copies; empty for the lines themselves."""
        super().__init__()
        self._heading, self._lines, self._copied = title, lines, copied

    def compose(self) -> ComposeResult:
        body = Lines(self._lines, id="text")
        body.border_title = Content(safe(self._heading))
        body.border_subtitle = "esc closes, y copies"
        yield body

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Lines))

    def action_copy(self) -> None:
        text = self._copied or "\n".join(
            line if isinstance(line, str) else line.text for line in self._lines
        )
        self.app.copy_to_clipboard(text)
        self.notify("copied", timeout=2, markup=False)
