"""Buckets and objects, level by level and of any number; what one is, and what is in it."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import quote, urlencode

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input

from s3d.shared.caching import CachePlace
from s3d.shared.control import Listing, ObjectInfo, ObjectStatus, Presigned, PresignRequest
from s3d.shared.text import age, count, moment, safe, size
from s3d.tui.client import Denied, Lost
from s3d.tui.panes.dashboard import Box
from s3d.tui.panes.pane import Pane
from s3d.tui.preview import preview
from s3d.tui.table import Column, Row, Table

LOOKED = 64 << 10
"""Bytes of an object that a preview reads."""
LINK = 3600
"""Seconds that a copied link is good for."""
UP = ".."


class Buckets(Pane):
    """place: bucket and prefix that are shown; ("", "") for the list of buckets."""

    FOCUS = "#objects"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "view", "View"),
        Binding("p", "pin", "Pin"),
        Binding("y", "link", "Copy link"),
        Binding("D,delete", "delete", "Delete"),
        Binding("slash", "filter", "Filter"),
        Binding("h,left,backspace", "up", "Up", show=False),
        Binding("escape", "back", "Back", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.place = ("", "")
        self._rows: list[Row] = []
        self._infos: dict[str, ObjectInfo] = {}
        self._is_loading = False
        self._filter = ""

    def compose(self) -> ComposeResult:
        yield Box("Place", "place")
        yield Input(placeholder="filter the rows that are loaded", id="filter")
        with Horizontal(id="level"):
            yield Table(
                [
                    Column("Name"),
                    Column("Size", 10, right=True),
                    Column("Modified", 10, right=True),
                ],
                glyphs=self.glyphs,
                empty="Nothing is here.",
                id="objects",
            )
            yield Box("Object", "inspector")

    def on_mount(self) -> None:
        self.query_one("#filter", Input).display = False

    def draw(self) -> None:
        """The list of buckets follows the State; a level is loaded when it is entered."""
        if self.place == ("", ""):
            self._rows = [
                Row(bucket.name, (f"{bucket.name}/", "", self._age(bucket.created)))
                for bucket in self.state.buckets
            ]
            self._show()

    def _show(self) -> None:
        wanted = self._filter.lower()
        rows = self._rows
        if wanted:
            rows = [row for row in rows if wanted in row.id.lower()]
        self.query_one("#objects", Table).show(rows)
        bucket, prefix = self.place
        name = safe(f"{bucket}/{prefix}") if bucket else "all buckets"
        loading = ", loading: esc stops" if self._is_loading else ""
        shown = f"{len(rows):,} of " if wanted else ""
        self.query_one("#place", Box).put(
            f"{name}: {shown}{count(len(self._rows), 'row')}{loading}"
            + (f"  filter: {safe(self._filter)}" if wanted else "")
        )

    def on_table_opened(self, event: Table.Opened) -> None:
        bucket, _ = self.place
        if event.row == UP:
            self.action_up()
        elif not bucket:
            self._enter(event.row, "")
        elif event.row.endswith("/"):
            self._enter(bucket, event.row)
        else:
            self.action_view()

    def _enter(self, bucket: str, prefix: str) -> None:
        self.place = (bucket, prefix)
        table, field = self.query_one("#objects", Table), self.query_one("#filter", Input)
        field.display, field.value, self._filter = False, "", ""
        table.focus()
        table.marks.clear()
        self._rows = []
        table.show([])
        table.action_edge(0)
        self.load()

    @work(exclusive=True, group="listing", exit_on_error=False)
    async def load(self) -> None:
        """All pages of the level, each shown as it comes."""
        bucket, prefix = self.place
        if not bucket:
            self.host.feed.hurry()
            return
        self._rows, self._infos, self._is_loading = [], {}, True
        self._rows.append(Row(UP, ("../", "", "")))
        cursor = ""
        try:
            while True:
                words = {"prefix": prefix, "delimiter": "/", "cursor": cursor, "limit": "1000"}
                path = f"/v1/buckets/{quote(bucket, safe='')}/objects?{urlencode(words)}"
                page = await self.host.agent.ask("GET", path, Listing)
                self._add(page, prefix)
                cursor = page.cursor
                self._is_loading = bool(cursor)
                self._show()
                if not cursor:
                    return
        except (Lost, Denied) as error:
            self.host.say(str(error), is_bad=True)
        finally:
            self._is_loading = False
            self._show()
            self._inspect()

    def _add(self, page: Listing, prefix: str) -> None:
        self._rows += [Row(name, (name[len(prefix) :], "", ""), "bold") for name in page.prefixes]
        for info in page.objects:
            if info.key != prefix:
                cells = (info.key[len(prefix) :], size(info.size), self._age(info.last_modified))
                self._rows.append(Row(info.key, cells))
                self._infos[info.key] = info

    def _age(self, at: float) -> str:
        return age(self.host.clock() - at) if at else ""

    def on_table_moved(self) -> None:
        self._inspect()

    @work(exclusive=True, group="inspect", exit_on_error=False)
    async def _inspect(self) -> None:
        bucket, _ = self.place
        key = self._key
        box = self.query_one("#inspector", Box)
        if not key:
            box.put("")
            return
        info = self._infos[key]
        box.put(*_about(info))
        words = urlencode({"bucket": bucket, "key": key})
        try:
            status = await self.host.agent.ask("GET", f"/v1/status?{words}", ObjectStatus)
        except (Lost, Denied) as error:
            box.put(*_about(info), safe(str(error)))
            return
        box.put(*_about(status), *_more(status))

    @property
    def _key(self) -> str:
        """Of the object under the cursor; "" when there is none."""
        row = self.query_one("#objects", Table).current
        return row.id if row is not None and row.id in self._infos else ""

    def action_up(self) -> None:
        bucket, prefix = self.place
        if prefix:
            parent = prefix.rstrip("/").rpartition("/")[0]
            self._enter(bucket, f"{parent}/" if parent else "")
        elif bucket:
            self._enter("", "")
            self.draw()
            self.query_one("#objects", Table).go(bucket)

    def action_back(self) -> None:
        """One step: the loading, the filter, the marks, the level."""
        table, field = self.query_one("#objects", Table), self.query_one("#filter", Input)
        if self._is_loading:
            self.workers.cancel_group(self, "listing")
        elif field.display or self._filter:
            field.display, field.value, self._filter = False, "", ""
            table.focus()
            self._show()
        elif table.marks:
            table.marks.clear()
            table.refresh()
        else:
            self.action_up()

    def action_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.display = True
        self.screen.set_focus(field)  # at once: the next key is for it already

    def on_input_changed(self, event: Input.Changed) -> None:
        self._filter = event.value
        self._show()

    def on_input_submitted(self) -> None:
        self.screen.set_focus(self.query_one("#objects", Table))

    @work(exclusive=True, group="preview", exit_on_error=False)
    async def action_view(self) -> None:
        """The beginning of an object, as what it is."""
        key, (bucket, _) = self._key, self.place
        if not key:
            return
        path = f"/v1/buckets/{quote(bucket, safe='')}/object?{urlencode({'key': key})}"
        try:
            data = await self.host.agent.data(path, 0, LOOKED)
        except (Lost, Denied) as error:
            self.host.say(str(error), is_bad=True)
            return
        whole = self._infos[key].size
        self.host.view(f"{bucket}/{key}", preview(key, data, whole))

    def action_pin(self) -> None:
        row, (bucket, _) = self.query_one("#objects", Table).current, self.place
        if row is None or row.id == UP:
            return
        if not bucket:
            place = CachePlace(row.id)
        elif row.id.endswith("/"):
            place = CachePlace(bucket, prefix=row.id)
        else:
            place = CachePlace(bucket, row.id)
        self.act("POST", "/v1/cache:pin", f"pinned {row.id}", place)

    @work(exclusive=True, group="link", exit_on_error=False)
    async def action_link(self) -> None:
        """Copy a URL that works without credentials for an hour, and show it."""
        key, (bucket, _) = self._key, self.place
        if not key:
            return
        words = urlencode({"key": key})
        path = f"/v1/buckets/{quote(bucket, safe='')}/object:presign?{words}"
        try:
            made = await self.host.agent.ask("POST", path, Presigned, PresignRequest("GET", LINK))
        except (Lost, Denied) as error:
            self.host.say(str(error), is_bad=True)
            return
        self.app.copy_to_clipboard(made.url)
        self.host.view("Link, good for an hour; it was copied", [made.url])

    def action_delete(self) -> None:
        bucket, _ = self.place
        keys = [key for key in self.query_one("#objects", Table).chosen() if key in self._infos]
        if not bucket or not keys:
            return
        total = sum(self._infos[key].size for key in keys)
        what = f"{count(len(keys), 'object')}, {size(total)}" if len(keys) > 1 else keys[0]
        self.host.confirm(f"Delete {what} from {bucket}?", lambda: self.delete(bucket, keys))

    @work(group="delete", exit_on_error=False)
    async def delete(self, bucket: str, keys: list[str]) -> None:
        done = 0
        try:
            for key in keys:
                path = f"/v1/buckets/{quote(bucket, safe='')}/object?{urlencode({'key': key})}"
                await self.host.agent.ask("DELETE", path, object)
                done += 1
        except (Lost, Denied) as error:
            self.host.say(str(error), is_bad=True)
        self.host.say(f"deleted {count(done, 'object')}")
        self.query_one("#objects", Table).marks.clear()
        self.load()


def _about(info: ObjectInfo) -> list[str]:
    return [
        safe(info.key),
        f"{info.size:,} B  {safe(info.content_type)}",
        f"{moment(info.last_modified)}  {safe(info.storage_class)}",
        safe(f"etag {info.etag}"),
    ]


def _more(status: ObjectStatus) -> list[str]:
    lines = [f"state {status.state}"] if status.state else []
    for title, found in (("tags", status.tags), ("metadata", status.metadata)):
        if found:
            lines += ["", title, *(safe(f"  {name} = {value}") for name, value in found.items())]
    return lines
