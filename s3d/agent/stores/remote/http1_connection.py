"""One HTTP/1.1 connection to a remote: a request from memory, and its response as it arrives.

httptools (llhttp) parses the responses. An exception in one of its callbacks ends it, so callbacks
only note what they see. It does not know which request a response belongs to, so the connection
itself ends the responses that have no body whatever their headers say.
https://www.rfc-editor.org/rfc/rfc9112#section-6.3

The rest of a large body whose length is known does not pass the parser: the socket writes it
straight into the block of its response.
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
BUFFER_SIZE = 1024 * 1024
"""Bytes of a body that are held before its reader takes them; then the server has to wait."""
PARSED_SIZE = 64 * 1024
"""Bytes of the rest of a body that still pass the parser; more do not."""

_NO_BODY = frozenset((204, 304))
_CLOSED = "the server has closed the connection"
_KNOWN_NAMES = 512
_names: dict[bytes, str] = {}
"""Header name as received -> in lower case; bounded, since servers choose the names."""


class BodyBuffer:
    """Bytes of a body that its reader has not taken: chunks of the parser, and after them what the
    socket itself has written into the block."""

    __slots__ = ("_block", "_chunks", "_in_block", "_offset", "size")

    def __init__(self) -> None:
        self.size = 0
        self._chunks: deque[bytes] = deque()
        self._offset = 0
        """Bytes of the first chunk that have been taken."""
        self._block: memoryview | None = None
        self._in_block = 0
        """Bytes at the beginning of the block that have not been taken."""

    def add(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self.size += len(chunk)

    def room(self, limit: int) -> memoryview:
        """Where the socket may write the next bytes, at most limit."""
        if self._block is None:
            self._block = memoryview(bytearray(min(limit, BUFFER_SIZE + 1)))
        return self._block[self._in_block : self._in_block + limit]

    def add_written(self, size: int) -> None:
        """So many bytes have been written into the room."""
        self._in_block += size
        self.size += size

    def take(self, limit: int | None) -> bytes:
        """The next bytes, at most limit; b"" when there are none."""
        chunks, start = self._chunks, self._offset
        if not chunks:
            if not self._in_block:
                return b""
            assert self._block is not None
            chunks.append(bytes(self._block[: self._in_block]))
            self._in_block = 0
        if limit is not None and len(chunks[0]) - start > limit:
            self._offset += limit
            taken = chunks[0][start : self._offset]
        else:
            self._offset = 0
            taken = chunks.popleft()[start:]
            if chunks and limit is None:
                taken = b"".join((taken, *chunks))
                chunks.clear()
        self.size -= len(taken)
        return taken

    def clear(self) -> None:
        self._chunks.clear()
        self._offset = self._in_block = self.size = 0


class Http1Response:
    """A response whose head has arrived. Its connection serves the next request when all of it has
    arrived, read or not."""

    __slots__ = (
        "_body",
        "_connection",
        "_failure",
        "_more",
        "ends_with_connection",
        "headers",
        "is_parsed",
        "missing",
        "status",
    )

    def __init__(self, connection: Http1Connection) -> None:
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        """Lower-case names."""
        self.missing = 0
        """Bytes of the body that have not arrived; not positive when its length is not known."""
        self.ends_with_connection = False
        """The body has no length: it lasts until the server closes the connection."""
        self.is_parsed = True
        """What arrives passes the parser."""
        self._connection: Http1Connection | None = connection
        """None: it has arrived whole, or never will."""
        self._body = BodyBuffer()
        self._failure: Unreachable | None = None
        self._more: asyncio.Future[None] | None = None

    def take(self, limit: int | None) -> bytes | None:
        """What has arrived, at most limit bytes; b"" at the end; None: read() has to wait for it.

        Raises Unreachable when the connection broke before.
        """
        taken = self._body.take(limit)
        if not taken:
            if self._failure is not None:
                raise self._failure
            return b"" if self._connection is None else None
        if self._connection is not None and not self.is_full:
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
        self._body.clear()
        if self._connection is not None:
            self._connection.abort()

    @property
    def is_full(self) -> bool:
        """The server has to wait for the reader."""
        return self._body.size >= BUFFER_SIZE

    def add(self, chunk: bytes) -> None:
        """The parser has seen bytes of the body."""
        self.missing -= len(chunk)
        self._body.add(chunk)
        self._wake()

    def room(self) -> memoryview:
        """Where the socket writes the next bytes, when they do not pass the parser: one more than
        are missing, so that a server that sends too many is noticed."""
        return self._body.room(self.missing + 1)

    def add_written(self, size: int) -> None:
        """The socket has written so many bytes into the room. What is too much is dropped, and
        missing is negative then."""
        self._body.add_written(min(size, self.missing))
        self.missing -= size
        self._wake()

    def end(self, failure: Unreachable | None = None) -> None:
        """It has arrived whole, or breaks off here with a failure."""
        self._connection, self._failure = None, failure
        self._wake()

    def _wake(self) -> None:
        if self._more is not None and not self._more.done():
            self._more.set_result(None)


class Http1Connection(asyncio.BufferedProtocol):
    """Serves one request after the other. Callbacks of httptools begin with on_."""

    def __init__(
        self,
        scratch: memoryview,
        on_idle: Callable[[Http1Connection], None],
        on_closed: Callable[[Http1Connection], None],
    ) -> None:
        """scratch: where the socket writes what the parser reads at once; connections of one loop
        share it. on_idle: a response has arrived, and the connection can serve another request.
        """
        self.idle_since = 0.0
        """Time of the loop."""
        self._scratch = scratch
        self._on_idle = on_idle
        self._on_closed = on_closed
        self._parser = HttpResponseParser(self)
        self._next_parser: HttpResponseParser | None = None
        """Set while buffer_updated runs, by a response that has arrived: the parser of the one
        after it. It is another one when this one still waits for a body."""
        self._transport: asyncio.Transport | None = None
        self._response: Http1Response | None = None
        """The one that is awaited or arriving."""
        self._head: asyncio.Future[None] | None = None
        """Done when the head of the response is there."""
        self._is_head_request = False
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
        self._is_head_request, self._head_size = is_head_request, 0
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

    # ------------------------------------------------------------ asyncio.BufferedProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        response = self._response
        return self._scratch if response is None or response.is_parsed else response.room()

    def buffer_updated(self, nbytes: int) -> None:
        response = self._response
        if response is None or self._is_broken:  # nothing was asked for
            self.close()
            return
        if response.is_parsed:
            self._parse(self._scratch[:nbytes])
            response.is_parsed = response.missing <= PARSED_SIZE
        else:
            response.add_written(nbytes)
            if response.missing <= 0:
                self._is_broken = response.missing < 0  # it has sent more than it announced
                self._complete(HttpResponseParser(self), keeps=self._parser.should_keep_alive())
        if self._next_parser is not None:
            self._become_idle(self._next_parser)
        elif self._response is not None and self._transport is not None and response.is_full:
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_broken = True
        response = self._response
        if response is not None and exc is None and response.ends_with_connection:
            response.end()
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
            self._complete(HttpResponseParser(self), keeps=_keeps_alive(self._parser, response))
        else:
            by_name = dict(response.headers)
            is_coded = "transfer-encoding" in by_name
            length = None if is_coded else by_name.get("content-length")
            response.missing = int(length or 0)  # llhttp has verified that it is a number
            response.ends_with_connection = length is None and not is_coded

    def on_body(self, chunk: bytes) -> None:
        if self._response is None:  # bytes after a response that has none
            self._is_broken = True
        else:
            self._response.add(chunk)

    def on_message_complete(self) -> None:
        if self._response is not None and self._head is None:
            self._complete(self._parser, keeps=self._parser.should_keep_alive())

    def _parse(self, data: memoryview) -> None:
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

    # ------------------------------------------------------------ ends

    def _complete(self, next_parser: HttpResponseParser, *, keeps: bool) -> None:
        """The response has arrived. keeps: the server keeps the connection."""
        response, transport = self._response, self._transport
        assert response is not None
        assert transport is not None
        self._response = None
        response.end()
        if not keeps or transport.get_write_buffer_size():
            self._is_broken = True
        self._next_parser = next_parser

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
