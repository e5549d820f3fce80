"""What the endpoint counts of each request, and what the status shows of it."""

from __future__ import annotations

import logging

from s3d.agent.core.histogram_bounds import REQUEST
from s3d.agent.core.log_limit import LimitedLogger
from s3d.agent.core.metric_names import (
    HTTP_DURATION,
    HTTP_MALFORMED,
    HTTP_RECEIVED,
    HTTP_REQUESTS,
    HTTP_SENT,
)
from s3d.agent.core.telemetry import Registry
from s3d.agent.frontends.http.exchange import Exchange

logger = logging.getLogger(__name__)

ABORTED = "aborted"
"""The code of a request whose client has left, or whose response was cut off."""

_DETAIL = REQUEST.detail
_DETAIL_BITS = _DETAIL.bit_length()
_UNITS = 1 / REQUEST.edges[0]
"""Of the first bucket, in a second. The buckets double in width after every _DETAIL of them."""
_LAST = len(REQUEST.edges)
assert _DETAIL == 1 << 3


class Series:
    """What was counted since the registry was read, of one operation and outcome.

    One object with everything: each further one would be fetched from memory for every request.
    """

    __slots__ = ("counts", "received", "seconds", "sent", "status")

    def __init__(self, status: int) -> None:
        self.status = status
        """0: aborted."""
        self.counts = [0] * (_LAST + 1)
        """By the counted buckets of REQUEST."""
        self.seconds = 0.0
        self.received = 0
        """Bytes of request bodies."""
        self.sent = 0


class EndpointCounters:
    """Counts requests, by operation and outcome, in the registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._series: dict[tuple[str, int], Series] = {}
        """By operation and status; the status of an aborted request is 0."""
        self._last: dict[str, Series] = {}
        """By operation, that of its last outcome: most requests end like the one before."""
        self._malformed = registry.counter(HTTP_MALFORMED)
        self._malformed_log = LimitedLogger(logger, burst=1)
        registry.before_reading.append(self._gather)

    def count(self, exchange: Exchange, now: float) -> None:
        """Count an exchange that is over. now: by time.monotonic()."""
        series = self._last.get(exchange.operation)
        if series is None or series.status != exchange.status or exchange.is_aborted:
            series = self._series_of(exchange)
        # As Histogram.observe() does, by arithmetic: a search would read all over the memory.
        seconds = now - exchange.started
        units = int(seconds * _UNITS)
        if units >= _DETAIL:
            shift = units.bit_length() - _DETAIL_BITS
            units = (shift << 3) + (units >> shift)
            if units > _LAST:
                units = _LAST
        series.counts[units] += 1
        series.seconds += seconds
        series.sent += exchange.sent
        if exchange.received:
            series.received += exchange.received
        if exchange.span is not None:
            duration = self._registry.histogram(HTTP_DURATION, exchange.operation)
            duration.set_exemplar(units, seconds, exchange.span.context)

    def _series_of(self, exchange: Exchange) -> Series:
        """Look up the series of an exchange, or begin it."""
        key = exchange.operation, 0 if exchange.is_aborted else exchange.status
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = Series(key[1])
        self._last[exchange.operation] = series
        return series

    def _gather(self) -> None:
        """Hand over to the registry what was counted, and begin again."""
        registry = self._registry
        counted, self._series = self._series, {}
        self._last.clear()
        for (operation, status), series in counted.items():
            code = str(status) if status else ABORTED
            registry.counter(HTTP_REQUESTS, operation, code).add(sum(series.counts))
            registry.histogram(HTTP_DURATION, operation).merge(series.counts, series.seconds)
            registry.counter(HTTP_RECEIVED, operation).add(series.received)
            registry.counter(HTTP_SENT, operation).add(series.sent)

    def count_malformed(self, error: Exception) -> None:
        """Log bytes that are no HTTP request, but not each time: a port scan sends many."""
        self._malformed.add()
        self._malformed_log.warning("refused malformed HTTP kind=%s", type(error).__name__)

    def as_dict(self) -> dict[str, float]:
        """Flat, for /v1/status."""
        by_operation: dict[str, float] = {}
        errors: dict[str, float] = {}
        aborted: float = 0
        for (operation, code), number in self._registry.values(HTTP_REQUESTS).items():
            name = f"requests.{operation or 'refused'}"
            by_operation[name] = by_operation.get(name, 0) + number
            if code == ABORTED:
                aborted += number
            elif code >= "400":
                errors[f"errors.{code}"] = errors.get(f"errors.{code}", 0) + number
        return {
            "requests": sum(by_operation.values()),
            "errors": sum(errors.values()),
            "aborted": aborted,
            "received": self._registry.total(HTTP_RECEIVED),
            "sent": self._registry.total(HTTP_SENT),
            **by_operation,
            **errors,
        }
