"""Details of the bucket or object under the cursor, in four sections."""

from __future__ import annotations

import asyncio

from textual import work
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from s3d.shared.control import BucketInfo, Listing, ObjectInfo, ObjectStatus
from s3d.shared.text import moment, safe, size
from s3d.tui.agent_client import AgentUnreachable, RequestRefused
from s3d.tui.control_paths import status_path, versions_path
from s3d.tui.host import host_of

SECTIONS = ("Info", "Meta", "Tags", "Versions")
DELAY = 0.15
"""Seconds for which the cursor has to stay on a row before a request that may go to the remote."""
MAX_VERSIONS = 100


class Inspector(VerticalScroll):
    """Reads the details when the cursor rests on a row."""

    def __init__(self, id: str) -> None:
        super().__init__(id=id, classes="box", can_focus=False)
        self._section = 0
        self._shown: tuple[str, str, ObjectInfo | None] = ("", "", None)

    def compose(self) -> ComposeResult:
        yield Static("", id="details", markup=False)

    def on_mount(self) -> None:
        self._put_title()

    def turn(self, by: int) -> None:
        """Show another section."""
        self._section = (self._section + by) % len(SECTIONS)
        self._put_title()
        self.look(*self._shown)

    def _put_title(self) -> None:
        self.border_title = Content(
            f"{SECTIONS[self._section]} {self._section + 1}/{len(SECTIONS)}"
        )
        self.border_subtitle = Content("[ ] other tab")

    def look(self, bucket: str, key: str, info: ObjectInfo | None) -> None:
        """Show an object; a prefix when info is None; a bucket when key is empty too."""
        self._shown = (bucket, key, info)
        if info is not None:
            self._put(*_object_lines(info))
        else:
            self._put(*([safe(key or bucket)] if bucket else []))
        self._read(bucket, key, info)

    def _put(self, *lines: str) -> None:
        self.query_one("#details", Static).update(Content("\n".join(lines)))

    @work(exclusive=True, group="inspect", exit_on_error=False)
    async def _read(self, bucket: str, key: str, info: ObjectInfo | None) -> None:
        if not bucket or (key and info is None):
            return
        await asyncio.sleep(DELAY if host_of(self).state.has_remote else 0)
        try:
            self._put(*await self._lines(bucket, key))
        except (AgentUnreachable, RequestRefused) as error:
            known = _object_lines(info) if info is not None else [safe(bucket)]
            self._put(*known, "", safe(str(error)))

    async def _lines(self, bucket: str, key: str) -> list[str]:
        call, section = host_of(self).agent.call, SECTIONS[self._section]
        if not key:
            return _bucket_lines(await call("GET", status_path(bucket), BucketInfo))
        if section == "Versions":
            versions = await call("GET", versions_path(bucket, key, MAX_VERSIONS), Listing)
            return _version_lines(versions.objects)
        status = await call("GET", status_path(bucket, key), ObjectStatus)
        return _SECTION_LINES[section](status)


def _object_lines(info: ObjectInfo) -> list[str]:
    return [
        safe(info.key),
        f"{info.size:,} B  {safe(info.content_type)}",
        f"{moment(info.last_modified)}",
        safe(f"class {info.storage_class}"),
        safe(f"etag {info.etag}"),
    ]


def _info_lines(status: ObjectStatus) -> list[str]:
    lines = _object_lines(status)
    if status.version_id:
        lines.append(safe(f"version {status.version_id}"))
    if status.state:
        lines.append(f"state {status.state}")
    if status.remote_error:
        lines.append(safe(f"remote {status.remote_error}"))
    cache = status.cache
    if cache is not None:
        share = f"{cache.held / cache.size:.0%}" if cache.size else "-"
        lines.append(f"cache {size(cache.held)} ({share}){', pinned' if cache.pinned else ''}")
    lines += [safe(f"{name} {value}") for name, value in status.checksums.items()]
    for write in status.pending[:5]:
        why = f": {write.error.code} {write.error.message}" if write.error is not None else ""
        lines.append(safe(f"write {write.id} {write.operation} {write.state}{why}"))
    if status.tags:
        lines += ["", "tags", *_pairs(status.tags)]
    return lines


def _meta_lines(status: ObjectStatus) -> list[str]:
    lines = [safe(f"content-type = {status.content_type}")]
    lines += [safe(f"{name.lower()} = {value}") for name, value in status.headers.items()]
    return [*lines, "", "metadata", *(_pairs(status.metadata) or ["  none"])]


def _tag_lines(status: ObjectStatus) -> list[str]:
    return [*(_pairs(status.tags) or ["no tags"]), "", "t edits them"]


_SECTION_LINES = {"Info": _info_lines, "Meta": _meta_lines, "Tags": _tag_lines}


def _pairs(pairs: dict[str, str]) -> list[str]:
    return [safe(f"  {name} = {value}") for name, value in pairs.items()]


def _version_lines(versions: list[ObjectInfo]) -> list[str]:
    lines = []
    for info in versions:
        what = size(info.size) if info.etag else "delete marker"
        lines += [f"{moment(info.last_modified)}  {what}", safe(f"  {info.version_id or 'null'}")]
    return [*(lines or ["no versions"]), "", "V looks at one, and restores it"]


def _bucket_lines(info: BucketInfo) -> list[str]:
    lines = [safe(info.name), f"created {moment(info.created)}"]
    if info.objects is not None and info.size is not None:
        lines.append(f"{info.objects:,} objects, {size(info.size)}")
    lines.append(f"versioning {info.versioning or 'never enabled'}")
    return [*lines, "", "tags", *(_pairs(info.tags) or ["  none"])]
