"""Writes S3Responses and S3Errors: in one write if possible, else by sendfile or as a stream."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Coroutine, Sequence
from contextlib import aclosing, suppress
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

from s3d.agent.core.log_limit import LimitedLogger
from s3d.agent.frontends.http.exchange import Exchange
from s3d.agent.frontends.http.sendfile import SendfilePool
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, BytesBody, S3Response, at_once
from s3d.agent.s3.model import Operation
from s3d.agent.s3.serialize import HOST_ID, serialize_error, serialize_output
from s3d.shared.logs import log_fields

logger = LimitedLogger(logging.getLogger(__name__))

Headers = list[tuple[str, str]]

_BODILESS = frozenset({204, 304})

_NOT_FORWARDED = frozenset(
    {
        "alt-svc",
        "connection",
        "content-security-policy",
        "cross-origin-resource-policy",
        "date",
        "keep-alive",
        "proxy-authenticate",
        "proxy-connection",
        "server",
        "strict-transport-security",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-amz-id-2",
        "x-amz-request-id",
        "x-content-type-options",
    }
)
"""Hop-by-hop headers of a remote's response (RFC 9110 section 7.6.1), those that s3d sets, and what
the remote says about its own origin.

Its Content-Length stays: the response to a HEAD has no other.
"""


class ResponseWriter:
    """Writes responses; it never decides what they are."""

    def __init__(self, heads: ResponseHeadWriter, sendfile: SendfilePool) -> None:
        self._heads = heads
        self._sendfile = sendfile
        self._random_bits = random.Random().getrandbits

    def new_request_id(self) -> str:
        """16 hexadecimal digits, as AWS's."""
        return f"{self._random_bits(64):016X}"

    def send(
        self, exchange: Exchange, op: Operation, response: S3Response[Any]
    ) -> Coroutine[Any, Any, None] | None:
        """Write a response now, or return the coroutine that does."""
        rendered = response.rendered_headers
        if rendered is not None and self._send_rendered(exchange, op, response, rendered):
            return None
        status, headers, document = _rendered(op, response)
        body = response.body
        if exchange.method == "HEAD" or status in _BODILESS:
            if status in _BODILESS:
                headers = [h for h in headers if h[0].lower() != "content-length"]
            exchange.write(self._head(exchange, status, headers))
            return body.aclose() if body is not None else None
        if body is None:
            body = BytesBody(document)
        data = _take_at_once(body)
        if data is None:
            return self._send_body(exchange, status, headers, body)
        headers = _sized(headers, len(data))
        exchange.write(self._head(exchange, status, headers) + data)
        return None

    def _send_rendered(
        self, exchange: Exchange, op: Operation, response: S3Response[Any], rendered: dict[str, str]
    ) -> bool:
        """Write a response whose header lines were rendered before.

        False: nothing was written, since the body must be waited for.
        """
        data = b"" if response.body is None else _take_at_once(response.body)
        if data is None:
            return False
        lines = rendered.get(op.name)
        if lines is None:
            lines = rendered[op.name] = header_lines(serialize_output(op, response.output)[1])
        head = self._head(exchange, op.status, (), lines)
        exchange.write(head + data if data else head)
        return True

    def refuse(self, exchange: Exchange, error: S3Error) -> None:
        """Write an error; if the head of a response has been sent, reset the connection instead."""
        if exchange.status:
            exchange.abort()
            return
        resource = _path_of(exchange)
        status, headers, document = serialize_error(error, resource, exchange.request_id)
        headers = _sized(headers, len(document))
        if exchange.method == "HEAD" or status in _BODILESS:
            headers = [h for h in headers if h[0].lower() not in ("content-length", "content-type")]
            document = b""
        exchange.write(self._head(exchange, status, headers) + document)

    def note_error(self, exchange: Exchange, error: S3Error) -> None:
        """Called for an error that is written after the head of a success. Only logs need it."""

    def write_plain(
        self, exchange: Exchange, status: int, headers: Headers, document: bytes = b""
    ) -> None:
        """Write a response that belongs to no operation: to a CORS preflight or a form."""
        if status not in _BODILESS:
            headers = _sized(headers, len(document))
        exchange.write(self._head(exchange, status, headers) + document)

    def begin_chunked(self, exchange: Exchange) -> None:
        """Write the head of a 200 whose document follows in HTTP chunks."""
        headers = [("Content-Type", "application/xml")]
        exchange.write(self._head(exchange, 200, headers, _coding(exchange)))

    async def _send_body(
        self, exchange: Exchange, status: int, headers: Headers, body: Body
    ) -> None:
        async with aclosing(body):
            pieces = getattr(body, "pieces", None)
            if pieces is not None and body.size is not None:
                head = self._head(exchange, status, _sized(headers, body.size))
                await self._sendfile.send(exchange, head, pieces())
            else:
                await self._send_stream(exchange, status, headers, body)

    async def _send_stream(
        self, exchange: Exchange, status: int, headers: Headers, body: Body
    ) -> None:
        """Write the head after the first piece: until then an error can still be a response."""
        chunks = aiter(body)
        data = await anext(chunks, b"")
        tail = ""
        if body.size is None:
            headers = [h for h in headers if h[0].lower() != "content-length"]
            tail = _coding(exchange)
        else:
            headers = _sized(headers, body.size)
        exchange.write(self._head(exchange, status, headers, tail))
        sent = 0
        while data:
            exchange.write(as_chunk(data) if tail else data)
            sent += len(data)
            await exchange.drain()
            data = await anext(chunks, b"")
        if body.size is not None and sent != body.size:
            fields = log_fields(request_id=exchange.request_id, operation=exchange.operation)
            logger.error("a body has %d bytes instead of %d", sent, body.size, extra=fields)
            exchange.abort()
        if tail:
            exchange.write(as_chunk(b""))

    def _head(
        self, exchange: Exchange, status: int, headers: Sequence[tuple[str, str]], tail: str = ""
    ) -> bytes:
        exchange.status = status
        if exchange.extra_headers:
            headers = [*headers, *exchange.extra_headers]
        tail += exchange.decide_keep_alive()
        return self._heads.head(status, exchange.request_id, headers, tail)


