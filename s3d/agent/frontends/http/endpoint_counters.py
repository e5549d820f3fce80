"""What the endpoint counts of each request, and what the status shows of it."""

from __future__ import annotations

import logging

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

MOST_DURATIONS = 1_024
"""Requests of one series between two times at which they are handed over to the registry."""


class Series:
    """What was counted since the registry was read, of one operation and outcome.

    Durations are kept as they come, and sorted into the buckets of a histogram many at a time. That
    takes a third of the time of looking for each one's bucket.
    """

    __slots__ = ("durations", "operation", "received", "sent", "status")

    def __init__(self, operation: str, status: int) -> None:
        self.operation = operation
        self.status = status
        """0: aborted."""
        self.durations: list[float] = []
        """Seconds of each request."""
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
        try:
            series = self._last[exchange.operation]
        except KeyError:
            series = self._series_of(exchange)
        if series.status != exchange.status or exchange.is_aborted:
            series = self._series_of(exchange)
        durations = series.durations
        durations.append(now - exchange.started)
        series.sent += exchange.sent
        if exchange.received:
            series.received += exchange.received
        if exchange.span is not None:
            duration = self._registry.histogram(HTTP_DURATION, exchange.operation)
            duration.set_exemplar(now - exchange.started, exchange.span.context)
        if len(durations) >= MOST_DURATIONS:
            self._hand_over(series)

    def _series_of(self, exchange: Exchange) -> Series:
        """Look up the series of an exchange, or begin it."""
        key = exchange.operation, 0 if exchange.is_aborted else exchange.status
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = Series(*key)
        self._last[exchange.operation] = series
        return series

    def _gather(self) -> None:
        """Hand over to the registry what was counted, and begin again."""
        counted, self._series = self._series, {}
        self._last.clear()
        for series in counted.values():
            self._hand_over(series)

    def _hand_over(self, series: Series) -> None:
        registry, operation = self._registry, series.operation
        code = str(series.status) if series.status else ABORTED
        registry.counter(HTTP_REQUESTS, operation, code).add(len(series.durations))
        registry.histogram(HTTP_DURATION, operation).observe_all(series.durations)
        registry.counter(HTTP_RECEIVED, operation).add(series.received)
        registry.counter(HTTP_SENT, operation).add(series.sent)
        del series.durations[:]
        series.received = series.sent = 0

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
