"""The read cache: how full it is, what is in it, what is always kept, what is being brought."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from s3d.shared.caching import CacheChanges, CacheEntry, CachePlace, PinStatus
from s3d.shared.text import age, count, parse_size, safe, size
from s3d.shared.transfers import Transfer
from s3d.tui.cli_equivalent import command, place
from s3d.tui.draw import gauge, spark
from s3d.tui.match import Unmatchable, matcher
from s3d.tui.panes.box import Box
from s3d.tui.panes.pane import Pane
from s3d.tui.screens.dialogs import Choice
from s3d.tui.screens.form_screen import Field
from s3d.tui.table import Column, Row, Table

ORDERS = ("name", "size", "checked")


class CachePane(Pane):
    """The gauge; then pins, prefetches and entries in one table."""

    FOCUS = "#entries"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pin", "Pin/unpin", id="cache.pin"),
        Binding("E", "evict", "Evict", id="cache.evict"),
        Binding("f", "prefetch", "Prefetch", id="cache.prefetch"),
        Binding("L", "limits", "Limits", id="cache.limits"),
        Binding("o", "sort", "Sort", id="cache.sort"),
        Binding("slash", "filter", "Filter", id="cache.filter"),
        Binding("x", "cancel", "Cancel a prefetch", show=False, id="cache.cancel"),
        Binding("escape", "unfilter", "No filter", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._order = "name"
        self._filter = ""
        self._places: dict[str, CachePlace] = {}

    def compose(self) -> ComposeResult:
        yield Box("Read cache", "gauge")
        yield Input(id="cache-filter", compact=True, placeholder="text  !text  ~regex")
        yield Table(
            [Column("Bucket/key"), Column("Here", 10, right=True), Column("Size", 10, right=True),
             Column("Checked", 10, right=True), Column("State", 15)],
            glyphs=self.glyphs,
            empty="Nothing is cached yet: read something through the endpoint.",
            marks=True,
            id="entries",
        )  # fmt: skip

    def on_mount(self) -> None:
        self.query_one("#cache-filter", Input).display = False

    def draw(self) -> None:
        self._draw_gauge()
        rows: list[tuple[Row, CachePlace]] = [self._pin(each) for each in self.state.pins]
        rows += [
            self._prefetch(each)
            for each in self.state.transfers
            if each.kind == "prefetch" and each.state in ("running", "waiting")
        ]
        rows += [
            self._pending(each)
            for each in self.state.transfers
            if each.kind == "push" and each.operation == "put"
        ]
        rows += [self._row(entry) for entry in self._entries()]
        try:
            test = matcher(self._filter)
        except Unmatchable:
            test = None
        rows = [each for each in rows if test is None or test(each[0].cells[0])]
        self._places = {row.id: where for row, where in rows}
        self.query_one("#entries", Table).show([row for row, _ in rows])

    def _entries(self) -> list[CacheEntry]:
        if self._order == "size":
            return sorted(self.state.entries, key=lambda entry: -entry.held)
        if self._order == "checked":
            return sorted(self.state.entries, key=lambda entry: -entry.checked)
        return self.state.entries

    def _draw_gauge(self) -> None:
        status, box = self.state.status, self.query_one("#gauge", Box)
        cache = status.cache if status is not None else None
        if status is None or cache is None:
            box.put("No remote is set, so nothing is cached.", "", "")
            return
        if cache.trouble:
            box.put(safe(cache.trouble), "", "")
            return
        pinned = sum(pin.cached.size for pin in self.state.pins)
        queued = status.queue.left.size if status.queue is not None else 0
        width = max(box.size.width - 34, 10)
        most = max(cache.max_size, 1)
        parts = [max(cache.size - pinned, 0) / most, pinned / most]
        glyphs = self.glyphs
        reads = cache.hits + cache.misses
        share = cache.hits / reads if reads else 0.0
        ratios = (
            [max(each, 0.0) for each in self.state.samples.hit_ratio] if self.state.samples else []
        )
        box.name_it(f"Read cache  {safe(cache.path)}")
        box.put(
            f"{gauge(parts, width, glyphs)} {size(cache.size)} of {size(cache.max_size)} "
            f"{cache.size / most:.0%}",
            f"{glyphs.full} clean {size(max(cache.size - pinned, 0))}   "
            f"{glyphs.half} pinned {size(pinned)}   pending writes {size(queued)} (in the queue, "
            "never evicted)",
            f"hits {share:.0%} {spark(ratios, 20, glyphs)} evicted {cache.evictions:,}   "
            f"S3-FIFO, asked again after {age(cache.max_age)}",
        )

    def status(self) -> str:
        cache = self.state.status.cache if self.state.status is not None else None
        if cache is None:
            return " no read cache"
        more = "+" if len(self.state.entries) < cache.files else ""
        return (
            f" {count(cache.files, 'object')}, {len(self.state.entries):,}{more} shown by "
            f"{self._order}   {count(cache.pins, 'pin')}"
        )

    def _pin(self, pin: PinStatus) -> tuple[Row, CachePlace]:
        what = pin.pin
        name = place(what.bucket, what.key or what.prefix)
        share = pin.cached.size / pin.total.size if pin.total.size else 1.0
        state = f"{self.glyphs.pin} pinned" + ("" if share >= 1 else f" {share:.0%}")
        if pin.error:
            state = f"{self.glyphs.bad} {pin.error}"
        checked = age(self.host.clock() - pin.looked) + " ago" if pin.looked else "-"
        about = f"{name} ({count(pin.total.files, 'object')})" if not what.key else name
        cells = (about, size(pin.cached.size), size(pin.total.size), checked, state)
        return Row(f"pin {name}", cells, "bold"), CachePlace(what.bucket, what.key, what.prefix)

    def _prefetch(self, transfer: Transfer) -> tuple[Row, CachePlace]:
        name = place(transfer.bucket, transfer.key)
        share = transfer.done / transfer.size if transfer.size else 0.0
        left = age(transfer.remaining) if transfer.remaining is not None else "-"
        state = f"{self.glyphs.retry} prefetch {share:.0%}"
        cells = (name, size(transfer.done), size(transfer.size), left, state)
        return Row(transfer.id, cells, "good"), CachePlace(transfer.bucket, prefix=transfer.key)

    def _pending(self, transfer: Transfer) -> tuple[Row, CachePlace]:
        """What waits for the remote is on this disk, too, but not the cache's."""
        name = place(transfer.bucket, transfer.key)
        cells = (name, size(transfer.size), size(transfer.size), "-", f"{self.glyphs.up} pending")
        return Row(f"write {transfer.id}", cells, "odd"), CachePlace(transfer.bucket, transfer.key)

    def _row(self, entry: CacheEntry) -> tuple[Row, CachePlace]:
        share = entry.held / entry.size if entry.size else 1.0
        glyphs = self.glyphs
        state = f"{glyphs.on} clean" if share >= 1 else f"{glyphs.part} partial {share:.0%}"
        if entry.pinned:
            state = f"{glyphs.pin} pinned"
        checked = age(self.host.clock() - entry.checked) + " ago" if entry.checked else "-"
        name = place(entry.bucket, entry.key)
        cells = (name, size(entry.held), size(entry.size), checked, state)
        return Row(name, cells), CachePlace(entry.bucket, entry.key)

    def _chosen(self) -> list[CachePlace]:
        ids = self.query_one("#entries", Table).chosen()
        return [self._places[id] for id in ids if id in self._places]

    def on_table_opened(self, event: Table.Opened) -> None:
        """Show it in Buckets."""
        where = self._places.get(event.row)
        if where is not None:
            self.host.show_place(where.bucket, where.key or where.prefix)

    def action_pin(self) -> None:
        pins = {(pin.pin.bucket, pin.pin.key, pin.pin.prefix) for pin in self.state.pins}
        for where in self._chosen():
            is_pinned = (where.bucket, where.key, where.prefix) in pins
            self.host.act_on_cache("unpin" if is_pinned else "pin", where)

    def action_evict(self) -> None:
        """With a word on what it frees; what waits for the remote is not here, but in the queue."""
        chosen = self._chosen()
        if not chosen or not self.host.may_write():
            return
        pending = {(each.bucket, each.key) for each in self.state.transfers if each.kind == "push"}
        if any((where.bucket, where.key) in pending for where in chosen):
            self.host.say("it waits for the remote: what is in the queue cannot be evicted",
                          is_bad=True)  # fmt: skip
            return
        freed = sum(
            entry.held
            for entry in self.state.entries
            if any(
                entry.bucket == where.bucket
                and (entry.key == where.key if where.key else entry.key.startswith(where.prefix))
                for where in chosen
            )
        )
        what = place(chosen[0].bucket, chosen[0].key or chosen[0].prefix)
        what = (
            what if len(chosen) == 1 else count(len(chosen), "entry").replace("entrys", "entries")
        )
        self.host.confirm(
            f"Evict {what}? It frees {size(freed)}; the remote keeps it.",
            lambda: self._evict(chosen),
        )

    def _evict(self, chosen: list[CachePlace]) -> None:
        for where in chosen:
            self.host.act_on_cache("evict", where)

    def action_prefetch(self) -> None:
        if not self.host.may_write():
            return
        chosen = self._chosen()
        start = place(chosen[0].bucket, chosen[0].key or chosen[0].prefix) if chosen else ""
        fields = [Field("place", "Bring all below", start, _place_check, hint="BUCKET/PREFIX")]

        def go(found: dict[str, str]) -> None:
            bucket, _, prefix = found["place"].removeprefix("s3://").partition("/")
            self.host.act_on_cache("prefetch", CachePlace(bucket, prefix=prefix))

        self.host.form("Prefetch", fields, go, verb="begins")

    def action_cancel(self) -> None:
        row = self.query_one("#entries", Table).current
        found = [each for each in self.state.transfers if row is not None and each.id == row.id]
        if not found:
            self.host.say("only a prefetch can be cancelled")
        for each in found:
            self.act("POST", f"/v1/transfers/{each.id}:cancel", "cancelled",
                     command=command("transfers", "cancel", each.id))  # fmt: skip

    def action_limits(self) -> None:
        cache = self.state.status.cache if self.state.status is not None else None
        if cache is None:
            self.host.say("no remote is set, so nothing is cached")
            return
        if not self.host.may_write():
            return
        fields = [
            Field("size", "Bytes, at most", size(cache.max_size).replace(" ", ""), _size_check),
            Field("files", "Objects, at most", str(cache.max_files), _number_check),
        ]

        def go(found: dict[str, str]) -> None:
            body = CacheChanges(parse_size(found["size"]), int(found["files"]))
            self.act("PATCH", "/v1/cache", f"limit {found['size']}", body)

        about = "Until the agent's next start; for good: S3D_READ_CACHE_MAX_SIZE, _MAX_FILES"
        self.host.form("Limits of the cache", fields, go, about=about, verb="sets them")

    def action_sort(self) -> None:
        choices = [Choice(order[0], order, order) for order in ORDERS]

        def go(order: str) -> None:
            self._order = order
            self.draw()

        self.host.menu("Sort by", choices, go)

    def action_filter(self) -> None:
        field = self.query_one("#cache-filter", Input)
        field.display = True
        self.screen.set_focus(field)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._filter = event.value
        self.draw()

    def on_input_submitted(self) -> None:
        self.take_focus()

    def action_unfilter(self) -> None:
        field = self.query_one("#cache-filter", Input)
        field.display, field.value = False, ""
        self.query_one("#entries", Table).unmark()
        self.take_focus()


def _place_check(text: str) -> str:
    return "" if text.removeprefix("s3://").partition("/")[0] else "write BUCKET/PREFIX"


def _size_check(text: str) -> str:
    try:
        return "" if parse_size(text) > 0 else "more than 0"
    except ValueError as error:
        return str(error)


def _number_check(text: str) -> str:
    return "" if text.isascii() and text.isdigit() and int(text) > 0 else "a number from 1 on"
