"""Transfer rates and request counts, once a second for five minutes, for charts of clients.

They are differences of what the registry counts; nothing is counted here.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable

import msgspec

from s3d.agent.core import metric_table
from s3d.agent.core.histogram_bounds import REQUEST
from s3d.agent.core.telemetry import Registry
from s3d.shared.diagnostics import Samples

EVERY = 1.0
"""Seconds."""
SAMPLE_COUNT = 300
MINUTE = 60
NOTHING_READ = -1.0


class Counters(msgspec.Struct, frozen=True):
    """Totals since the start of the agent."""

    up: float = 0.0
    """Bytes."""
    down: float = 0.0
    requests: float = 0.0
    hits: float = 0.0
    misses: float = 0.0
    errors_4xx: int = 0
    errors_5xx: int = 0


class Sampler:
    """Takes a sample each second while run() runs. counters: the totals that rates are computed
    from. turn: called each second, see LatencyWindow."""

    def __init__(
        self, counters: Callable[[], Counters], quantiles: Callable[..., Iterable[float]],
        turn: Callable[[], None], clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        """clock: Unix seconds."""
        self._counters, self._quantiles, self._turn = counters, quantiles, turn
        self._clock, self._steady = clock, steady
        self._at = 0.0
        self._last = (steady(), counters())
        self._past: deque[Counters] = deque([self._last[1]], maxlen=MINUTE + 1)
        self._rates: deque[tuple[float, float, float, float]] = deque(maxlen=SAMPLE_COUNT)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            self.take()

    def take(self) -> None:
        """Take a sample."""
        now, found = self._steady(), self._counters()
        then, before = self._last
        seconds = max(now - then, 1e-6)
        self._rates.append(_rates(before, found, seconds))
        self._past.append(found)
        self._last = now, found
        self._at = self._clock()
        self._turn()

    def samples(self) -> Samples:
        up, down, requests, ratio = (list(each) for each in zip(*self._rates, strict=True)) if (
            self._rates
        ) else ([], [], [], [])  # fmt: skip
        first, last = self._past[0], self._past[-1]
        p50, p99 = self._quantiles(0.5, 0.99)
        return Samples(
            EVERY, self._at, up, down, requests, ratio, p50, p99,
            last.errors_4xx - first.errors_4xx, last.errors_5xx - first.errors_5xx,
        )  # fmt: skip


def _rates(before: Counters, now: Counters, seconds: float) -> tuple[float, float, float, float]:
    """Bytes up and down and requests a second; hits of what was read."""
    hits, misses = now.hits - before.hits, now.misses - before.misses
    reads = hits + misses
    return (
        round(max(now.up - before.up, 0.0) / seconds, 1),
        round(max(now.down - before.down, 0.0) / seconds, 1),
        round((now.requests - before.requests) / seconds, 1),
        round(hits / reads, 3) if reads else NOTHING_READ,
    )


class LatencyWindow:
    """The latency of the last minute's requests. turn() once a second."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._requests = 0.0
        self._past: deque[list[int]] = deque([self._read()], maxlen=MINUTE + 1)

    def turn(self) -> None:
        """Start the next second. The columns are added up only if there was a request."""
        requests = self._registry.total(metric_table.HTTP_REQUESTS)
        self._past.append(self._read() if requests != self._requests else self._past[-1])
        self._requests = requests

    def quantiles(self, *shares: float) -> list[float]:
        """Seconds within which each share of the requests ended; 0 without requests."""
        counts = [now - then for then, now in zip(self._past[0], self._past[-1], strict=True)]
        return [REQUEST.quantile(counts, share) for share in shares]

    def _read(self) -> list[int]:
        return self._registry.bucket_counts(metric_table.HTTP_DURATION)


def sampler_of(registry: Registry, *, has_queue: bool, has_cache: bool) -> Sampler:
    """The sampler of the traffic with the remote; without a remote, of that with clients."""
    up = metric_table.QUEUE_PUSHED_BYTES if has_queue else metric_table.HTTP_RECEIVED
    down = metric_table.CACHE_FETCHED_BYTES if has_cache else metric_table.HTTP_SENT

    def counters() -> Counters:
        requests = registry.values(metric_table.HTTP_REQUESTS)
        by_class = {"4": 0, "5": 0}
        for (_, code), count in requests.items():
            if code[0] in by_class:
                by_class[code[0]] += int(count)
        return Counters(
            up=registry.total(up),
            down=registry.total(down),
            requests=sum(requests.values()),
            hits=registry.total(metric_table.CACHE_HITS),
            misses=registry.total(metric_table.CACHE_MISSES),
            errors_4xx=by_class["4"],
            errors_5xx=by_class["5"],
        )

    window = LatencyWindow(registry)
    return Sampler(counters, window.quantiles, window.turn)
