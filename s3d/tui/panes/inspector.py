"""Details of the bucket or object under the cursor, in four sections, and a preview of it."""

from __future__ import annotations

import asyncio

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import Click, Show
from textual.widgets import Static

from s3d.shared.control import BucketInfo, Listing, ObjectInfo, ObjectStatus
from s3d.shared.text import safe
from s3d.tui.agent_client import AgentUnreachable, RequestRefused
from s3d.tui.control_paths import status_path, versions_path
from s3d.tui.draw import elide
from s3d.tui.host import host_of
from s3d.tui.panes.inspector_lines import (
    SECTION_LINES,
    SECTIONS,
    bucket_lines,
    object_lines,
    prefix_lines,
    version_lines,
)
from s3d.tui.preview.preview_box import PreviewBox, budget_text
from s3d.tui.preview.previews import PreviewTarget
from s3d.tui.preview.read_plan import Mode, mode_of, refusal

DELAY = 0.15
"""Seconds for which the cursor has to stay on a row before a request that may go to the remote."""
COUNT_DELAY = 1.0
"""Seconds after a change in a bucket until its numbers are read again: changes come in bursts."""
MAX_VERSIONS = 100
_HINT = "[ ] other tab"
_HINT_MARGIN = 3
"""Cells of the frame behind the hint: a space, a line and the corner."""
_MAX_NAME_ROWS = 3
"""Rows of a name; the section Meta has all of it."""


class Inspector(Vertical):
    """Reads the details, and then the preview, when the cursor rests on a row."""

    def __init__(self, id: str) -> None:
        super().__init__(id=id, classes="box")
        self._section = 0
        self._target: tuple[str, str, ObjectInfo | None] = ("", "", None)
        self._is_read = False
        """The details of the target were requested, and did not fail; not while it is hidden."""
        self._refusal = ""
        """Why the target is never read for its preview."""

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="details-scroll", can_focus=False):
            yield Static("", id="details", markup=False)
        yield PreviewBox("preview")

    def on_mount(self) -> None:
        self._put_title()
        self._box.display = False

    @property
    def _box(self) -> PreviewBox:
        return self.query_one(PreviewBox)

    def turn(self, by: int) -> None:
        """Show another section."""
        self._section = (self._section + by) % len(SECTIONS)
        self._put_title()
        self._show_target()

    def _put_title(self) -> None:
        self.border_title = Content(
            f"{SECTIONS[self._section]} {self._section + 1}/{len(SECTIONS)}"
        )
        self.border_subtitle = Content(_HINT)

    def on_click(self, event: Click) -> None:
        """A click on the hint in the frame shows another section; one on [, the one before."""
        at = event.x - (self.region.width - len(_HINT) - _HINT_MARGIN)
        if event.y == self.region.height - 1 and 0 <= at < len(_HINT):
            self.turn(-1 if at == 0 else 1)

    def look(self, bucket: str, key: str, info: ObjectInfo | None) -> None:
        """Show an object; a prefix when info is None; a bucket when key is empty too.

        Nothing happens while the same is shown: it may be called whenever the rows change.
        """
        if (bucket, key, info) != self._target:
            self._target = (bucket, key, info)
            self._is_read = False
            self._refusal = refusal(info) if info is not None else ""
            self._box.clear()
            self._show_target()

    @on(Show)
    def reveal(self) -> None:
        """It is shown, or will be after the next layout: read what was not read before."""
        if not self._is_read:
            self._show_target(is_visible=True)

    def note_change(self, bucket: str) -> None:
        """Something in a bucket has changed: read its numbers again if they are shown."""
        shown, key, _ = self._target
        if bucket == shown and not key and not self._is_refreshing():
            self._refresh_bucket(bucket)

    def _is_refreshing(self) -> bool:
        return any(
            worker.group == "inspect-bucket" and worker.node is self and not worker.is_finished
            for worker in self.workers
        )

    def _show_target(self, *, is_visible: bool = False) -> None:
        bucket, key, info = self._target
        is_previewing = info is not None and SECTIONS[self._section] == "Info"
        self._box.display = is_previewing
        self.set_class(is_previewing, "-previewing")
        if info is not None:
            self._put(self._short_name(key), *object_lines(info))
        elif key:
            self._put(self._short_name(key), *prefix_lines())
        else:
            self._put(*([self._short_name(bucket)] if bucket else []))
        if is_visible or self.display:
            self._is_read = True
            self._read(bucket, key, info)

    def _short_name(self, name: str) -> str:
        """A name that leaves room for what is below it."""
        width = max(self.scrollable_content_region.width - 1, 20)
        return elide(safe(name), _MAX_NAME_ROWS * width, host_of(self).glyphs.more)

    def _put(self, *lines: str) -> None:
        self.query_one("#details", Static).update(Content("\n".join(lines)))

    @work(exclusive=True, group="inspect", exit_on_error=False)
    async def _read(self, bucket: str, key: str, info: ObjectInfo | None) -> None:
        if not bucket or (key and info is None):
            return
        has_remote = host_of(self).state.has_remote
        await asyncio.sleep(DELAY if has_remote else 0)
        try:
            await self._read_details(bucket, key)
        except (AgentUnreachable, RequestRefused) as error:
            self._is_read = False
            known = object_lines(info) if info is not None else []
            self._put(safe(str(error)), "", self._short_name(key or bucket), *known)
            return
        await asyncio.sleep(0 if has_remote else DELAY)
        if info is not None and self._box.display:
            self._preview(info)

    async def _read_details(self, bucket: str, key: str) -> None:
        """Raises AgentUnreachable, RequestRefused."""
        call, section = host_of(self).agent.call, SECTIONS[self._section]
        if not key:
            info = await call("GET", status_path(bucket), BucketInfo)
            self._put(self._short_name(bucket), *bucket_lines(info))
        elif section == "Versions":
            versions = await call("GET", versions_path(bucket, key, MAX_VERSIONS), Listing)
            self._put(*version_lines(versions.objects))
        else:
            status = await call("GET", status_path(bucket, key), ObjectStatus)
            name = safe(key) if section == "Meta" else self._short_name(key)
            self._put(name, *SECTION_LINES[section](status))
            self._refusal = refusal(status)

    @work(group="inspect-bucket", exit_on_error=False)
    async def _refresh_bucket(self, bucket: str) -> None:
        await asyncio.sleep(COUNT_DELAY)
        if self._target[:2] == (bucket, "") and self.display:
            self._read(bucket, "", None)

    # The preview

    def on_preview_box_left(self) -> None:
        """Back to the list, which is before it in the order of the focus."""
        self.screen.focus_previous()

    def _preview(self, info: ObjectInfo) -> None:
        """Read the object, if the user wants that at rest."""
        mode = mode_of(host_of(self).preferences.preview, host_of(self).state.status)
        if self._refusal:
            self._box.clear(self._refusal)
        elif mode is Mode.REST:
            self._box.show(_preview_target(info))
        elif mode is Mode.KEY and self._box.target is None:
            self._box.clear(f"+ shows a preview: it {budget_text()}")

    def read_more(self) -> None:
        """Read the preview that was not read at rest; or more of it."""
        info = self._target[2]
        if info is None:
            host_of(self).messages.toast("Only an object has a preview")
        elif self._box.target is None and not self._refusal:
            self._box.show(_preview_target(info))
        else:
            self._box.action_more()


def _preview_target(info: ObjectInfo) -> PreviewTarget:
    return PreviewTarget(info.bucket, info.key, info.size, info.etag)
