"""Gauges of the write queue, the read cache and the remote, computed when they are collected."""

from __future__ import annotations

import time

from s3d.agent.core import metric_table
from s3d.agent.core.metric_table import Metric
from s3d.agent.core.telemetry import Computed, Labels, Registry
from s3d.agent.stores.read_cache.cache_status import CacheParts
from s3d.agent.stores.remote.remote_health import Health
from s3d.agent.stores.write_queue.journal.pending_write import PendingState, Usage
from s3d.agent.stores.write_queue.push.remote_gate import BLOCKED_BY
from s3d.agent.stores.write_queue.queue_status import QueueParts

Gauges = tuple[tuple[Metric, Computed], ...]


def report_remote(registry: Registry, health: Health) -> None:
    """Have the state of the remote computed."""

    def is_up() -> float | None:
        is_known = health.last_success is not None or health.last_failure is not None
        return float(not health.error) if is_known else None

    registry.computed(metric_table.REMOTE_UP, is_up)
    registry.computed(metric_table.REMOTE_LAST_SUCCESS, lambda: health.last_success)
    registry.computed(metric_table.REMOTE_CLOCK_OFFSET, lambda: health.clock_offset)


def report_queue(registry: Registry, queue: QueueParts | None) -> None:
    """Have the state of the write queue computed."""
    if queue is None:
        return

    def usage() -> dict[PendingState, Usage]:
        totals = queue.journal.totals()
        return {**totals.by_state, PendingState.CONFLICT: totals.conflicts}

    def oldest_age() -> float:
        oldest = queue.journal.pending.oldest()
        return 0.0 if oldest is None else max(0.0, time.time() - oldest)

    def blocked() -> dict[Labels, float]:
        trouble = queue.pusher.status().trouble
        return {(reason,): float(trouble == words) for words, reason in BLOCKED_BY.items()}

    def writes() -> dict[Labels, float]:
        return {(str(state),): each.files for state, each in usage().items()}

    def sizes() -> dict[Labels, float]:
        return {(str(state),): each.size for state, each in usage().items()}

    gauges: Gauges = (
        (metric_table.QUEUE_WRITES, writes),
        (metric_table.QUEUE_BYTES, sizes),
        (metric_table.QUEUE_OLDEST, oldest_age),
        (metric_table.QUEUE_LIMIT_WRITES, lambda: queue.admission.limits.max_files),
        (metric_table.QUEUE_LIMIT_BYTES, lambda: queue.admission.limits.max_size),
        (metric_table.QUEUE_IN_FLIGHT, lambda: queue.pusher.status().pushing),
        (metric_table.QUEUE_PUSH_LIMIT, lambda: queue.pusher.status().limit),
        (metric_table.QUEUE_BLOCKED, blocked),
        (metric_table.QUEUE_PAUSED, lambda: float(queue.journal.paused)),
        (metric_table.QUEUE_BANDWIDTH, lambda: queue.throttle.rate),
    )
    for metric, read in gauges:
        registry.computed(metric, read)


def report_cache(registry: Registry, cache: CacheParts | None) -> None:
    """Have the state of the read cache computed."""
    if cache is None or cache.layer is None:
        return
    layer, prices = cache.layer, cache.prices
    room = layer.catalog.room
    gauges: Gauges = (
        (metric_table.CACHE_BYTES, lambda: room.used),
        (metric_table.CACHE_OBJECTS, lambda: layer.catalog.count),
        (metric_table.CACHE_LIMIT_BYTES, lambda: room.limits.size),
        (metric_table.CACHE_LIMIT_OBJECTS, lambda: room.limits.files),
        (metric_table.CACHE_SAVED_COST, lambda: layer.counters.saved_cost(*prices)),
        (metric_table.CACHE_FILLING, lambda: layer.fills.in_flight),
    )
    for metric, read in gauges:
        registry.computed(metric, read)
