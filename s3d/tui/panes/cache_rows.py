"""The read cache as texts: pins, prefetches, pending writes and entries as rows, and the gauge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from textual.content import Content

from s3d.shared.caching import CacheEntry, CachePlace, CacheStatus, PinStatus
from s3d.shared.text import age, count, size
from s3d.shared.transfers import Transfer
from s3d.tui.app_state import State
from s3d.tui.cli_equivalent import object_name
from s3d.tui.columns import Column
from s3d.tui.draw import (
    colored,
    colored_gauge,
    colored_spark,
    fitting,
    fullness,
    highest,
)
from s3d.tui.panes.transfer_rows import is_filtered
from s3d.tui.table import Row
from s3d.tui.themes import Glyphs

ORDERS = ("name", "size", "checked")
COLUMNS = (
    Column("Bucket/key"), Column("Cached", 10, right=True),
    Column("Size", 10, right=True, shown_from=72),
    Column("Checked", 10, right=True, shown_from=94), Column("State", 15),
)  # fmt: skip
_CHART_CELLS = 20
_WITH_WRITES = 66
"""Cells of a line in which "pending writes" has room."""
_PENDING_WORDS = {"failed": ("failed", "bad"), "conflict": ("conflict", "bad"),
                  "held": ("paused", "odd")}  # fmt: skip
"""State of a pending write -> its word here, and its style; else pending."""


class CacheRow(NamedTuple):
    """place: the object or prefix that actions on the row are about."""

    row: Row
    place: CachePlace


def cache_rows(state: State, order: str, *, now: float, glyphs: Glyphs) -> Iterator[CacheRow]:
    """All rows: pins, prefetches, pending writes, then the entries in an order of ORDERS."""
    for pin in state.pins:
        yield _pin_row(pin, now, glyphs)
    for transfer in state.transfers:
        if transfer.kind == "prefetch" and transfer.state in ("running", "waiting"):
            yield _prefetch_row(transfer, glyphs)
    for transfer in state.transfers:
        if transfer.kind == "push" and transfer.operation == "put":
            yield _pending_row(transfer, glyphs)
    for entry in _sorted(state.entries, order):
        yield _entry_row(entry, now, glyphs)


def _sorted(entries: Sequence[CacheEntry], order: str) -> Sequence[CacheEntry]:
    """By name as the agent lists them, or the largest or latest first."""
    if order == "size":
        return sorted(entries, key=lambda entry: -entry.held)
    if order == "checked":
        return sorted(entries, key=lambda entry: -entry.checked)
    return entries


def _pin_row(status: PinStatus, now: float, glyphs: Glyphs) -> CacheRow:
    pin = status.pin
    name = object_name(pin.bucket, pin.key or pin.prefix)
    share = status.cached.size / status.total.size if status.total.size else 1.0
    state = f"{glyphs.pin} pinned" + ("" if share >= 1 else f" {share:.0%}")
    if status.error:
        state = f"{glyphs.bad} {status.error}"
    label = name if pin.key else f"{name} ({count(status.total.files, 'object')})"
    cells = (
        label, size(status.cached.size), size(status.total.size), _ago(status.looked, now), state,
    )  # fmt: skip
    return CacheRow(Row(f"pin {name}", cells, "bold"), CachePlace(pin.bucket, pin.key, pin.prefix))


def _prefetch_row(transfer: Transfer, glyphs: Glyphs) -> CacheRow:
    name = object_name(transfer.bucket, transfer.key)
    share = transfer.done / transfer.size if transfer.size else 0.0
    state = f"{glyphs.retry} prefetch {share:.0%}"
    cells = (name, size(transfer.done), size(transfer.size), "-", state)
    place = CachePlace(transfer.bucket, prefix=transfer.key)
    return CacheRow(Row(transfer.id, cells, "good"), place)


def _pending_row(transfer: Transfer, glyphs: Glyphs) -> CacheRow:
    """A write that waits for the remote: on the same disk, but not part of the cache."""
    name = object_name(transfer.bucket, transfer.key)
    word, style = _PENDING_WORDS.get(transfer.state, ("pending", "odd"))
    if is_filtered(transfer):
        word = "held"
    sign = glyphs.bad if style == "bad" else glyphs.up
    cells = (name, size(transfer.size), size(transfer.size), "-", f"{sign} {word}")
    place = CachePlace(transfer.bucket, transfer.key)
    return CacheRow(Row(f"write {transfer.id}", cells, style), place)


def _entry_row(entry: CacheEntry, now: float, glyphs: Glyphs) -> CacheRow:
    share = entry.held / entry.size if entry.size else 1.0
    state = f"{glyphs.on} cached" if share >= 1 else f"{glyphs.part} partial {share:.0%}"
    if entry.pinned:
        state = f"{glyphs.pin} pinned"
    name = object_name(entry.bucket, entry.key)
    cells = (name, size(entry.held), size(entry.size), _ago(entry.checked, now), state)
    return CacheRow(Row(name, cells), CachePlace(entry.bucket, entry.key))


def _ago(at: float | None, now: float) -> str:
    return f"{age(now - at)} ago" if at else "-"


def gauge_lines(cache: CacheStatus, state: State, width: int, glyphs: Glyphs) -> list[Content]:
    """Three lines: how full it is, of what, and how well it does. width: cells of a line."""
    pinned = sum(pin.cached.size for pin in state.pins)
    clean = max(cache.size - pinned, 0)
    pending = state.queue.left.size if state.queue is not None else 0
    limit = max(cache.max_size, 1)
    ratios = [max(each, 0.0) for each in state.samples.hit_ratio] if state.samples else []
    full = f" {size(cache.size)} of {size(cache.max_size)} {cache.size / limit:.0%}"
    shares = [(clean / limit, fullness(cache.size / limit)), (pinned / limit, "accent")]
    writes, more = f"   pending writes {size(pending)}", " (in the queue, never evicted)"
    if width < _WITH_WRITES:
        writes = f"   pending {size(pending)}"
    legend = Content.assemble(
        colored(glyphs.full, fullness(cache.size / limit)), f" cached {size(clean)}   ",
        colored(glyphs.half, "accent"), f" pinned {size(pinned)}", writes,
    )  # fmt: skip
    hits = f"hits: {hit_share(cache)} "
    numbers = [
        f" evicted {count(cache.evictions, 'object')}",
        f"S3-FIFO, revalidated after {age(cache.max_age)}",
    ]
    chart = min(_CHART_CELLS, max(width - len(hits + "   ".join(numbers)), 8))
    return [
        colored_gauge(shares, max(width - len(full), 10), glyphs) + full,
        legend + more if legend.cell_length + len(more) <= width else legend,
        Content(hits)
        + colored_spark(highest(ratios, chart), chart, glyphs)
        + fitting(numbers, width - len(hits) - chart, "   ", glyphs.more),
    ]


def hit_share(cache: CacheStatus) -> str:
    """The share of reads that the cache has answered, as text."""
    reads = cache.hits + cache.misses
    return f"{cache.hits / reads:.0%}" if reads else "no reads yet"


def freed_size(entries: Iterable[CacheEntry], places: Sequence[CachePlace]) -> int:
    """Bytes that are freed when these places are evicted."""
    return sum(entry.held for entry in entries if any(_contains(place, entry) for place in places))


def _contains(place: CachePlace, entry: CacheEntry) -> bool:
    if place.key:
        return (entry.bucket, entry.key) == (place.bucket, place.key)
    return entry.bucket == place.bucket and entry.key.startswith(place.prefix)
