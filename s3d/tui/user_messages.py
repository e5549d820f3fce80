"""Short messages for the user: toasts in the corner, and the last action at the foot."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from textual.app import App

from s3d.shared.text import safe
from s3d.tui.themes import Glyphs

REPEAT_WINDOW = 5.0
"""Seconds within which a repeated toast is only counted, in the footer."""
REPORT_TIME = 5.0
"""Seconds for which the footer shows the last action."""


class Messages:
    """clock: Unix seconds. changed: called when there is another text for the foot."""

    def __init__(
        self,
        app: App[Any],
        *,
        glyphs: Glyphs,
        clock: Callable[[], float],
        changed: Callable[[], None],
    ) -> None:
        self._app, self._glyphs, self._clock, self._changed = app, glyphs, clock, changed
        self._reported: tuple[float, str] = (0.0, "")
        """When the last action was reported, and the line for the foot."""
        self._toasted: tuple[float, str, int] = (0.0, "", 0)
        """When the last toast was shown (monotonic), its text, and how often in a row."""

    def toast(self, text: str, *, is_error: bool = False) -> None:
        """Show a text in the corner for some seconds; a repetition is only counted, at the foot."""
        now = time.monotonic()
        at, before, number = self._toasted
        number = number + 1 if text == before and now - at < REPEAT_WINDOW else 1
        self._toasted = (now, text, number)
        if number > 1:
            self.report(f"{text} (x{number})", is_success=False)
            return
        self._app.notify(
            safe(text),
            severity="error" if is_error else "information",
            timeout=6 if is_error else 3,
            markup=False,
        )

    def report(self, text: str, command: str = "", *, is_success: bool = True) -> None:
        """Show at the foot what was done. command: the s3d command that does the same."""
        sign = self._glyphs.good if is_success else self._glyphs.bad
        command = f"   $ {safe(command)}" if command else ""
        self._reported = (self._clock(), f" {sign} {safe(text)}{command}")
        self._changed()

    @property
    def latest_report(self) -> str:
        """The line for the foot; empty when the last action was reported a while ago."""
        at, text = self._reported
        return text if self._clock() - at < REPORT_TIME else ""

    def copy(self, text: str) -> None:
        """Copy to the clipboard, and show the text: not every terminal has a clipboard."""
        self._app.copy_to_clipboard(text)
        if safe(text) != text:
            self.toast("copied unchanged: it contains terminal control characters")
        self.report(f"copied: {text}")
