"""What comes before the panes for a moment: a question, a text, the keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from s3d.shared.text import safe


class Confirm(ModalScreen[bool]):
    """A question that y answers; everything else says no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape,q,enter", "answer(False)", "No"),
    ]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content(safe(self._question)), markup=False)
            yield Static("y  yes        n  no", markup=False, classes="keys")

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)


class View(ModalScreen[None]):
    """Some lines to look at."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter,v,question_mark", "dismiss", "Close"),
        Binding("j,down", "scroll(1)", "Down", show=False),
        Binding("k,up", "scroll(-1)", "Up", show=False),
    ]

    def __init__(self, title: str, lines: Sequence[str]) -> None:
        super().__init__()
        self._heading, self._lines = title, lines

    def compose(self) -> ComposeResult:
        body = VerticalScroll(Static(Content("\n".join(self._lines)), markup=False), id="text")
        body.border_title = Content(safe(self._heading))
        body.border_subtitle = "esc closes"
        yield body

    def action_scroll(self, by: int) -> None:
        self.query_one("#text", VerticalScroll).scroll_relative(y=by, animate=False)
