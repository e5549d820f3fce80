"""The dashboard: is everything fine, and if not, what is it and where is it mended?"""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from s3d.shared.syncing import FolderStatus
from s3d.shared.text import age, count, safe, size
from s3d.tui.cli_equivalent import command
from s3d.tui.draw import bar, cell, gauge, spark
from s3d.tui.panes.box import Box
from s3d.tui.panes.pane import Pane
from s3d.tui.table import Column, Row, Table

WIDE = 60
"""Cells of a sparkline, at most."""


class DashboardPane(Pane):
    """Rates, cache, endpoint, folders, and what needs attention."""

    FOCUS = "#attention"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("P", "pause_all", "Pause all", id="dashboard.pause_all"),
        Binding("y", "copy", "Copy endpoint", id="dashboard.copy"),
    ]

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
        self.host.show_tab(int(event.row.split(" ", 1)[0]))

    def action_pause_all(self) -> None:
        status = self.state.status
        if status is None or status.queue is None:
            self.host.say("no remote is set, so there is no queue")
            return
        verb = "resume" if status.queue.paused else "pause"
        self.act("POST", f"/v1/queue:{verb}", f"queue {verb}d", command=command("queue", verb))

    def action_copy(self) -> None:
        self.host.copy(self.host.endpoint)

    def status(self) -> str:
        state = self.state
        status = state.status
        if status is None:
            return ""
        parts = [f"agent heard {age(self.host.clock() - state.fresh)} ago"]
        remote = status.remote
        if remote is not None:
            ok = {True: "reachable", False: "away", None: "not asked yet"}[remote.ok]
            parts.append(safe(f"remote {ok}"))
            if abs(remote.clock_offset) >= 1:
                parts.append(f"its clock is {remote.clock_offset:+.0f} s off")
        else:
            parts.append("embedded store")
        return " " + "   ".join(parts)

    def draw(self) -> None:
        self._draw_rates()
        self._draw_cache()
        self._draw_endpoint()
        width = max(self.query_one("#folders", Box).size.width - 4, 60)
        lines = [self._folder(folder, width) for folder in self.state.folders]
        self.query_one("#folders", Box).put(
            *(lines or ["No folder is synced. 5, then n: add one."])
        )
        rows = [
            Row(f"{tab} {number}", (word, text, tab), "odd")
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
            box.name_it(f"{name.title()}  {size(round(rate))}/s")
            lines = [spark(values, width, self.glyphs), f"peak {size(round(peak))}/s, 5 min"]
            if name == "upload" and queue is not None:
                left = queue.left
                eta = f", ETA {age(queue.remaining)}" if queue.remaining is not None else ""
                paused = "PAUSED, " if queue.paused else ""
                lines.append(f"{paused}queue {count(left.files, 'write')}, {size(left.size)}{eta}")
            elif name == "upload":
                lines.append("no remote: writes are stored here")
            elif status is not None and status.cache is not None:
                reads = status.cache.hits + status.cache.misses
                share = status.cache.hits / reads if reads else 0.0
                lines.append(f"from the cache {share:.0%}")
            else:
                lines.append("")
            box.put(*lines)

    def _draw_cache(self) -> None:
        box, status = self.query_one("#cache-box", Box), self.state.status
        cache = status.cache if status is not None else None
        if status is None or cache is None:
            store = status.store if status is not None else None
            if store is None:
                box.put("no cache")
                return
            box.name_it("Embedded store")
            box.put(
                safe(store.path),
                f"{count(store.objects, 'object')}, {size(store.size)}",
                f"{count(store.buckets, 'bucket')}, {size(store.free)} free",
            )
            return
        share = cache.size / max(cache.max_size, 1)
        width = min(WIDE, max(box.size.width - 12, 8))
        box.put(
            f"{gauge([share], width, self.glyphs)} {share:.0%}",
            f"{size(cache.size)} of {size(cache.max_size)}, {count(cache.files, 'object')}",
            safe(cache.trouble)
            or f"saved {size(cache.hit_bytes)} of egress, evicted {cache.evictions:,}",
        )

    def _draw_endpoint(self) -> None:
        status, samples = self.state.status, self.state.samples
        if status is None or samples is None:
            self.query_one("#endpoint", Box).put("")
            return
        rate = samples.requests[-1] if samples.requests else 0.0
        behind = "the embedded store" if status.remote is None else status.remote.url
        self.query_one("#endpoint", Box).put(
            f"{rate:,.0f} requests/s  p50 {_ms(samples.p50)}  p99 {_ms(samples.p99)}",
            f"last minute: 4xx {samples.errors_4xx:,}  5xx {samples.errors_5xx:,}",
            safe(f"{status.endpoint}  before {behind}"),
        )

    def _folder(self, folder: FolderStatus, width: int) -> str:
        """Sign, name, both places, how it is."""
        glyphs = self.glyphs
        arrow = {"two-way": glyphs.both, "backup": glyphs.to, "mirror": glyphs.back}[folder.mode]
        signs = {"idle": glyphs.on, "syncing": glyphs.retry, "paused": glyphs.held}
        sign = "!" if folder.conflicts else signs.get(folder.state, "!")
        where = f"{folder.path} {arrow} {folder.bucket}/{folder.prefix}"
        said = folder.reason or folder.state
        if folder.conflicts:
            said = f"{count(folder.conflicts, 'conflict')}, 5 resolves"
        elif folder.state == "syncing" and folder.todo:
            share = folder.done / folder.todo
            said = f"{bar(share, 10, glyphs)} {folder.done:,} of {folder.todo:,}"
        elif folder.state == "idle":
            said = f"up to date, {count(folder.files, 'file')}"
        rest = max(width - 14, 20)
        name, where, said = (
            cell(text, width, more=glyphs.more)
            for text, width in ((folder.name, 10), (where, rest // 2), (said, rest // 2))
        )
        return f"{sign} {name} {where} {said}"


def _ms(seconds: float) -> str:
    milliseconds = seconds * 1000
    return f"{milliseconds:.1f} ms" if milliseconds < 10 else f"{milliseconds:,.0f} ms"
