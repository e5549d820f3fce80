"""One HTTP/1.1 connection to a remote: a request from memory, and its response as it arrives.

httptools (llhttp) parses the responses. An exception in one of its callbacks ends it, so callbacks
only note what they see. It does not know which request a response belongs to, so the connection
itself ends the responses that have no body whatever their headers say.
https://www.rfc-editor.org/rfc/rfc9112#section-6.3
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from s3d.agent.core.failures import Reason, Unreachable

HEAD_SIZE = 64 * 1024
"""Bytes of a response's head, at most."""
BUFFER_SIZE = 512 * 1024
"""Bytes of a body that are held before its reader takes them; then the server has to wait."""

_NO_BODY = frozenset((204, 304))
_CLOSED = "the server has closed the connection"
_KNOWN_NAMES = 512
_names: dict[bytes, str] = {}
"""Header name as received -> in lower case; bounded, since servers choose the names."""


class Http1Response:
    """A response whose head has arrived. Its connection serves the next request when all of it has
    arrived, read or not."""

    __slots__ = ("_buffered", "_chunks", "_connection", "_failure", "_more", "headers", "status")

    def __init__(self, connection: Http1Connection) -> None:
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        """Lower-case names."""
        self._connection: Http1Connection | None = connection
        """None: it has arrived whole, or never will."""
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self._failure: Unreachable | None = None
        self._more: asyncio.Future[None] | None = None

    def take(self, limit: int | None) -> bytes | None:
        """What has arrived, at most limit bytes; b"" at the end; None: read() has to wait for it.

        Raises Unreachable when the connection broke before.
        """
        if not self._chunks:
            if self._failure is not None:
                raise self._failure
            return b"" if self._connection is None else None
        if limit is not None and len(self._chunks[0]) > limit:
            first = self._chunks.popleft()
            self._chunks.appendleft(first[limit:])
            taken = first[:limit]
        elif len(self._chunks) == 1 or limit is not None:
            taken = self._chunks.popleft()
        else:
            taken = b"".join(self._chunks)
            self._chunks.clear()
        self._buffered -= len(taken)
        if self._connection is not None and self._buffered < BUFFER_SIZE:
            self._connection.resume()
        return taken

    async def read(self, limit: int | None) -> bytes:
        """The next bytes, at most limit; b"" at the end. Raises Unreachable."""
        while (taken := self.take(limit)) is None:
            self._more = asyncio.get_running_loop().create_future()
            await self._more
        return taken

    def close(self) -> None:
        """Nobody will read the rest: a connection on which it still arrives is closed."""
        self._chunks.clear()
        if self._connection is not None:
            self._connection.abort()

    def add(self, chunk: bytes) -> bool:
        """Whether the buffer is full now."""
        self._chunks.append(chunk)
        self._buffered += len(chunk)
        self._wake()
        return self._buffered >= BUFFER_SIZE

    def end(self, failure: Unreachable | None = None) -> None:
        """It has arrived whole, or breaks off here with a failure."""
        self._connection, self._failure = None, failure
        self._wake()

    def _wake(self) -> None:
        if self._more is not None and not self._more.done():
            self._more.set_result(None)


