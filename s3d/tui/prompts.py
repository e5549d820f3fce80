"""Questions to the user: each opens a screen and calls back with the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from textual.app import App

from s3d.tui.lines import Line
from s3d.tui.screens.dialogs import Choice, Confirm, Menu, View
from s3d.tui.screens.form_screen import Field, FormScreen


class Prompts:
    """The callbacks run only when the user has answered, not when the screen was closed."""

    def __init__(self, app: App[Any]) -> None:
        self._app = app

    def confirm(
        self, question: str, then: Callable[[], object], typed: str = "", *, destroys: bool = True
    ) -> None:
        """Call back after a yes. typed: what has to be typed for it, where much would be lost.

        destroys: whether a yes loses something; the question is red then.
        """

        def answered(yes: bool | None) -> None:
            if yes:
                then()

        self._app.push_screen(Confirm(question, typed, destroys=destroys), answered)

    def choose(self, title: str, choices: Sequence[Choice], then: Callable[[str], object]) -> None:
        """Call back with the value of the choice."""

        def answered(value: str | None) -> None:
            if value:
                then(value)

        self._app.push_screen(Menu(title, choices), answered)

    def fill_in(
        self,
        title: str,
        fields: Sequence[Field],
        then: Callable[[dict[str, str]], object],
        *,
        details: str = "",
        verb: str = "go",
    ) -> None:
        """Call back with the values of a form by the names of its fields.

        details: a text above the fields. verb: what enter does, for the line below them.
        """

        def answered(values: Mapping[str, str] | None) -> None:
            if values is not None:
                then(dict(values))

        self._app.push_screen(FormScreen(title, fields, details=details, verb=verb), answered)

    def view(self, title: str, lines: Sequence[Line], copied: str = "") -> None:
        """Show lines to read. copied: what y copies; empty for the lines themselves."""
        self._app.push_screen(View(title, lines, copied))
