"""What the endpoint logs of each request: a line at level debug, and the access log.

Neither costs anything while it is off: the server is then built without the classes of this module.
RecordedExchange, RecordingHandler and RecordingWriter keep what records need and counters do not:
the request to the store, the head of the response, the code of an error.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

from s3d.agent.frontends.http.exchange import CONTINUE, Exchange, ResponseChannel
from s3d.agent.frontends.http.request_handler import RequestHandler
from s3d.agent.frontends.http.request_parser import HttpRequest
from s3d.agent.frontends.http.request_reader import RequestHead, RequestReader
from s3d.agent.frontends.http.response_writer import ResponseWriter
from s3d.agent.s3.access_log_record import (
    BATCH_DELETE,
    COPY_SOURCE,
    FORM_POST,
    PREFLIGHT,
    AccessRecord,
    authentication,
    format_record,
    operation_name,
)
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request
from s3d.agent.s3.named_objects import parse_copy_source
from s3d.agent.s3.principal import Principal
from s3d.agent.s3.routing import route
from s3d.agent.s3.serialize import HOST_ID
from s3d.shared.logs import log_fields

logger = logging.getLogger("s3d.access")


class RecordedExchange(Exchange):
    """An exchange that keeps what its records need. Times are of time.monotonic()."""

    __slots__ = (
        "error_code",
        "received_at",
        "responded_at",
        "response_head",
        "store_request",
    )

    def __init__(self, channel: ResponseChannel, request: HttpRequest) -> None:
        super().__init__(channel, request)
        self.store_request: S3Request[Any] | None = None
        """None: refused before the store was called, or a form or a preflight."""
        self.response_head = b""
        self.received_at: float | None = None
        """When the last piece of the body was read."""
        self.responded_at: float | None = None
        """When the head was made."""
        self.error_code = ""

    async def read(self) -> bytes:
        data = await super().read()
        self.received_at = time.monotonic()
        return data


RequestLogger = Callable[[RecordedExchange], None]


class RecordingHandler(RequestHandler):
    """A RequestHandler of RecordedExchanges, which logs them."""

    exchange_class = RecordedExchange
    logs: Sequence[RequestLogger] = ()
    """Called with each exchange that is over."""

    def completed(self, exchange: Exchange) -> None:
        super().completed(exchange)
        recorded = _recorded(exchange)
        for log in self.logs:
            log(recorded)
        # Its body refers to the exchange: the cycle would live until the next garbage collection.
        recorded.store_request = None

    def _call(
        self, exchange: Exchange, request: S3Request[Any]
    ) -> Coroutine[Any, Any, None] | None:
        _recorded(exchange).store_request = request
        return super()._call(exchange, request)


class RecordingWriter(ResponseWriter):
    """A ResponseWriter of RecordedExchanges."""

    def refuse(self, exchange: Exchange, error: S3Error) -> None:
        self.note_error(exchange, error)
        super().refuse(exchange, error)

    def note_error(self, exchange: Exchange, error: S3Error) -> None:
        _recorded(exchange).error_code = error.code

    def _head(
        self, exchange: Exchange, status: int, headers: Sequence[tuple[str, str]], tail: str = ""
    ) -> bytes:
        recorded = _recorded(exchange)
        recorded.responded_at = time.monotonic()
        recorded.response_head = super()._head(exchange, status, headers, tail)
        return recorded.response_head


def _recorded(exchange: Exchange) -> RecordedExchange:
    assert isinstance(exchange, RecordedExchange)  # the server has no others while it logs
    return exchange


def request_logs(
    access_log: Callable[[bytes], None] | None, reader: RequestReader, clock: Callable[[], float]
) -> list[RequestLogger]:
    """What logs the requests: nothing without an access log and above level debug."""
    logs: list[RequestLogger] = []
    if logger.isEnabledFor(logging.DEBUG):
        logs.append(log_request)
    if access_log is not None:
        logs.append(AccessLog(access_log, reader, clock).log)
    return logs


def log_request(exchange: RecordedExchange) -> None:
    """Log an exchange that is over, at level debug."""
    fields = {"request_id": exchange.request_id, "operation": exchange.operation}
    if exchange.trace is not None:
        fields["trace_id"] = exchange.trace.trace_id
    if exchange.store_request is not None:
        fields |= {"bucket": exchange.store_request.bucket, "key": exchange.store_request.key}
    logger.debug(
        "request method=%s status=%s code=%s received=%d sent=%d ms=%.1f",
        exchange.method, exchange.status or "-", exchange.error_code or "-", exchange.received,
        exchange.sent, (time.monotonic() - exchange.started) * 1000, extra=log_fields(**fields),
    )  # fmt: skip


# ---------------------------------------------------------------- the access log


class AccessLog:
    """Makes the records of an exchange that is over."""

    def __init__(
        self,
        put: Callable[[bytes], None],
        reader: RequestReader,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """put: takes a line, from the loop's thread, and never waits."""
        self._put = put
        self._reader = reader
        self._clock = clock

    def log(self, exchange: RecordedExchange) -> None:
        """Log an exchange that is over."""
        for record in self.records(exchange):
            self._put(format_record(record).encode() + b"\n")

    def records(self, exchange: RecordedExchange) -> Iterator[AccessRecord]:
        """The records of an exchange, in the order in which AWS has them: those of what a request
        does to several objects come before its own."""
        try:
            head = self._reader.parse_head(exchange.request)
        except S3Error:
            head = None
        main = _main_record(exchange, head, self._clock())
        yield from _copy_record(exchange, head, main)
        yield from _delete_records(exchange, main)
        yield main


