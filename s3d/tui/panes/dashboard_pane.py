"""The dashboard: whether everything is fine, and if not, what needs attention and where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content

from s3d.shared.caching import CacheStatus
from s3d.shared.mounting import MountStatus, mount_text
from s3d.shared.text import age, count, duration, safe, size
from s3d.shared.transfers import QueueStatus
from s3d.tui.app_state import Trouble
from s3d.tui.columns import Column
from s3d.tui.draw import colored_gauge, colored_spark, elide, fitting, fullness, highest
from s3d.tui.frame import WIDE, updated_text
from s3d.tui.panes.cache_rows import hit_share
from s3d.tui.panes.folder_rows import folder_line
from s3d.tui.panes.next_steps import NextSteps
from s3d.tui.panes.pane import Pane
from s3d.tui.panes.queue_box import paused_text
from s3d.tui.screens.mounts_screen import MountsScreen
from s3d.tui.table import Row, Table
from s3d.tui.tabs import key_of
from s3d.tui.text_widgets import Box

_ROWS = 3
"""Lines of a box."""
MAX_CHART = 60
"""Cells of a sparkline or gauge, at most."""
_TIGHT, _WITH_FOLDERS = 22, 19
"""Rows of the terminal below which boxes have one line less, and folders have no box: the table of
what needs attention gets the room."""
_WITH_MOUNTS = 28
"""Rows of the terminal from which on each mount has a line."""
_WIDE_DELAY = 46
"""Cells of a box in which the names of the quantiles have room."""


class DashboardPane(Pane):
    """Rates, cache, endpoint and folders in boxes; below them what needs attention."""

    FOCUS = "#attention"
    WRITES = frozenset(("pause_all",))
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("M", "mounts", "Mounts", id="dashboard.mounts"),
        Binding("P", "pause_all", "Pause all", id="dashboard.pause_all"),
        Binding("y", "copy", "Copy endpoint", id="dashboard.copy"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._troubles: list[Trouble] = []
        """In the order of the rows."""

    def compose(self) -> ComposeResult:
        with Horizontal(classes="row"):
            yield Box("Upload", "upload")
            yield Box("Download", "download")
        with Horizontal(classes="row"):
            yield Box("Cache", "cache-box")
            yield Box("Endpoint", "endpoint")
        yield Box("Sync folders", "folders")
        yield NextSteps()
        yield Table(
            [Column("What", 10), Column("Needs attention"), Column("Key", 4)],
            glyphs=self.glyphs,
            empty="Nothing needs attention.",
            id="attention",
        )

    def on_table_opened(self, event: Table.Opened) -> None:
        """Show the row where the trouble can be resolved."""
        trouble = self._troubles[int(event.row.partition(" ")[2])]
        if trouble.kind == "mount":
            self.action_mounts(trouble.row)
            return
        self.host.main.show_row(trouble.tab, trouble.row)

    @property
    def _current(self) -> Trouble | None:
        row = self.table.current
        number = int(row.id.partition(" ")[2]) if row is not None else -1
        return self._troubles[number] if 0 <= number < len(self._troubles) else None

    def on_table_moved(self) -> None:
        self.host.main.draw_foot()

    def refusal(self, action: str, parameters: tuple[object, ...]) -> str:
        """Without a remote there is no queue to pause."""
        is_missing = action == "pause_all" and self.state.queue is None
        return "No remote is set, so nothing is uploaded" if is_missing else ""

    def action_pause_all(self) -> None:
        self.host.actions.toggle_queue()

    def action_mounts(self, folder: str = "") -> None:
        """folder: the mount that the cursor is on."""
        self.host.push_screen(MountsScreen(folder))

    def action_copy(self) -> None:
        self.host.messages.copy(self.state.endpoint)

    def status(self) -> str:
        status = self.state.status
        if status is None:
            return ""
        parts = [updated_text(self.host.clock() - self.state.connection.answered_at)]
        remote = status.remote
        if remote is not None:
            ok = {True: "reachable", False: "unreachable", None: "not checked yet"}[remote.ok]
            parts.append(safe(f"remote {ok}"))
            if abs(remote.clock_offset) >= 1:
                parts.append(f"its clock is {remote.clock_offset:+.0f} s off")
        else:
            parts.append("embedded store")
        trouble = self._current
        if trouble is not None and trouble.command:
            parts.append(safe(f"$ {trouble.command}"))
            while sum(map(len, parts)) + 3 * len(parts) > self.host.size.width and len(parts) > 1:
                del parts[0]  # the command is whole, or of no use
        return " " + "   ".join(parts)

    def draw(self) -> None:
        height = self.host.size.height
        self.set_class(height < _TIGHT, "-tight")
        self.query_one("#folders").display = height >= _WITH_FOLDERS
        self._draw_upload()
        self._draw_download()
        if self.state.cache is not None:
            self._draw_cache()
        else:
            self._draw_store()
        self._draw_endpoint()
        self._draw_folders()
        self.query_one(NextSteps).show(self.state)
        self._troubles = self.state.troubles()
        self.table.show(
            [
                Row(f"{each.tab} {number}", (each.kind, each.text, key_of(each.tab)), "odd")
                for number, each in enumerate(self._troubles)
            ]
        )

    def _draw_upload(self) -> None:
        queue = self.state.queue
        parts, delay = ["no remote", "writes are stored on this machine"], ""
        if queue is not None:
            left = queue.left
            parts = [f"queue {count(left.files, 'write')}", size(left.size)]
            if queue.paused:
                parts.insert(0, paused_text(queue))
            if queue.remaining:  # it is 0 for a while after the last push
                parts.append(f"ETA {age(queue.remaining)}")
            delay = self._delay(queue)
        width = self.query_one("#upload", Box).size.width
        text = fitting(parts, width, ", ", self.glyphs.more)
        self._draw_rate("upload", self.state.upload_rates, text, delay)

    def _delay(self, queue: QueueStatus) -> str:
        """The age of the oldest write, and how long writes take to the remote; "" when nothing
        waits and nothing has arrived."""
        parts = []
        if queue.oldest is not None:
            parts.append(f"oldest {age(self.host.clock() - queue.oldest)}")
        if queue.arrival_p50 is not None and queue.arrival_p99 is not None:
            p50, p99 = duration(queue.arrival_p50), duration(queue.arrival_p99)
            is_narrow = self.query_one("#upload", Box).size.width < _WIDE_DELAY
            parts.append(f"arrival {p50} / {p99}" if is_narrow else f"arrival p50 {p50}  p99 {p99}")
        return "  ".join(parts)

    def _draw_download(self) -> None:
        cache = self.state.cache
        text = f"from the cache: {hit_share(cache)}" if cache is not None else ""
        self._draw_rate("download", self.state.download_rates, text)

    def _draw_rate(self, name: str, rates: list[float], text: str, middle: str = "") -> None:
        """middle: the second line; "": the highest rate."""
        box = self.query_one(f"#{name}", Box)
        width = min(MAX_CHART, max(box.size.width, 8))
        rate, peak = (rates[-1] if rates else 0.0), max(rates, default=0.0)
        box.set_title(f"{name.title()}  {size(round(rate))}/s")
        middle = middle or f"peak {size(round(peak))}/s in {age(max(len(rates), 1))}"
        texts = [each for each in (text, middle) if each]
        self._put(box, colored_spark(highest(rates, width), width, self.glyphs), *texts)

    def _put(self, box: Box, *lines: str | Content) -> None:
        """The lines of a box, the most important first; each is a whole one."""
        rows = _ROWS - 1 if self.has_class("-tight") else _ROWS
        box.put(*lines[:rows])

    def _draw_cache(self) -> None:
        box, cache = self.query_one("#cache-box", Box), self.state.cache
        assert cache is not None
        share = cache.size / max(cache.max_size, 1)
        used = [f"{size(cache.size)} of {size(cache.max_size)}", count(cache.files, "object")]
        width = min(MAX_CHART, max(box.size.width - 5, 8))
        self._put(
            box,
            colored_gauge([(share, fullness(share))], width, self.glyphs) + f" {share:.0%}",
            safe(cache.trouble) or fitting(used, box.size.width, ", ", self.glyphs.more),
            _saved(cache, box.size.width, self.glyphs.more),
        )

    def _draw_store(self) -> None:
        """Without a remote there is no cache, but the embedded store."""
        box, status = self.query_one("#cache-box", Box), self.state.status
        store = status.store if status is not None else None
        if store is None:
            box.put("no cache")
            return
        box.set_title("Embedded store")
        self._put(
            box,
            f"{count(store.objects, 'object')}, {size(store.size)}",
            f"{count(store.buckets, 'bucket')}, {size(store.free)} free",
            elide(safe(store.path), box.size.width, self.glyphs.more),
        )

    def _draw_endpoint(self) -> None:
        box, status, samples = (
            self.query_one("#endpoint", Box),
            self.state.status,
            self.state.samples,
        )
        width = box.size.width
        if status is None or samples is None:
            box.put("")
            return
        rate = samples.requests[-1] if samples.requests else 0.0
        times = [f"p50 {_latency(samples.p50)}", f"p99 {_latency(samples.p99)}"]
        target = "serves the embedded store"
        if status.remote is not None:
            target = f"proxies {status.remote.url}"
        addresses = [safe(status.endpoint), safe(target)]
        if sum(map(len, addresses)) + 2 > width and self.host.size.width >= WIDE:
            del addresses[0]  # the head has it
        self._put(
            box,
            fitting([f"{rate:,.0f} requests/s", *times], width, more=self.glyphs.more),
            f"last minute: 4xx {samples.errors_4xx:,}  5xx {samples.errors_5xx:,}",
            fitting(addresses, width, more=self.glyphs.more),
        )

    def _draw_folders(self) -> None:
        box = self.query_one("#folders", Box)
        width = box.size.width
        lines = [folder_line(folder, width, self.glyphs) for folder in self.state.folders]
        lines = lines or ["No sync folders yet: press 5, then n"]
        mounts = self.state.status.mounts if self.state.status else []
        box.put(*lines, *_mount_lines(mounts, self.host.size.height))


def _mount_lines(mounts: Sequence[MountStatus], height: int) -> list[str]:
    """One for each mount, or for all of them where there is little room."""
    if height >= _WITH_MOUNTS:
        return [safe(f"mount  {mount_text(each)}") for each in mounts]
    return [f"{count(len(mounts), 'mount')}: M shows them"] if mounts and height >= _TIGHT else []


def _latency(seconds: float) -> str:
    """ "-" when there was no request in the last minute."""
    return duration(seconds) if seconds else "-"


def _saved(cache: CacheStatus, width: int, more: str) -> str:
    """What the remote was spared, and its price where the settings have one."""
    requests, downloads = count(cache.saved_requests, "request"), size(cache.saved_bytes)
    worth = "" if cache.saved_cost is None else f", worth {cache.saved_cost:,.2f}"
    text = f"saved {requests}, {downloads} of downloads{worth}"
    short = fitting([f"saved {requests}", f", {downloads}", worth], width, "", more)
    return text if len(text) <= width else short
