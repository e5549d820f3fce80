"""The status of the read cache: its counts and limits, its entries, the state of one object, and
how far a prefetch is.

Nothing here changes the cache.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from s3d.agent.core.job import state_without_queue
from s3d.agent.stores.read_cache.catalog.entry import UNCHECKED, Entry
from s3d.shared.caching import CacheEntry, CacheState, CacheStatus, PrefetchStatus
from s3d.shared.transfers import Totals

if TYPE_CHECKING:
    from s3d.agent.stores.read_cache.layer import Cache
    from s3d.agent.stores.read_cache.prefetch import PinManager, PrefetchJob


@dataclass(frozen=True, slots=True)
class CacheParts:
    """The layer and its PinManager. layer None: the cache could not be opened; see trouble."""

    layer: Cache | None
    pin_manager: PinManager | None
    folder: Path
    trouble: str = ""
    prices: tuple[float, float] = (0.0, 0.0)
    """Of 1,000 requests to the remote and of 1 GB from it; 0: not known."""


def cache_status(cache: CacheParts) -> CacheStatus:
    """Counts, sizes and limits."""
    layer = cache.layer
    if layer is None:
        return CacheStatus(str(cache.folder), 0, 0, 0, 0, 0.0, trouble=cache.trouble)
    limits = layer.catalog.room.limits
    return CacheStatus(
        path=str(cache.folder),
        max_size=limits.size,
        max_files=limits.files,
        max_age=layer.freshness.max_age,
        trouble=layer.trouble,
        saved_cost=layer.counters.saved_cost(*cache.prices),
        **cache_counts(cache),
    )


def cache_counts(cache: CacheParts) -> dict[str, int]:
    """The counts of CacheStatus, by name; empty when the cache could not be opened."""
    layer, pin_manager = cache.layer, cache.pin_manager
    if layer is None or pin_manager is None:
        return {}
    return {
        "size": layer.catalog.room.used,
        "files": layer.catalog.count,
        "pins": len(pin_manager.pins),
        "in_flight": layer.fills.in_flight,
        **layer.counters.as_dict(),
    }


def cache_entry(entry: Entry, pin_manager: PinManager) -> CacheEntry:
    """An entry, and whether it is pinned."""
    return CacheEntry(
        bucket=entry.bucket,
        key=entry.key,
        size=entry.size,
        held=entry.held,
        etag=entry.etag,
        checked=_check_time(entry),
        pinned=pin_manager.pins.covers(*entry.name),
    )


def cache_state(cache: CacheParts | None, bucket: str, key: str) -> CacheState | None:
    """How much of one object is cached; None when there is no cache."""
    if cache is None or cache.layer is None or cache.pin_manager is None:
        return None
    entry = cache.layer.catalog.peek(bucket, key)
    pinned = cache.pin_manager.pins.covers(bucket, key)
    if entry is None:
        return CacheState(0, 0, pinned)
    return CacheState(entry.held, entry.size, pinned, _check_time(entry))


def _check_time(entry: Entry) -> float:
    """When the remote last confirmed the entry; 0 for UNCHECKED, AFTER_KILL and AFTER_POWER_CUT."""
    return max(entry.checked, UNCHECKED)


def entries_after(
    layer: Cache,
    place: tuple[str, str],
    after: str,
    limit: int,
    matches: Callable[[str], bool] | None = None,
) -> list[Entry]:
    """The first entries of a bucket and prefix whose BUCKET/KEY is greater than after.

    matches: only those whose BUCKET/KEY it accepts; None: all.
    """
    names: Iterable[str] = (f"{bucket}/{key}" for bucket, key in layer.catalog.names.of(*place))
    if matches is not None:
        names = filter(matches, names)
    first = heapq.nsmallest(limit, (name for name in names if name > after))
    entries = (layer.catalog.peek(*_split(name)) for name in first)
    return [entry for entry in entries if entry is not None]


def _split(name: str) -> tuple[str, str]:
    bucket, _, key = name.partition("/")
    return bucket, key


def prefetch_status(job: PrefetchJob) -> PrefetchStatus:
    """How far a prefetch is. failed: objects; an error of the job as a whole has no object."""
    progress, error = job.progress, job.error
    message = "" if error is None else error.message
    if error is not None and error.key:
        message = f"{error.key}: {message}"
    return PrefetchStatus(
        id=job.id,
        bucket=job.request.bucket,
        prefix=job.request.prefix,
        state=state_without_queue(job.state),
        listed=Totals(progress.items, progress.size),
        done=Totals(progress.items_done, progress.size_done),
        failed=progress.items_failed - sum(not failure.key for failure in job.failures),
        error=message,
    )
