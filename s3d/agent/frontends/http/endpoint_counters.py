"""Counters of the endpoint: plain integers, read by the status of the agent."""

from __future__ import annotations

import logging
from collections import Counter, deque

from s3d.agent.frontends.http.exchange import Exchange

logger = logging.getLogger(__name__)

_LOG_INTERVAL = 10.0
"""Seconds between two log lines about malformed requests."""

access_log = logging.getLogger("s3d.access")
"""One line for each request; off unless its level is set to INFO."""
access_log.setLevel(logging.WARNING)


class EndpointCounters:
    """Counts requests, errors and bytes since the endpoint was created."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        """By operation; "" for requests refused before their operation was known."""
        self.errors: Counter[int] = Counter()
        """Responses of status 400 and more, by status."""
        self.received = 0
        """Bytes of bodies."""
        self.sent = 0
        """Bytes of responses, heads included."""
        self.latency = Latency()
        """Of whole requests, the last byte of the response included."""
        self._malformed = 0
        self._next_log = 0.0

    def count(self, exchange: Exchange, now: float) -> None:
        """Count an exchange that is over. now: by the loop's clock."""
        if exchange.started:
            self.latency.add(now - exchange.started)
        self.requests[exchange.operation] += 1
        if exchange.status >= 400:
            self.errors[exchange.status] += 1
        self.received += exchange.received
        self.sent += exchange.sent
        if access_log.isEnabledFor(logging.INFO):
            access_log.info(
                "request op=%s status=%d received=%d sent=%d id=%s",
                exchange.operation or "-",
                exchange.status,
                exchange.received,
                exchange.sent,
                exchange.request_id,
            )

    def count_malformed(self, error: Exception, now: float) -> None:
        """Log bytes that are no HTTP request, but not each time: a port scan sends many."""
        self._malformed += 1
        if now >= self._next_log:
            self._next_log = now + _LOG_INTERVAL
            kind = type(error).__name__
            logger.warning("refused malformed HTTP kind=%s count=%d", kind, self._malformed)

    def failures(self) -> tuple[int, int]:
        """Responses of status 4xx and of 5xx."""
        ours = sum(count for status, count in self.errors.items() if status >= 500)
        return self.errors.total() - ours, ours

    def as_dict(self) -> dict[str, float]:
        """Flat, for /v1/status."""
        found: dict[str, float] = {
            "requests": self.requests.total(),
            "errors": self.errors.total(),
            "received": self.received,
            "sent": self.sent,
        }
        found |= {f"requests.{name or 'refused'}": n for name, n in self.requests.items()}
        found |= {f"errors.{status}": n for status, n in self.errors.items()}
        return found


# ---------------------------------------------------------------- latency

_FINE = 3
"""Significant bits of a duration: the width of a bucket is at most an eighth of its value."""
_BUCKETS = 32 << _FINE
MINUTE = 60
"""Seconds that the quantiles cover."""


class Latency:
    """add() for each request, turn() once a second."""

    def __init__(self) -> None:
        self._now = [0] * _BUCKETS
        self._past: deque[list[int]] = deque(maxlen=MINUTE)

    def add(self, seconds: float) -> None:
        micros = int(seconds * 1e6)
        bits = micros.bit_length()
        if bits <= _FINE:
            self._now[micros] += 1
        else:
            shift = bits - _FINE - 1
            at = (shift << _FINE) + (micros >> shift)
            self._now[at if at < _BUCKETS else _BUCKETS - 1] += 1

    def turn(self) -> None:
        """Start the next second."""
        self._past.append(self._now if any(self._now) else [])
        self._now = [0] * _BUCKETS

    def quantiles(self, *shares: float) -> list[float]:
        """Seconds within which each share of the requests ended; 0 without requests."""
        sums = [sum(column) for column in zip(*filter(None, self._past), strict=True)]
        total = sum(sums)
        if not total:
            return [0.0 for _ in shares]
        return [_edge(sums, share * total) for share in shares]


def _edge(sums: list[int], rank: float) -> float:
    seen = 0
    for at, count in enumerate(sums):
        seen += count
        if seen >= rank:
            return _upper(at) / 1e6
    return _upper(len(sums) - 1) / 1e6


def _upper(at: int) -> int:
    """Microseconds at the end of a bucket."""
    whole = 1 << (_FINE + 1)
    if at < whole:
        return at + 1
    shift = (at >> _FINE) - 1
    return ((at & ((1 << _FINE) - 1)) + (1 << _FINE) + 1) << shift
