"""The read cache: how full it is, its entries, pins and prefetches, and actions on them."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from s3d.shared.caching import CacheChanges, CachePlace
from s3d.shared.text import count, parse_size, safe, size
from s3d.shared.transfers import Transfer
from s3d.tui.cli_equivalent import object_name, transfer_command
from s3d.tui.control_paths import transfer_path
from s3d.tui.field_checks import check_number, check_place, check_size
from s3d.tui.field_completion import PlaceSuggester
from s3d.tui.panes.cache_rows import COLUMNS, ORDERS, cache_rows, freed_size, gauge_lines
from s3d.tui.panes.pane import FilteredPane, FilterInput
from s3d.tui.places import parse_place
from s3d.tui.screens.dialogs import Choice
from s3d.tui.screens.form_screen import Field
from s3d.tui.table import Table
from s3d.tui.text_widgets import Box

_EMPTY = "Nothing is cached yet: read an object through the endpoint"
_NEAR_END = 50
"""Rows before the end at which more entries are read."""


class CachePane(FilteredPane):
    """The gauge; below it pins, prefetches, pending writes and entries in one table."""

    FOCUS = "#entries"
    WRITES = frozenset(("pin", "evict", "prefetch", "limits", "cancel"))
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pin", "Pin/unpin", id="cache.pin"),
        Binding("E", "evict", "Evict", id="cache.evict"),
        Binding("f", "prefetch", "Prefetch", id="cache.prefetch"),
        Binding("L", "limits", "Limits", id="cache.limits"),
        Binding("o", "sort", "Sort", id="cache.sort"),
        Binding("slash", "filter", "Filter", id="cache.filter"),
        Binding("x", "cancel", "Cancel prefetch", show=False, id="cache.cancel"),
        Binding("escape", "unfilter", "Clear filter", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._order = "name"
        self._places: dict[str, CachePlace] = {}
        """Id of a row -> the target of actions on it."""

    def compose(self) -> ComposeResult:
        yield Box("Read cache", "gauge")
        yield FilterInput("cache-filter")
        yield Table(
            COLUMNS,
            glyphs=self.glyphs,
            empty=_EMPTY,
            marks=True,
            id="entries",
        )

    def draw(self) -> None:
        self._draw_gauge()
        self.host.feed.cache.set_filter(self.filter.text)
        self.table.empty = _EMPTY if self.state.cache is not None else ""
        if self.filter.text:
            is_complete = self.host.feed.cache.is_complete
            self.table.empty = "No cached object matches" if is_complete else "Searching"
        rows = [
            each
            for each in cache_rows(
                self.state, self._order, now=self.host.clock(), glyphs=self.glyphs
            )
            if self.filter.matches(each.row.cells[0])
        ]
        self._places = {each.row.id: each.place for each in rows}
        self.table.show([each.row for each in rows])
        self._read_on()
        self.offer_actions()

    def refusal(self, action: str, parameters: tuple[object, ...]) -> str:
        if self.state.cache is None and action != "filter":
            return "No remote is set, so there is no cache"
        if action in ("pin", "evict") and not self._places:
            return _EMPTY
        if action == "cancel" and not self._prefetch_here():
            return "Only a prefetch can be cancelled"
        return ""

    def on_table_moved(self) -> None:
        self._read_on()
        self.offer_actions()

    def _read_on(self) -> None:
        """Read more entries when the cursor is near the end, or when the filter hides some."""
        is_local = self.filter.text.startswith(("~", "-f"))
        if is_local or self.table.cursor.line >= len(self.table.rows) - _NEAR_END:
            self.host.feed.cache.need_more()

    def _draw_gauge(self) -> None:
        cache, box = self.state.cache, self.query_one("#gauge", Box)
        if cache is None:
            box.put("No remote is set: the embedded store has every object itself.")
        elif cache.trouble:
            box.put(safe(cache.trouble))
        else:
            box.set_title(f"Read cache  {safe(cache.path)}")
            box.put(*gauge_lines(cache, self.state, box.size.width, self.glyphs))

    def status(self) -> str:
        cache = self.state.cache
        if cache is None:
            return " no read cache"
        number, text = len(self.state.entries), self.filter.text
        is_complete = self.host.feed.cache.is_complete
        shown = "all shown" if is_complete else f"the first {number:,} loaded"
        if text:
            shown = f"{number:,} {'match' if is_complete else 'matches loaded'} {text}"
        pins = count(cache.pins, "pin")
        return safe(f" {count(cache.files, 'object')}, {shown}, by {self._order}   {pins}")

    def _chosen(self) -> list[CachePlace]:
        return [self._places[id] for id in self.table.chosen() if id in self._places]

    def on_table_opened(self, event: Table.Opened) -> None:
        """Show the object or prefix in Buckets."""
        place = self._places.get(event.row)
        if place is not None:
            self.host.main.show_place(place.bucket, place.key or place.prefix)

    def action_pin(self) -> None:
        pins = {(each.pin.bucket, each.pin.key, each.pin.prefix) for each in self.state.pins}
        for place in self._chosen():
            is_pinned = (place.bucket, place.key, place.prefix) in pins
            self.host.actions.change_cache("unpin" if is_pinned else "pin", place)

    def action_evict(self) -> None:
        """Confirm with the size that it frees. Pending writes are in the queue, not here."""
        chosen = self._chosen()
        if not chosen or not self.host.actions.may_write():
            return
        pending = {(each.bucket, each.key) for each in self.state.transfers if each.kind == "push"}
        if any((place.bucket, place.key) in pending for place in chosen):
            text = "Can't evict a pending write: the remote does not have it"
            self.host.messages.toast(text, is_error=True)
            return
        what = object_name(chosen[0].bucket, chosen[0].key or chosen[0].prefix)
        if len(chosen) > 1:
            what = f"{len(chosen):,} entries"
        self.host.prompts.confirm(
            f"Evict {what}? It frees {size(freed_size(self.state.entries, chosen))}; "
            "the remote keeps it.",
            lambda: self._evict(chosen),
            destroys=False,
        )

    def _evict(self, chosen: list[CachePlace]) -> None:
        for place in chosen:
            self.host.actions.change_cache("evict", place)

    def action_prefetch(self) -> None:
        if not self.host.actions.may_write():
            return
        chosen = self._chosen()
        start = object_name(chosen[0].bucket, chosen[0].key or chosen[0].prefix) if chosen else ""
        completion = PlaceSuggester(
            self.host.agent, lambda: [info.name for info in self.state.buckets]
        )
        fields = [
            Field("place", "Below", start, check_place, hint="BUCKET/PREFIX: all of it is fetched",
                  completion=completion, is_beginning=True),
        ]  # fmt: skip

        def prefetch(values: dict[str, str]) -> None:
            bucket, prefix = parse_place(values["place"])
            self.host.actions.change_cache("prefetch", CachePlace(bucket, prefix=prefix))

        self.host.prompts.fill_in("Prefetch", fields, prefetch, verb="start")

    def _prefetch_here(self) -> list[Transfer]:
        """The prefetch under the cursor."""
        row = self.table.current
        return [each for each in self.state.transfers if row is not None and each.id == row.id]

    def action_cancel(self) -> None:
        for each in self._prefetch_here():
            self.host.actions.send(
                "POST", transfer_path(each.id, "cancel"), "cancelled",
                command=transfer_command(each, "cancel"),
            )  # fmt: skip

    def action_limits(self) -> None:
        cache = self.state.cache
        if cache is None or not self.host.actions.may_write():
            return
        fields = [
            Field("size", "Max size", size(cache.max_size).replace(" ", ""), check_size),
            Field("files", "Max objects", str(cache.max_files), check_number),
        ]

        def set_limits(values: dict[str, str]) -> None:
            body = CacheChanges(parse_size(values["size"]), int(values["files"]))
            self.host.actions.send("PATCH", "/v1/cache", f"limit {values['size']}", body)

        details = "Until restart. To keep them: S3D_READ_CACHE_MAX_SIZE, _MAX_FILES"
        self.host.prompts.fill_in("Cache limits", fields, set_limits, details=details, verb="apply")

    def action_sort(self) -> None:
        choices = [Choice(order[0], order, order) for order in ORDERS]
        self.host.prompts.choose("Sort by", choices, self._sort)

    def _sort(self, order: str) -> None:
        self._order = order
        self.draw()
