"""HTTP/1.1 requests out of a connection's bytes, by httptools (llhttp).

httptools knows no limits and cannot be paused, and an exception in one of its callbacks ends it.
So the bytes are fed in slices that end where a head or a body ends: the parser stops after any
request, the number of requests read ahead is bounded, and callbacks only note what is wrong.
https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from httptools import (
    HttpParserError,
    HttpParserInvalidURLError,
    HttpParserUpgrade,
    HttpRequestParser,
)

from s3d.agent.frontends.http.body_buffer import EMPTY_BODY, BodyBuffer
from s3d.agent.frontends.http.limits import HEAD_SIZE, PIPELINE
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.signature_elements import joined_headers

_HEADER_COUNT = 256
_UNFINISHED_HEAD = 4 * HEAD_SIZE
"""Bytes of a head that has no end yet. More than HEAD_SIZE, so that most heads that are too long
are complete when they are refused, and their connection can be kept."""
_CHUNKED_SLICE = 16 * 1024
"""Bytes of a chunked body fed at a time: its end is unknown, and requests may follow it."""
_SINGLETONS = frozenset(
    {
        "content-length",
        "content-location",
        "content-range",
        "content-type",
        "etag",
        "host",
        "max-forwards",
        "server",
        "transfer-encoding",
        "user-agent",
    }
)
"""Headers that a request has once at most: RFC 9110 section 5.3."""
_UNSUPPORTED = "2"
"""The first major version of HTTP that s3d does not speak."""
_VERSIONS = ("1.1", "1.0")
"""llhttp takes 0.9 and 2.0 as well, which have no such messages."""
_KNOWN_NAMES = 512
_names: dict[bytes, str] = {}
"""Header name as sent -> in lower case; bounded, since clients choose the names."""

Headers = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class HttpRequest:
    """A request whose head has arrived, or the error that stands in its place."""

    method: str
    target: str
    """As in the request line."""
    headers: Headers
    """Lower-case names and values, in the order they were sent."""
    by_name: Mapping[str, str]
    """Repeated headers are joined with a comma."""
    head_size: int
    """Bytes of the request target and the header section."""
    is_http_1_0: bool
    wants_keep_alive: bool
    body: BodyBuffer
    error: S3Error | None = None
    """The response to bytes that are not an HTTP request."""


class ParserState(Enum):
    """Whether bytes that arrive are parsed."""

    OPEN = auto()
    CLOSED = auto()
    """Parsing has ended: neither a request nor the rest of one is parsed."""
    BROKEN = auto()
    """As CLOSED, but bytes that cannot be interpreted may still arrive."""


OPEN = ParserState.OPEN
"""An attribute of this module is read faster than a member of an Enum (Python 3.11)."""


class RequestParser:
    """Parses what a client sends; holds at most PIPELINE requests, and the rest as bytes.

    Callbacks of httptools begin with on_; only httptools calls them.
    """

    __slots__ = (
        "_at",
        "_headers",
        "_left",
        "_on_malformed",
        "_on_room",
        "_parser",
        "_requests",
        "_target",
        "_unparsed",
        "body",
        "head_bytes",
        "state",
    )

    def __init__(
        self, on_malformed: Callable[[Exception], S3Error], on_room: Callable[[], None]
    ) -> None:
        """on_malformed: the response to a parser's error. on_room: see BodyBuffer."""
        self._on_malformed = on_malformed
        self._on_room = on_room
        self._parser = HttpRequestParser(self)
        self._requests: deque[HttpRequest] = deque()
        self._unparsed = b""
        """The bytes whose rest, from _at on, follows the last request of a full queue."""
        self._at = 0
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._left: int | None = 0
        """Bytes of the body that have not arrived; None: it is chunked, up to its trailers' end."""
        self.body = EMPTY_BODY
        """Of the request parsed last."""
        self.head_bytes = 0
        """Of a head that has begun; in a chunked body, since its last byte of data."""
        self.state = OPEN

    @property
    def has_requests(self) -> bool:
        return bool(self._requests)

    @property
    def is_closed(self) -> bool:
        return self.state is not OPEN

    @property
    def is_full(self) -> bool:
        """True when no more should be read from the client for now."""
        return bool(self._unparsed) or self.body.is_over_high_water

    def feed(self, data: bytes) -> None:
        """Parse bytes that have arrived. An error becomes the last request, or ends its body."""
        if self._unparsed:
            data, self._at = self._unparsed[self._at :] + data, 0
        self._parse(data, 0)

    def next(self) -> HttpRequest | None:
        """Take the oldest request."""
        if self._unparsed and len(self._requests) <= PIPELINE // 2 and not self.is_closed:
            self._parse(self._unparsed, self._at)
        return self._requests.popleft() if self._requests else None

    def close(self) -> None:
        """Parse nothing more and drop the requests that were read ahead."""
        if self.state is OPEN:
            self.state = ParserState.CLOSED
        self._requests.clear()

    def fail_body(self, error: S3Error) -> None:
        """Parse nothing more; a body that is not complete ends with this error."""
        if self.state is OPEN:
            self.state = ParserState.CLOSED
        self.body.fail(error)

    def fail(self, error: S3Error) -> None:
        """End the body in hand with an error, or respond with it after the requests read ahead."""
        self.state = ParserState.BROKEN
        if not self.body.is_complete:
            self.body.fail(error)
        else:
            request = HttpRequest("", "", (), {}, 0, False, False, EMPTY_BODY, error)
            self._requests.append(request)

    # ------------------------------------------------------------------ called by httptools

    def on_url(self, piece: bytes) -> None:
        self._target += piece

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._left is not None:  # else it is a trailer, which s3d has no use for
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        headers = tuple(
            [
                (_names.get(name) or _lower(name), value.rstrip(b" \t").decode("utf-8", _ESCAPE))
                for name, value in self._headers
            ]
        )
        by_name = dict(headers)
        if len(by_name) < len(headers):
            by_name = joined_headers(headers)
        parser = self._parser
        method = parser.get_method().decode()
        keep_alive = parser.should_keep_alive()
        # Only HTTP/1.1 is kept alive without a Connection header; to ask for the version is slow.
        may_be_other = not keep_alive or "connection" in by_name
        version = parser.get_http_version() if may_be_other else "1.1"
        self._left = (
            None if "transfer-encoding" in by_name else int(by_name.get("content-length", "0"))
        )
        self.body = EMPTY_BODY if self._left == 0 else BodyBuffer(self._on_room)
        request = HttpRequest(
            method,
            self._target.decode("utf-8", _ESCAPE),
            headers,
            by_name,
            self.head_bytes - len(method) - len("  HTTP/1.1\r\n\r\n"),
            version == "1.0",
            keep_alive and not ("upgrade" in by_name and parser.should_upgrade()),
            self.body,
        )
        is_unusual = self._left is None or "host" not in by_name or len(headers) > len(by_name)
        if is_unusual or len(headers) > _HEADER_COUNT or version not in _VERSIONS:
            self._check(request, version)
        self._requests.append(request)
        self.head_bytes = 0
        self._target = b""
        self._headers = []

    def on_body(self, data: bytes) -> None:
        if self._left is not None:
            self._left -= len(data)
        self.head_bytes = 0
        self.body.feed(data)

    def on_message_complete(self) -> None:
        self._left = 0
        self.head_bytes = 0
        if self.body is not EMPTY_BODY:
            self.body.complete()

    # ------------------------------------------------------------------ inside

    def _parse(self, data: bytes, at: int) -> None:
        self._unparsed = b""
        size = len(data)
        while at < size and self.state is OPEN:
            if len(self._requests) >= PIPELINE and self.body.is_complete:
                self._unparsed, self._at = data, at
                return
            end = self._end_of_slice(data, at, size)
            self.head_bytes += end - at
            self._execute(data if end - at == size else memoryview(data)[at:end])
            at = end

    def _end_of_slice(self, data: bytes, at: int, size: int) -> int:
        """Where to stop feeding: behind at most one request.

        The end of a head may be split between two reads and so be missed: then one request more
        is in the slice.
        """
        if self._left is None:
            return min(size, at + _CHUNKED_SLICE)
        if self._left:
            return min(size, at + self._left)
        end = data.find(b"\r\n\r\n", at)
        return size if end < 0 else end + 4

    def _execute(self, data: bytes | memoryview) -> None:
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self.state = ParserState.CLOSED  # s3d speaks no other protocol
        except HttpParserError as error:
            version = self._parser.get_http_version()
            self.fail(self._on_malformed(_NewerHTTP(version) if version >= _UNSUPPORTED else error))
        else:
            size, count = self.head_bytes, len(self._headers)
            if size and (size > _UNFINISHED_HEAD or count > _HEADER_COUNT):
                self.fail(S3Error("RequestHeaderSectionTooLarge"))

    def _check(self, request: HttpRequest, version: str) -> None:
        """Find what llhttp lets pass, or refuses only after the head was handed on."""
        by_name = request.by_name
        names = [name for name, _ in request.headers if name in _SINGLETONS]
        coding = by_name.get("transfer-encoding", "chunked")
        if len(request.headers) > _HEADER_COUNT:
            request.error = S3Error("RequestHeaderSectionTooLarge")
        elif version not in _VERSIONS:
            newer = _NewerHTTP if version >= _UNSUPPORTED else ValueError
            request.error = self._on_malformed(newer(f"HTTP/{version}"))
        elif "host" not in by_name and not request.is_http_1_0:
            request.error = self._on_malformed(ValueError("no Host header"))
        elif len(names) > len(set(names)):
            request.error = self._on_malformed(ValueError("a header is repeated"))
        elif coding.rpartition(",")[2].strip().lower() != "chunked":
            request.error = self._on_malformed(ValueError("the body has no end"))
        if request.error is not None:
            self.state = ParserState.BROKEN


_ESCAPE = "surrogateescape"


class _NewerHTTP(ValueError):
    """The request line names a newer version of HTTP."""


def _lower(name: bytes) -> str:
    text = name.lower().decode("latin-1")
    if len(_names) < _KNOWN_NAMES:
        _names[name] = text
    return text


def error_of(error: Exception) -> S3Error:
    """The response to bytes that httptools, or RequestParser, has refused."""
    if isinstance(error, HttpParserInvalidURLError):
        return S3Error("InvalidURI")
    if isinstance(error, _NewerHTTP):
        # https://www.rfc-editor.org/rfc/rfc9110#section-15.6.6
        return S3Error("HttpVersionNotSupported")
    return S3Error("BadRequest", "An error occurred when parsing the HTTP request.")
