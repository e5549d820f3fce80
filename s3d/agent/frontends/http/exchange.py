"""One request on a connection and its response: reading pieces of the body, writing bytes, and what
is counted when it is over."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from s3d.agent.core.log_limit import LimitedLogger
from s3d.agent.core.metric_table import (
    HTTP_DURATION,
    HTTP_MALFORMED,
    HTTP_RECEIVED,
    HTTP_REQUESTS,
    HTTP_SENT,
)
from s3d.agent.core.spans import Span
from s3d.agent.core.telemetry import Registry
from s3d.agent.frontends.http.body_buffer import EMPTY_BODY, BodyBuffer
from s3d.agent.frontends.http.limits import DRAIN_SIZE
from s3d.agent.frontends.http.request_parser import HttpRequest
from s3d.agent.s3.trace_context import TraceContext

logger = logging.getLogger(__name__)

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class ClientGone(ConnectionError):
    """The client has closed the connection, so the response cannot be delivered."""


ExtraHeaders = tuple[tuple[str, str], ...]
"""Response headers that do not come from the store."""


class ResponseChannel(Protocol):
    """What an exchange needs of its connection."""

    @property
    def client_address(self) -> str:
        """The IP address of the client; "" when it is not known."""

    @property
    def transport(self) -> asyncio.Transport | None:
        """None when the client has gone."""

    @property
    def is_last(self) -> bool:
        """True when no request follows the one in hand."""

    def set_body_timeout(self, waiting: bool) -> None:
        """Start or end the time that the client has for the next piece of its body."""

    async def drain(self, sent: int) -> None:
        """Wait until the client has taken what was written. Raises ClientGone.

        sent: bytes of the response so far.
        """

    def abort(self) -> None:
        """Reset the connection."""


class Exchange:
    """A request that is being served, and what is known of its response."""

    __slots__ = (
        "_channel",
        "_expects_continue",
        "extra_headers",
        "is_aborted",
        "keep_alive",
        "operation",
        "received",
        "request",
        "request_id",
        "sent",
        "span",
        "started",
        "status",
        "trace",
        "wants_keep_alive",
    )

    def __init__(self, channel: ResponseChannel, request: HttpRequest) -> None:
        self._channel = channel
        self.request = request
        self.request_id = ""
        self.started = 0.0
        """When its head was complete, by time.monotonic()."""
        self.operation = ""
        """For the counters and the access log."""
        self.extra_headers: ExtraHeaders = ()
        """The CORS headers of a response to a web page."""
        self.is_aborted = False
        """The client has left, or the response was cut off: it does not have all of it."""
        self.status = 0
        """Of the response, once its head is written."""
        self.received = 0
        """Bytes of the body that were read."""
        self.sent = 0
        """Bytes written."""
        self.trace: TraceContext | None = None
        """Of the requests that are made to answer this one."""
        self.span: Span | None = None
        """None when the request is not recorded."""
        self.keep_alive = False
        """Known once the head of the response is made."""
        self.wants_keep_alive = request.wants_keep_alive and request.error is None
        expected = request.by_name.get("expect")
        self._expects_continue = expected is not None and expected.lower() == "100-continue"

    @property
    def method(self) -> str:
        return self.request.method

    @property
    def client_address(self) -> str:
        """The IP address of the client; "" when it is not known."""
        return self._channel.client_address

    @property
    def body(self) -> BodyBuffer:
        return self.request.body

    @property
    def is_http_1_0(self) -> bool:
        """True for HTTP/1.0, which has no chunked coding and closes unless asked not to."""
        return self.request.is_http_1_0

    async def read(self) -> bytes:
        """The next piece of the body as the client sent it; empty at the end.

        Raises S3Error IncompleteBody or RequestTimeout.
        """
        body = self.request.body
        self._send_continue()
        if body.is_complete:
            data = await body.read()
        else:
            self._channel.set_body_timeout(True)
            data = await body.read()
            self._channel.set_body_timeout(False)
        self.received += len(data)
        return data

    def read_now(self) -> bytes:
        """All of a body that is complete."""
        body = self.request.body
        if body is EMPTY_BODY and not self._expects_continue:
            return b""
        self._send_continue()
        data = body.read_now()
        self.received += len(data)
        return data

    def decide_keep_alive(self) -> str:
        """Decide whether the connection outlives the response; its Connection header line, or "".

        It does not while the client still waits for 100 Continue: nobody knows whether its body
        follows the response. (botocore even misreads the next response then; so the server asks for
        an empty body, too.) Nor does it when the unread rest of the body is long.
        """
        self.keep_alive = (
            self.wants_keep_alive
            and not self._channel.is_last
            and not self.awaits_continue
            and (self.request.body.is_complete or self._body_left() <= DRAIN_SIZE)
        )
        if not self.keep_alive:
            return "Connection: close\r\n"
        return "Connection: keep-alive\r\n" if self.is_http_1_0 else ""

    def write(self, data: bytes) -> None:
        """Hand bytes to the transport; when the client has gone, only note that."""
        transport = self._channel.transport
        if transport is not None:
            transport.write(data)
            self.sent += len(data)
        else:
            self.is_aborted = True

    async def drain(self) -> None:
        """Wait until the client has taken what was written. Raises ClientGone."""
        await self._channel.drain(self.sent)

    def abort(self) -> None:
        """Abort the response, so that no client treats it as complete."""
        self.is_aborted = True
        self.keep_alive = False
        self._channel.abort()

    @property
    def transport(self) -> asyncio.Transport:
        """Raises ClientGone."""
        if self._channel.transport is None:
            raise ClientGone
        return self._channel.transport

    @property
    def awaits_continue(self) -> bool:
        """True while the client waits for 100 Continue before it sends its body."""
        return self._expects_continue and self.request.body.received == 0

    def _send_continue(self) -> None:
        if self.awaits_continue:
            self.write(CONTINUE)
        self._expects_continue = False

    def _body_left(self) -> int:
        """Bytes of the body that have not arrived; over every limit when the length is unknown."""
        length = self.request.by_name.get("content-length")
        return DRAIN_SIZE + 1 if length is None else int(length) - self.request.body.received


# ---------------------------------------------------------------- counting exchanges

ABORTED = "aborted"
"""The code of a request whose client has left, or whose response was cut off."""

MAX_DURATIONS = 1_024
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
        if len(durations) >= MAX_DURATIONS:
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
