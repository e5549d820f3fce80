"""The read cache: how full it is, what is in it, and what is always kept."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from s3d.shared.caching import CacheEntry, CachePlace
from s3d.shared.text import age, safe, size
from s3d.tui.draw import gauge
from s3d.tui.panes.dashboard import Box
from s3d.tui.panes.pane import Pane
from s3d.tui.table import Column, Row, Table


class CachePane(Pane):
    """The gauge, the entries, the pins."""

    FOCUS = "#entries"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pin", "Pin/unpin"),
        Binding("E", "evict", "Evict"),
    ]

    def compose(self) -> ComposeResult:
        yield Box("Read cache", "gauge")
        yield Table(
            [Column("Bucket/key"), Column("Here", 10, right=True), Column("Size", 10, right=True),
             Column("Checked", 10, right=True), Column("State", 14)],
            glyphs=self.glyphs,
            empty="Nothing is cached yet: read something through the endpoint.",
            id="entries",
        )  # fmt: skip

    def draw(self) -> None:
        status = self.state.status
        cache = status.cache if status is not None else None
        box = self.query_one("#gauge", Box)
        if cache is None:
            box.put("No remote is set, so nothing is cached.")
        else:
            width = max(box.size.width - 30, 10)
            share = cache.size / cache.max_size
            reads = cache.hits + cache.misses
            pins = ", ".join(
                safe(f"{pin.pin.bucket}/{pin.pin.key or pin.pin.prefix}") for pin in self.state.pins
            )
            box.put(
                f"{gauge([share], width, self.glyphs)} "
                f"{size(cache.size)} of {size(cache.max_size)}",
                f"hits {cache.hits / reads if reads else 0:.0%}, evicted {cache.evictions:,}, "
                f"asked again after {age(cache.max_age)}",
                f"pinned: {pins or 'nothing'}",
            )
        self.query_one("#entries", Table).show([self._row(entry) for entry in self.state.entries])

    def _row(self, entry: CacheEntry) -> Row:
        share = entry.held / entry.size if entry.size else 1.0
        glyphs = self.glyphs
        state = f"{glyphs.on} whole" if share >= 1 else f"{glyphs.part} {share:.0%}"
        if entry.pinned:
            state = "P pinned"
        checked = age(self.host.clock() - entry.checked) + " ago" if entry.checked else "-"
        place = f"{entry.bucket}/{entry.key}"
        return Row(place, (place, size(entry.held), size(entry.size), checked, state))

    @property
    def _place(self) -> CachePlace | None:
        row = self.query_one("#entries", Table).current
        if row is None:
            return None
        bucket, _, key = row.id.partition("/")
        return CachePlace(bucket, key)

    def action_pin(self) -> None:
        place = self._place
        if place is None:
            return
        pins = {(pin.pin.bucket, pin.pin.key) for pin in self.state.pins}
        verb = "unpin" if (place.bucket, place.key) in pins else "pin"
        self.act("POST", f"/v1/cache:{verb}", f"{verb}ned {place.key}", place)

    def action_evict(self) -> None:
        place = self._place
        if place is not None:
            self.act("POST", "/v1/cache:evict", f"evicted {place.key}", place)