class Http1Connection(asyncio.Protocol):
    """Serves one request after the other. Callbacks of httptools begin with on_."""

    def __init__(
        self,
        on_idle: Callable[[Http1Connection], None],
        on_closed: Callable[[Http1Connection], None],
    ) -> None:
        """on_idle: a response has arrived, and the connection can serve another request."""
        self.idle_since = 0.0
        """Time of the loop."""
        self._on_idle = on_idle
        self._on_closed = on_closed
        self._parser = HttpResponseParser(self)
        self._next_parser: HttpResponseParser | None = None
        """Set while data_received runs, by a response that has arrived: the parser of the one after
        it. It is another one when this one waits for a body that there is not."""
        self._transport: asyncio.Transport | None = None
        self._response: Http1Response | None = None
        """The one that is awaited or arriving."""
        self._head: asyncio.Future[None] | None = None
        """Done when the head of the response is there."""
        self._is_head_request = False
        self._ends_with_connection = False
        """The body has no length: it lasts until the server closes the connection."""
        self._is_broken = False
        """The connection cannot serve another request."""
        self._head_size = 0

    @property
    def is_open(self) -> bool:
        transport = self._transport
        return not self._is_broken and transport is not None and not transport.is_closing()

    async def send(self, request: bytes, *, is_head_request: bool) -> Http1Response:
        """Send a whole request; the response, when its head is there. Raises Unreachable."""
        if self._transport is None or not self.is_open:
            raise Unreachable(Reason.LOST, _CLOSED, sent=False)
        response = self._response = Http1Response(self)
        head = self._head = asyncio.get_running_loop().create_future()
        self._is_head_request, self._ends_with_connection = is_head_request, False
        self._head_size = 0
        self._transport.write(request)
        try:
            await head
        except BaseException:
            self.abort()
            if head.done() and not head.cancelled():
                head.exception()  # nobody else will look at it
            raise
        return response

    def close(self) -> None:
        """Close an idle connection."""
        self._is_broken = True
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close the connection at once, and end what arrives on it."""
        self._is_broken = True
        if self._transport is not None:
            self._transport.abort()
        self._fail(Unreachable(Reason.LOST, "the connection was closed", sent=True))

    def resume(self) -> None:
        """The reader has taken bytes: let the server send again."""
        if self._transport is not None:
            self._transport.resume_reading()

    # ------------------------------------------------------------ asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._response is None or self._is_broken:  # nothing was asked for
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self._malformed("it switches to another protocol")
        except HttpParserError as error:
            self._malformed(str(error))
        if self._head is not None:
            self._head_size += len(data)
            if self._head_size > HEAD_SIZE:
                self._malformed(f"its head is longer than {HEAD_SIZE} bytes")
        if self._next_parser is not None:
            self._become_idle(self._next_parser)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_broken = True
        is_end = exc is None and self._head is None and self._ends_with_connection
        if self._response is not None and is_end:
            self._response.end()
            self._response = None
        self._fail(Unreachable(Reason.LOST, str(exc or _CLOSED), sent=True))
        self._on_closed(self)

    # ------------------------------------------------------------ httptools

    def on_message_begin(self) -> None:
        if self._response is None:  # a second response to one request
            self._is_broken = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head is None or self._response is None:  # a trailer
            return
        lower = _names.get(name)
        if lower is None:
            lower = name.decode("utf-8", "surrogateescape").lower()
            if len(_names) < _KNOWN_NAMES:
                _names[name] = lower
        self._response.headers.append((lower, value.decode("utf-8", "surrogateescape")))

    def on_headers_complete(self) -> None:
        response, head = self._response, self._head
        if response is None or head is None:
            return
        status = self._parser.get_status_code()
        if status < 200:  # an interim response; the one that counts follows
            response.headers.clear()
            return
        response.status = status
        self._head = None
        if not head.done():
            head.set_result(None)
        if self._is_head_request or status in _NO_BODY:
            self._complete(is_parsed=False)
        else:
            names = {name for name, _ in response.headers}
            self._ends_with_connection = not names & {"content-length", "transfer-encoding"}

    def on_body(self, chunk: bytes) -> None:
        if self._response is None:  # bytes after a response that has none
            self._is_broken = True
        elif self._response.add(chunk) and self._transport is not None:
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        if self._response is not None and self._head is None:
            self._complete(is_parsed=True)

    # ------------------------------------------------------------ ends

    def _complete(self, *, is_parsed: bool) -> None:
        """The response has arrived. is_parsed: the parser knows that, too."""
        response, transport = self._response, self._transport
        assert response is not None
        assert transport is not None
        self._response = None
        response.end()
        parser = self._parser
        keeps = parser.should_keep_alive() if is_parsed else _keeps_alive(parser, response)
        if not keeps or transport.get_write_buffer_size():
            self._is_broken = True
        self._next_parser = parser if is_parsed else HttpResponseParser(self)

    def _become_idle(self, parser: HttpResponseParser) -> None:
        """After the parser's callbacks, which may have seen more bytes than the response."""
        self._next_parser = None
        if not self.is_open:
            self.close()
            return
        self._parser = parser
        self.resume()
        self.idle_since = asyncio.get_running_loop().time()
        self._on_idle(self)

    def _malformed(self, why: str) -> None:
        self._fail(Unreachable(Reason.LOST, f"the response is not HTTP: {why}", sent=True))
        self.abort()

    def _fail(self, failure: Unreachable) -> None:
        response, self._response = self._response, None
        head, self._head = self._head, None
        if response is not None:
            response.end(failure)
        if head is not None and not head.done():
            head.set_exception(failure)


def _keeps_alive(parser: HttpResponseParser, response: Http1Response) -> bool:
    """Whether a server that sent no body keeps the connection. That of HTTP/1.0 may say so, but is
    not believed: https://www.rfc-editor.org/rfc/rfc9112#section-9.3"""
    return parser.get_http_version() != "1.0" and all(
        "close" not in value.lower() for name, value in response.headers if name == "connection"
    )
