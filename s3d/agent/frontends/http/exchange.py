"""One request on a connection, and the way of its answer: reading pieces, writing bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp.http_parser import RawRequestMessage
from aiohttp.http_writer import HttpVersion10
from aiohttp.streams import EMPTY_PAYLOAD

from s3d.agent.frontends.http.limits import DRAIN_SIZE
from s3d.agent.frontends.http.response_head import CONTINUE
from s3d.agent.s3.errors import S3Error

if TYPE_CHECKING:
    import asyncio

    from aiohttp.streams import StreamReader

    from s3d.agent.frontends.http.connection import Connection


class ClientGone(ConnectionError):
    """The client has left: there is nobody to answer."""


Extra = tuple[tuple[str, str], ...]
"""Headers that the door adds to an answer."""

Head = RawRequestMessage | S3Error
"""A request's head as parsed, or what to answer when it is none."""


class Exchange:
    """A request being served."""

    __slots__ = (
        "_expects",
        "began",
        "connection",
        "extra",
        "head",
        "keep_alive",
        "method",
        "operation",
        "payload",
        "received",
        "request_id",
        "sent",
        "status",
        "wants_more",
    )

    def __init__(self, connection: Connection, head: Head, payload: StreamReader) -> None:
        self.connection = connection
        self.head = head
        self.payload = payload
        self.request_id = ""
        self.began = 0.0
        """When its head was there, by the loop's clock."""
        self.operation = ""
        """For the counters and the access log."""
        self.extra: Extra = ()
        """What a web page is granted."""
        self.status = 0
        """Of the answer, once its head is written."""
        self.received = 0
        """Bytes of the body that were read."""
        self.sent = 0
        """Bytes written."""
        self.keep_alive = False
        """Known once the head of the answer is made."""
        if isinstance(head, S3Error):
            self.method, self.wants_more, self._expects = "", False, False
        else:
            self.method = head.method
            self.wants_more = not head.should_close and not head.upgrade
            expected = head.headers.get("Expect")
            self._expects = expected is not None and expected.lower() == "100-continue"

    @property
    def is_http_1_0(self) -> bool:
        """True for HTTP/1.0, which has no chunked coding and closes unless told otherwise."""
        return not isinstance(self.head, S3Error) and self.head.version == HttpVersion10

    @property
    def body_is_whole(self) -> bool:
        """True when reading the body needs no waiting."""
        return self.payload.is_eof()

    async def read(self) -> bytes:
        """The next piece of the body as the client sent it; empty at the end.

        Raises S3Error IncompleteBody or RequestTimeout.
        """
        payload = self.payload
        while True:
            self._invite()
            if not payload.is_eof():
                self.connection.set_body_timeout(True)
            data, ends_chunk = await payload.readchunk()
            if data or not ends_chunk or payload.at_eof():
                self.connection.set_body_timeout(False)
                self.received += len(data)
                return data

    def read_now(self) -> bytes:
        """All of a body that is whole."""
        if self.payload is EMPTY_PAYLOAD and not self._expects:
            return b""
        self._invite()
        data = self.payload.read_nowait()
        self.received += len(data)
        return data

    def decide_keep_alive(self) -> str:
        """Decide whether the connection outlives the answer; the header line that tells it, or ''.

        A client that still waits for 100 Continue may or may not send its body after an answer
        (and botocore then misreads the next one, so even an empty body is asked for); and of a
        long body nobody wants to read the rest: both end the connection.
        """
        self.keep_alive = (
            self.wants_more
            and not self.connection.last
            and not (self._expects and self._is_waiting())
            and (self.payload.is_eof() or self._rest() <= DRAIN_SIZE)
        )
        if not self.keep_alive:
            return "Connection: close\r\n"
        return "Connection: keep-alive\r\n" if self.is_http_1_0 else ""

    def write(self, data: bytes) -> None:
        """Hand bytes to the transport; nothing happens when the client has gone."""
        transport = self.connection.transport
        if transport is not None:
            transport.write(data)
            self.sent += len(data)

    async def drain(self) -> None:
        """Wait until the client has taken what was written. Raises ClientGone."""
        await self.connection.drain()

    def abort(self) -> None:
        """Break the answer off, so that nobody takes it for whole."""
        self.keep_alive = False
        self.connection.abort()

    @property
    def transport(self) -> asyncio.Transport:
        """Raises ClientGone."""
        if self.connection.transport is None:
            raise ClientGone
        return self.connection.transport

    def _is_waiting(self) -> bool:
        return self._expects and self.payload.total_bytes == 0

    def _invite(self) -> None:
        if self._is_waiting():
            self.write(CONTINUE)
        self._expects = False

    def _rest(self) -> int:
        """Bytes of the body that have not come yet; more than any limit when nobody knows."""
        assert not isinstance(self.head, S3Error)
        length = self.head.headers.get("Content-Length", "")
        return int(length) - self.payload.total_bytes if length.isdigit() else DRAIN_SIZE + 1
