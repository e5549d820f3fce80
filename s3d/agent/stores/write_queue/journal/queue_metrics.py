"""What happens in the write queue, as it reports it to the registry of metrics.

The journal and the pusher call these methods. What can be read from the queue at any time, such as
its depth, is computed when the metrics are collected: app/gateway_gauges.py.
"""

from __future__ import annotations

from collections.abc import Callable

from s3d.agent.core import metric_table
from s3d.agent.core.failures import Unreachable, classify
from s3d.agent.core.histogram_bounds import DELAY
from s3d.agent.core.telemetry import Counter, Registry
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.write_queue.journal.pending_write import Kind, PendingState, PendingWrite

UNREACHABLE, CORRUPT, CONFLICT = "unreachable", "corrupt", "conflict"
"""Reasons of failed attempts, beside the classes of core/failures.py."""


class QueueMetrics:
    """Owned by the journal, which shares it with its parts and with the pusher.

    Belongs to the loop.
    """

    def __init__(self, registry: Registry, clock: Callable[[], float]) -> None:
        """clock: Unix seconds."""
        self._registry = registry
        self._clock = clock
        self._accepted: dict[Kind, Counter] = {
            kind: registry.counter(metric_table.QUEUE_ACCEPTED, str(kind)) for kind in Kind
        }
        self._arrival = registry.histogram(metric_table.QUEUE_ARRIVAL)
        self.sent = registry.counter(metric_table.QUEUE_PUSHED_BYTES)
        """Bytes of pushes."""

    def accepted(self, write: PendingWrite) -> None:
        """A write is durable; its client is answered next."""
        self._accepted[write.kind].add()

    def arrived(self, write: PendingWrite) -> None:
        """The remote has the write. To be called before its state changes: a write that is being
        verified has been counted when it was pushed."""
        if write.state is PendingState.VERIFYING:
            return
        self._registry.counter(metric_table.QUEUE_PUSHES, write.bucket).add()
        self._arrival.observe(max(0.0, self._clock() - write.first_accepted))

    def arrival_quantile(self, share: float) -> float | None:
        """The seconds within which this share of the writes reached the remote; None: none did."""
        counts = self._arrival.counts
        return DELAY.quantile(counts, share) if any(counts) else None

    def failed(self, reason: str) -> None:
        """An attempt to push a write has failed."""
        self._registry.counter(metric_table.QUEUE_FAILURES, reason).add()

    def failed_with(self, error: S3Error) -> None:
        """An attempt to push a write has failed with an error of the remote."""
        is_unreachable = isinstance(error.failure, Unreachable)
        self.failed(UNREACHABLE if is_unreachable else str(classify(error)))
