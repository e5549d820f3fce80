"""Transfer rates and request counts, once a second for five minutes, for charts of clients."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable

import msgspec

from s3d.agent.app.stack import Stack
from s3d.agent.frontends.http.s3_server import S3Server
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
    """Run run(). counters: what is counted. turn: called each second, see Latency."""

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
        """One more value."""
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


def sampler_of(stack: Stack, endpoint: S3Server) -> Sampler:
    """The sampler of the traffic with the remote; without a remote, of that with clients."""
    gateway = stack.gateway
    queue = None if gateway is None else gateway.queue
    cache = None if gateway is None or gateway.cache is None else gateway.cache.layer

    def counters() -> Counters:
        numbers = endpoint.counters
        found = None if cache is None else cache.counts
        return Counters(
            numbers.received if queue is None else queue.pusher.sent,
            numbers.sent if found is None else found.fetched_bytes,
            numbers.requests.total(),
            0 if found is None else found.hits,
            0 if found is None else found.misses,
            *numbers.failures(),
        )

    latency = endpoint.counters.latency
    return Sampler(counters, latency.quantiles, latency.turn)