class BucketLog:
    """Hands the records of each exchange that is over to the logs of buckets."""

    def __init__(
        self,
        put: Callable[[AccessRecord], None],
        reader: RequestReader,
        clock: Callable[[], float],
    ) -> None:
        """put: takes a record, from the loop's thread, and never waits."""
        self._put = put
        self._records = AccessLog(lambda line: None, reader, clock).records

    def log(self, exchange: RecordedExchange) -> None:
        """Log an exchange that is over."""
        for record in self._records(exchange):
            self._put(record)


def _main_record(exchange: RecordedExchange, head: RequestHead | None, now: float) -> AccessRecord:
    """now: Unix seconds."""
    headers = exchange.request.by_name
    total = max(time.monotonic() - exchange.started, 0.0)
    version, kind = authentication(headers, {} if head is None else head.query)
    requested = exchange.store_request
    key = "" if head is None else head.address.key
    if requested is not None:
        key = requested.key
    version_id = "" if head is None else head.query.get("versionId", "")
    http = "HTTP/1.0" if exchange.is_http_1_0 else "HTTP/1.1"
    line = f"{exchange.method} {exchange.request.target} {http}" if exchange.method else ""
    return AccessRecord(
        time=now - total,
        operation=_operation(exchange, head),
        request_id=exchange.request_id,
        bucket="" if head is None else head.address.bucket,
        remote_ip=exchange.client_address,
        requester="" if requested is None else _requester(requested.context.principal),
        key=key,
        request_line=line,
        status=exchange.status,
        error_code=exchange.error_code,
        bytes_sent=_body_size(exchange),
        object_size=_object_size(exchange),
        total_time=total,
        turn_around_time=_turn_around(exchange),
        referer=headers.get("referer"),
        user_agent=headers.get("user-agent"),
        version_id=version_id,
        host_id=HOST_ID,
        signature_version=version,
        authentication_type=kind,
        host_header=headers.get("host", ""),
    )


def _requester(principal: Principal | None) -> str:
    """The canonical user id of an account, the ARN of a user of it; "" without a signature."""
    if principal is None or principal.is_anonymous:
        return ""
    return principal.owner if principal.arn.endswith(":root") else principal.arn


def _operation(exchange: RecordedExchange, head: RequestHead | None) -> str:
    """The name of the operation, also of a request that was refused before it was looked up."""
    if exchange.operation == "PostObject":
        return FORM_POST
    if exchange.method == "OPTIONS":
        return PREFLIGHT
    if head is None:
        return ""
    address, wire = head.address, head.wire
    try:
        op = route(wire.method, address.bucket, address.key, head.query, head.headers)
    except S3Error:
        return ""
    return operation_name(op, wire.method) if op.name else ""


def _copy_record(
    exchange: RecordedExchange, head: RequestHead | None, main: AccessRecord
) -> Iterator[AccessRecord]:
    source = exchange.request.by_name.get("x-amz-copy-source")
    if exchange.operation not in COPY_SOURCE or source is None:
        return
    try:
        bucket, key, version_id = parse_copy_source(source)
    except S3Error:
        return
    yield _part_of(main)._replace(
        operation=COPY_SOURCE[exchange.operation], bucket=bucket, key=key,
        version_id=version_id or "", status=main.status, error_code=main.error_code,
    )  # fmt: skip


def _delete_records(exchange: RecordedExchange, main: AccessRecord) -> Iterator[AccessRecord]:
    """One for each key of DeleteObjects that was carried out."""
    request = exchange.store_request
    if exchange.operation != "DeleteObjects" or request is None or exchange.status != 200:
        return
    for each in request.input.get("Delete", {}).get("Objects", ()):
        yield _part_of(main)._replace(
            operation=BATCH_DELETE, key=each.get("Key", ""), status=204,
            version_id=each.get("VersionId") or "",
        )  # fmt: skip


def _part_of(main: AccessRecord) -> AccessRecord:
    """The record of a part of a request, which has no request line and no times of its own."""
    return main._replace(
        request_line=None, referer=None, user_agent=None, bytes_sent=0, object_size=None,
        total_time=None, turn_around_time=None, error_code="",
    )  # fmt: skip


_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_CONTENT_RANGE = re.compile(rb"\r\ncontent-range: *bytes \d+-\d+/(\d+)\r\n", re.IGNORECASE)
_READS = frozenset({"GetObject", "HeadObject"})
_UPLOADS = frozenset({"PutObject", "UploadPart"})


def _body_size(exchange: RecordedExchange) -> int:
    """Bytes of the response's body that were sent."""
    expected = exchange.request.by_name.get("expect", "").lower() == "100-continue"
    interim = len(CONTINUE) if expected and exchange.received else 0
    return max(exchange.sent - len(exchange.response_head) - interim, 0)


def _object_size(exchange: RecordedExchange) -> int | None:
    """The whole size of the object that was read or stored."""
    if not 200 <= exchange.status < 300:
        return None
    if exchange.operation in _READS:
        head = exchange.response_head
        size = _CONTENT_RANGE.search(head) or _CONTENT_LENGTH.search(head)
        return None if size is None else int(size[1])
    if exchange.operation in _UPLOADS and exchange.store_request is not None:
        length: int | None = exchange.store_request.input.get("ContentLength")
        return length
    return None


def _turn_around(exchange: RecordedExchange) -> float | None:
    if exchange.responded_at is None:
        return None
    return exchange.responded_at - (exchange.received_at or exchange.started)
