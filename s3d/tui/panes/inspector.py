"""What is known of the object under the cursor: four tabs of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast
from urllib.parse import urlencode

from textual import work
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from s3d.shared.control import BucketInfo, Listing, ObjectInfo, ObjectStatus
from s3d.shared.text import moment, safe, size
from s3d.tui.agent_client import AgentUnreachable, RequestRefused
from s3d.tui.places import bucket_path

if TYPE_CHECKING:
    from s3d.tui.app import S3dApp

TABS = ("Info", "Meta", "Tags", "Versions")
REST = 0.15
"""Seconds that the cursor has to rest before the agent is asked."""


class Inspector(VerticalScroll):
    """Asks the agent when the cursor rests on a row."""

    def __init__(self, id: str) -> None:
        super().__init__(id=id, classes="box", can_focus=False)
        self._tab = 0
        self._what: tuple[str, str, ObjectInfo | None] = ("", "", None)

    def compose(self) -> ComposeResult:
        yield Static("", id="facts", markup=False)

    def on_mount(self) -> None:
        self._title()

    def turn(self, by: int) -> None:
        """Another tab."""
        self._tab = (self._tab + by) % len(TABS)
        self._title()
        self.look(*self._what)

    def _title(self) -> None:
        self.border_title = Content(f"{TABS[self._tab]} {self._tab + 1}/{len(TABS)}")
        self.border_subtitle = Content("[ ] other tab")

    def look(self, bucket: str, key: str, info: ObjectInfo | None) -> None:
        """At an object; at a prefix when info is None; at a bucket when key is "" too."""
        self._what = (bucket, key, info)
        if info is not None:
            self._put(*_about(info))
        elif not bucket or (not key and not bucket):
            self._put()
        else:
            self._put(safe(key or bucket))
        self._ask(bucket, key, info)

    def _put(self, *lines: str) -> None:
        self.query_one("#facts", Static).update(Content("\n".join(lines)))

    @work(exclusive=True, group="inspect", exit_on_error=False)
    async def _ask(self, bucket: str, key: str, info: ObjectInfo | None) -> None:
        if not bucket or (key and info is None):
            return
        import asyncio

        await asyncio.sleep(REST if cast("S3dApp", self.app).is_slow else 0)
        try:
            self._put(*await self._lines(bucket, key))
        except (AgentUnreachable, RequestRefused) as error:
            self._put(*(_about(info) if info is not None else [safe(bucket)]), "", safe(str(error)))

    async def _lines(self, bucket: str, key: str) -> list[str]:
        ask = cast("S3dApp", self.app).agent.ask
        if TABS[self._tab] == "Versions" and key:
            path = f"{bucket_path(bucket)}/versions?{urlencode({'key': key, 'limit': '100'})}"
            return _versions((await ask("GET", path, Listing)).objects)
        if not key:
            found = await ask("GET", f"/v1/status?{urlencode({'bucket': bucket})}", BucketInfo)
            return _bucket(found)
        words = urlencode({"bucket": bucket, "key": key})
        status = await ask("GET", f"/v1/status?{words}", ObjectStatus)
        return _PARTS[TABS[self._tab]](status)


def _about(info: ObjectInfo) -> list[str]:
    return [
        safe(info.key),
        f"{info.size:,} B  {safe(info.content_type)}",
        f"{moment(info.last_modified)}",
        safe(f"class {info.storage_class}"),
        safe(f"etag {info.etag}"),
    ]


def _info(status: ObjectStatus) -> list[str]:
    lines = _about(status)
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


def _meta(status: ObjectStatus) -> list[str]:
    lines = [safe(f"content-type = {status.content_type}")]
    lines += [safe(f"{name.lower()} = {value}") for name, value in status.headers.items()]
    return [*lines, "", "metadata", *(_pairs(status.metadata) or ["  none"])]


def _tags(status: ObjectStatus) -> list[str]:
    return [*(_pairs(status.tags) or ["no tags"]), "", "t edits them"]


_PARTS = {"Info": _info, "Meta": _meta, "Tags": _tags, "Versions": _info}


def _pairs(found: dict[str, str]) -> list[str]:
    return [safe(f"  {name} = {value}") for name, value in found.items()]


def _versions(found: list[ObjectInfo]) -> list[str]:
    lines = []
    for info in found:
        what = size(info.size) if info.etag else "delete marker"
        lines += [f"{moment(info.last_modified)}  {what}", safe(f"  {info.version_id or 'null'}")]
    return [*(lines or ["no versions"]), "", "V looks at one, and restores it"]


def _bucket(info: BucketInfo) -> list[str]:
    lines = [safe(info.name), f"created {moment(info.created)}"]
    if info.objects is not None and info.size is not None:
        lines.append(f"{info.objects:,} objects, {size(info.size)}")
    lines.append(f"versioning {info.versioning or 'never enabled'}")
    return [*lines, "", "tags", *(_pairs(info.tags) or ["  none"])]
