"""The dashboard: is everything fine, and if not, what is it and where is it mended?"""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from s3d.shared.syncing import FolderStatus
from s3d.shared.text import age, count, safe, size
from s3d.tui.draw import bar, cell, gauge, spark
from s3d.tui.panes.pane import Pane
from s3d.tui.table import Column, Row, Table

WIDE = 40
"""Cells of a sparkline, at most."""


class Box(Static):
    """Some lines in a frame; what they hold is text and never markup."""

    def __init__(self, title: str, id: str) -> None:
        super().__init__(id=id, classes="box", markup=False)
        self.border_title = title

    def put(self, *lines: str) -> None:
        self.update(Content("\n".join(lines)))


class Dashboard(Pane):
    """Rates, cache, endpoint, folders, and what needs attention."""

    FOCUS = "#attention"

    def compose(self) -> ComposeResult:
        with Horizontal(classes="row"):
            yield Box("Upload", "upload")
            yield Box("Download", "download")
        with Horizontal(classes="row"):
            yield Box("Cache", "cache-box")
            yield Box("Endpoint", "endpoint")
        yield Box("Sync folders", "folders")
        yield Table(
            [Column("What", 10), Column("Needs attention"), Column("Key", 4)],
            glyphs=self.glyphs,
            empty="Nothing needs attention.",
            id="attention",
        )

    def on_table_opened(self, event: Table.Opened) -> None:
        """Go to where it is mended."""
        self.host.action_tab(event.row.split(" ", 1)[0])

    def draw(self) -> None:
        self._draw_rates()
        self._draw_cache()
        self._draw_endpoint()
        lines = [self._folder(folder) for folder in self.state.folders]
        self.query_one("#folders", Box).put(
            *(lines or ["No folder is synced. 5, then n: add one."])
        )
        rows = [
            Row(f"{tab} {number}", (word, text, tab), "yellow")
            for number, (word, text, tab) in enumerate(self.state.troubles())
        ]
        self.query_one("#attention", Table).show(rows)

    def _draw_rates(self) -> None:
        status = self.state.status
        queue = status.queue if status is not None else None
        for name, values in (("upload", self.state.up), ("download", self.state.down)):
            box = self.query_one(f"#{name}", Box)
            width = min(WIDE, max(box.size.width - 6, 8))
            rate, peak = (values[-1] if values else 0.0), max(values, default=0.0)
            box.border_title = f"{name.title()}  {size(round(rate))}/s"
            lines = [spark(values, width, self.glyphs), f"peak {size(round(peak))}/s, 5 min"]
            if name == "upload" and queue is not None:
                left = queue.left
                eta = f", {age(queue.remaining)} to go" if queue.remaining is not None else ""
                lines.append(f"queue {count(left.files, 'write')}, {size(left.size)}{eta}")
            elif name == "upload":
                lines.append("no remote: writes are stored here")
            elif status is not None and status.cache is not None:
                reads = status.cache.hits + status.cache.misses
                share = status.cache.hits / reads if reads else 0.0
                lines.append(f"from the cache {share:.0%}")
            box.put(*lines)

    def _draw_cache(self) -> None:
        box, status = self.query_one("#cache-box", Box), self.state.status
        cache = status.cache if status is not None else None
        if cache is None:
            store = status.store if status is not None else None
            where = f"embedded store in {store.path}" if store is not None else "no cache"
            box.put(safe(where))
            return
        share = cache.size / cache.max_size
        width = min(WIDE, max(box.size.width - 12, 8))
        box.put(
            f"{gauge([share], width, self.glyphs)} {share:.0%}",
            f"{size(cache.size)} of {size(cache.max_size)}, {count(cache.files, 'object')}",
            f"saved {size(cache.hit_bytes)} of egress, evicted {cache.evictions:,}",
        )

    def _draw_endpoint(self) -> None:
        status = self.state.status
        if status is None:
            self.query_one("#endpoint", Box).put("")
            return
        remote = status.remote
        behind = "the embedded store" if remote is None else remote.url
        ok = {True: "reachable", False: "away", None: "not asked yet"}
        state = "" if remote is None else f" ({ok[remote.ok]})"
        self.query_one("#endpoint", Box).put(
            safe(status.endpoint),
            safe(f"before {behind}{state}"),
            f"authentication {status.auth}, up {age(self.host.clock() - status.started)}",
        )

    def _folder(self, folder: FolderStatus) -> str:
        glyphs = self.glyphs
        arrow = {"two-way": glyphs.both, "backup": glyphs.to, "mirror": glyphs.back}[folder.mode]
        signs = {"idle": glyphs.on, "syncing": glyphs.part, "paused": glyphs.held}
        sign = signs.get(folder.state, "!")
        place = cell(f"{folder.path} {arrow} {folder.bucket}/{folder.prefix}", 44)
        said = folder.reason or folder.state
        if folder.state == "syncing" and folder.todo:
            share = folder.done / folder.todo
            said = f"{bar(share, 14, glyphs)} {folder.done:,} of {folder.todo:,}"
        return f"{sign} {cell(folder.name, 10)} {place} {safe(said)}"
