"""The beginning of an object on the whole screen: as text, table or picture, or as bytes."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen

from s3d.shared.control import ObjectInfo
from s3d.shared.text import safe, size
from s3d.tui import picture
from s3d.tui.agent_client import AgentUnreachable, RequestRefused
from s3d.tui.control_paths import object_path
from s3d.tui.host import host_of
from s3d.tui.lines import Line, Lines
from s3d.tui.object_preview import hexdump, preview

MAX_READ = 64 << 10
"""Bytes of an object that are read."""


class ViewerScreen(ModalScreen[None]):
    """Reads a range through the cache, and never the whole object."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter,v", "dismiss", "Close"),
        Binding("x", "hex", "Bytes or text"),
    ]

    def __init__(self, info: ObjectInfo, version: str = "") -> None:
        super().__init__()
        self._info, self._version = info, version
        self._data: bytes | None = None
        self._is_hex = False

    def compose(self) -> ComposeResult:
        body = Lines(["reading"], id="text")
        body.border_title = Content(safe(f"{self._info.bucket}/{self._info.key}"))
        body.border_subtitle = Content("esc closes   x bytes")
        yield body

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Lines))
        self._read()

    @work(exclusive=True, group="preview", exit_on_error=False)
    async def _read(self) -> None:
        info = self._info
        path = object_path(info.bucket, info.key, version=self._version)
        try:
            self._data = await host_of(self).agent.read_range(path, 0, MAX_READ)
        except (AgentUnreachable, RequestRefused) as error:
            self.query_one(Lines).show([safe(str(error))])
            return
        self._draw()

    def action_hex(self) -> None:
        self._is_hex = not self._is_hex
        self._draw()

    def _draw(self) -> None:
        if self._data is not None:
            self.query_one(Lines).show(self._lines(self._data))

    def _lines(self, data: bytes) -> list[Line]:
        info = self._info
        if self._is_hex:
            return [*hexdump(data), *_rest(len(data), info.size)]
        if picture.is_picture(data):
            return self._picture(data)
        return list(preview(info.key, data, info.size))

    def _picture(self, data: bytes) -> list[Line]:
        space = self.query_one(Lines).size
        try:
            description, lines = picture.draw(data, max(space.width, 10), max(space.height - 2, 5))
        except picture.NoPicture as error:
            return [safe(str(error)), "", *hexdump(data), *_rest(len(data), self._info.size)]
        return [safe(description), *lines, *_rest(len(data), self._info.size)]


def _rest(read: int, whole: int) -> list[str]:
    return [f"... the first {size(read)} of {size(whole)}"] if read < whole else []