def as_chunk(data: bytes) -> bytes:
    """A chunk of the HTTP transfer coding; the last one for empty data."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _coding(exchange: Exchange) -> str:
    """The header line for a body of unknown size; with HTTP/1.0 the connection's end is its end."""
    if exchange.is_http_1_0:
        exchange.wants_keep_alive = False
        return ""
    return "Transfer-Encoding: chunked\r\n"


def _rendered(op: Operation, response: S3Response[Any]) -> tuple[int, list[tuple[str, str]], bytes]:
    wire = response.wire
    if wire is not None:
        kept = [(k, v) for k, v in wire.headers if k.lower() not in _NOT_FORWARDED]
        return wire.status, kept, b""
    status, headers, document = serialize_output(op, response.output)
    if response.headers:
        headers = [*headers, *response.headers.items()]
    return response.status or status, headers, document


def _take_at_once(body: Body) -> bytes | None:
    """The bytes of a small body, which is closed; None if it is large or must be waited for."""
    if isinstance(body, BytesBody):
        return body.data
    data = at_once(body)
    if data is not None:
        with suppress(StopIteration):
            body.aclose().send(None)  # closing a FileBody never waits
    return data


def _sized(headers: Headers, size: int) -> list[tuple[str, str]]:
    kept = [h for h in headers if h[0].lower() != "content-length"]
    return [*kept, ("Content-Length", str(size))]


def _path_of(exchange: Exchange) -> str:
    return exchange.request.target.partition("?")[0]


# ---------------------------------------------------------------- heads

_STATUS_LINES = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n" for s in HTTPStatus}

# Objects may be HTML or scripts: no browser may run them as pages of this origin.
_SECURITY = (
    "Server: s3d\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Content-Security-Policy: sandbox\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
)


class ResponseHeadWriter:
    """Renders heads; keeps the Date line of the current second."""

    def __init__(self, clock: Callable[[], float], security: str = _SECURITY) -> None:
        """security: header lines that say what a browser may do with a response."""
        self._clock = clock
        self._security = security
        self._second = -1
        self._common = ""

    def head(
        self, status: int, request_id: str, headers: Sequence[tuple[str, str]], tail: str = ""
    ) -> bytes:
        """tail: further lines that contain no client data, each ended by CR LF."""
        now = int(self._clock())
        if now != self._second:
            self._second = now
            date = formatdate(now, usegmt=True)
            self._common = f"{self._security}x-amz-id-2: {HOST_ID}\r\nDate: {date}\r\n"
        lines = header_lines(headers) if headers else ""
        first = _STATUS_LINES.get(status) or f"HTTP/1.1 {status} \r\n"
        text = f"{first}x-amz-request-id: {request_id}\r\n{self._common}{lines}{tail}\r\n"
        return text.encode("utf-8", "surrogateescape")


def header_lines(headers: Sequence[tuple[str, str]]) -> str:
    """Header lines. Raises ValueError for a line break in a value: response splitting."""
    lines = [f"{name}: {value}\r\n" for name, value in headers]
    text = "".join(lines)
    if text.count("\n") != len(lines) or text.count("\r") != len(lines):
        raise ValueError("a header has a line break in it")
    return text
