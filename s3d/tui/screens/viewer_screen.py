"""The preview of an object on the whole screen."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen

from s3d.shared.control import ObjectInfo
from s3d.shared.text import safe
from s3d.tui.draw import elide, frame_keys
from s3d.tui.host import host_of
from s3d.tui.preview.preview_box import PreviewBox
from s3d.tui.preview.previews import PreviewTarget
from s3d.tui.preview.read_plan import refusal

MIN_TITLE = 20
"""Cells that the name has at least."""
_KEYS = ("/ search", "+ more", "w wrap", "x bytes", "y copy", "esc closes")


class ViewerScreen(ModalScreen[None]):
    """Reads ranges through the cache, and never the whole of a large object.

    A key asked for it, so it reads objects whose preview is not read at rest, too; but none that
    is archived or that only a client can decrypt.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,v", "dismiss", "Close")]

    def __init__(self, info: ObjectInfo, version: str = "") -> None:
        super().__init__()
        self._info = info
        self._target = PreviewTarget(info.bucket, info.key, info.size, info.etag, version)

    def compose(self) -> ComposeResult:
        yield PreviewBox("text")

    def on_mount(self) -> None:
        box = self.query_one(PreviewBox)
        self._put_title()
        self.set_focus(box.lines)
        if reason := refusal(self._info):
            box.clear(reason)
        else:
            box.show(self._target)

    def on_resize(self) -> None:
        self._put_title()

    def _put_title(self) -> None:
        """A long name is cut in the middle, so that the ending stays."""
        box, more = self.query_one(PreviewBox), host_of(self).glyphs.more
        name = safe(f"{self._info.bucket}/{self._info.key}")
        room = max(int(0.9 * self.app.size.width) - 8, MIN_TITLE)
        box.border_title = Content(elide(name, room, more))
        box.border_subtitle = frame_keys(_KEYS, self.app.size.width)

    def on_preview_box_left(self) -> None:
        self.dismiss()
