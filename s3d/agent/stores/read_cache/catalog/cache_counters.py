"""What the read cache counts, in the registry of metrics."""

from __future__ import annotations

from enum import Enum, auto

from s3d.agent.core import metric_table
from s3d.agent.core.telemetry import Registry


class Source(Enum):
    """Where an answer of the cache comes from: what it has spared the remote depends on that."""

    LOCAL = auto()
    """From the disk or from memory, without any request."""
    REVALIDATED = auto()
    """From the disk, after the remote has confirmed it: a request, and no bytes."""
    STALE = auto()
    """From the disk, since the remote is unreachable: it could not have answered."""
    FILLED = auto()
    """From the remote: this answer is the first."""


class CacheCounters:
    """The cells, and what the status shows of them. Belongs to the loop."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        counter = registry.counter
        self.hits = counter(metric_table.CACHE_HITS)
        self.misses = counter(metric_table.CACHE_MISSES)
        self.hit_bytes = counter(metric_table.CACHE_HIT_BYTES)
        self.stale = counter(metric_table.CACHE_STALE)
        self.revalidations = counter(metric_table.CACHE_REVALIDATIONS)
        self.saved_requests = counter(metric_table.CACHE_SAVED_REQUESTS)
        self.saved_bytes = counter(metric_table.CACHE_SAVED_BYTES)
        self.fetched_bytes = counter(metric_table.CACHE_FETCHED_BYTES)
        self.fills = counter(metric_table.CACHE_FILLS)
        self.evictions = counter(metric_table.CACHE_EVICTIONS)
        self.corrupt = counter(metric_table.CACHE_CORRUPT)

    def answered(self, source: Source, size: int | None) -> None:
        """Count an answer about an object. size: bytes of its body; None: it has none."""
        if source is Source.FILLED:
            return
        if size is not None:
            self.hits.value += 1
            self.hit_bytes.value += size
            if source is not Source.STALE:
                self.saved_bytes.value += size
        if source is Source.LOCAL:
            self.saved_requests.value += 1

    def saved_cost(self, request_price: float, traffic_price: float) -> float | None:
        """The price of what was saved, in the currency of the prices: of 1,000 requests, and of
        10^9 bytes. None without prices."""
        if not request_price and not traffic_price:
            return None
        requests, traffic = self.saved_requests.value / 1_000, self.saved_bytes.value / 1e9
        return requests * request_price + traffic * traffic_price

    def as_dict(self) -> dict[str, int]:
        """By the names of CacheStatus."""
        cells = {
            "hits": self.hits,
            "misses": self.misses,
            "stale": self.stale,
            "revalidated": self.revalidations,
            "hit_bytes": self.hit_bytes,
            "fetched_bytes": self.fetched_bytes,
            "fills": self.fills,
            "evictions": self.evictions,
            "corrupt": self.corrupt,
            "saved_requests": self.saved_requests,
            "saved_bytes": self.saved_bytes,
        }
        return {name: int(cell.value) for name, cell in cells.items()}
