"""The preview of one object: reads it, shows it with what there is to say, and searches in it."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from s3d.shared.text import safe, size
from s3d.tui.agent_client import AgentUnreachable, RequestRefused
from s3d.tui.host import host_of
from s3d.tui.preview.decoder_client import DecoderFailed
from s3d.tui.preview.drawing import Drawing
from s3d.tui.preview.preview_lines import PreviewLines
from s3d.tui.preview.previews import Canvas, Preview, PreviewTarget
from s3d.tui.preview.read_plan import BUDGETS
from s3d.tui.text_widgets import TextBar

_MIN_WIDTH, _MIN_HEIGHT = 10, 4
"""Cells of the smallest picture."""


class PreviewBox(Vertical):
    """show() and clear() decide what is shown; a new target cancels the read of the one before."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search"),
        Binding("plus,m", "more", "Read more"),
        Binding("x", "hex", "Bytes or text"),
        Binding("escape", "leave", "Leave", show=False),
    ]

    class Left(Message):
        """The user has finished with the preview."""

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self.target: PreviewTarget | None = None
        """What is shown, or being read."""
        self.preview: Preview | None = None
        """What was read; None until it is."""
        self._is_hex = False

    def compose(self) -> ComposeResult:
        yield TextBar("preview-note")
        yield PreviewLines("preview-lines")
        search = Input(id="preview-search", compact=True, placeholder="search")
        search.display = False
        yield search

    @property
    def lines(self) -> PreviewLines:
        return self.query_one(PreviewLines)

    def show(self, target: PreviewTarget, *, delay: float = 0.0, level: int = 0) -> None:
        """Read and show an object. delay: seconds to wait before, while the cursor may move on."""
        if target == self.target and level == 0:
            return
        if target != self.target:
            self._forget()
            self.target = target
        self._note("reading")
        self._read(target, delay, level)

    def clear(self, note: str = "") -> None:
        """Show no object, but why."""
        self.workers.cancel_group(self, "preview")
        self._forget()
        self._note(note)

    def _forget(self) -> None:
        self.target = self.preview = None
        self._is_hex = False
        self._close_search()
        self.lines.show(Drawing(""))

    @work(exclusive=True, group="preview", exit_on_error=False)
    async def _read(self, target: PreviewTarget, delay: float, level: int) -> None:
        await asyncio.sleep(delay)
        before = self.preview
        try:
            preview = await host_of(self).previews.read(
                target, self._canvas(), level=level, before=before
            )
        except (AgentUnreachable, RequestRefused, DecoderFailed) as error:
            self._note(safe(str(error)))
            return
        self._put(preview, is_same=before is not None)

    @work(exclusive=True, group="preview", exit_on_error=False)
    async def _redraw(self, preview: Preview) -> None:
        try:
            drawn = await host_of(self).previews.draw(preview, self._canvas())
        except DecoderFailed as error:
            self._note(safe(str(error)))
            return
        self._put(drawn, is_same=True)

    def _canvas(self) -> Canvas:
        space = self.lines.size
        return Canvas(
            max(space.width, _MIN_WIDTH), max(space.height, _MIN_HEIGHT), self._is_hex,
            host_of(self).glyphs.more,
        )  # fmt: skip

    def _put(self, preview: Preview, *, is_same: bool) -> None:
        self.preview = preview
        self.lines.show(preview.drawing, is_same=is_same)
        self._note(note_of(preview))

    def _note(self, text: str) -> None:
        self.query_one("#preview-note", TextBar).put(text)

    def on_resize(self) -> None:
        """A picture is made for the size of the widget."""
        if self.preview is not None and self.preview.drawing.pixels is not None:
            self._redraw(self.preview)

    # Keys

    def action_more(self) -> None:
        """Read with the next budget."""
        target, preview = self.target, self.preview
        if target is None or preview is None:
            return
        if preview.can_read_more:
            self.show(target, level=preview.level + 1)
        else:
            host_of(self).messages.toast("nothing more is read for a preview")

    def action_hex(self) -> None:
        if self.preview is not None:
            self._is_hex = not self._is_hex
            self._redraw(self.preview)

    def action_search(self) -> None:
        search = self.query_one("#preview-search", Input)
        search.display, search.value = True, self.lines.needle
        self.screen.set_focus(search)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        is_match = self.lines.search(event.value)
        self._note("no match" if event.value and not is_match else note_of(self.preview))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._close_search()
        self.screen.set_focus(self.lines)

    def _close_search(self) -> None:
        search = self.query_one("#preview-search", Input)
        with self.prevent(Input.Changed):
            search.display, search.value = False, ""

    def action_leave(self) -> None:
        """Leave the search, then its matches, then the preview."""
        if self.query_one("#preview-search", Input).display or self.lines.needle:
            self._close_search()
            self.lines.search("")
            self._note(note_of(self.preview))
            self.screen.set_focus(self.lines)
        else:
            self.post_message(self.Left())

    def on_preview_lines_copied(self, event: PreviewLines.Copied) -> None:
        host_of(self).messages.copy(event.text)


def note_of(preview: Preview | None) -> str:
    """What there is to say of a preview: kind, notes, and how much of the object was read."""
    if preview is None:
        return ""
    drawing, whole = preview.drawing, preview.target.size
    parts = [drawing.kind, *drawing.notes]
    if preview.read < whole:
        more = ", + reads more" if preview.can_read_more else ""
        parts.append(f"{size(preview.read)} of {size(whole)} read{more}")
    return safe(", ".join(part for part in parts if part))


def budget_text() -> str:
    """How much is read at rest, for the user."""
    return f"reads at most {size(BUDGETS[0].size)}"
