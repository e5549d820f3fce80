"""A faulty network and a faulty server: an HTTP/1.1 proxy before a peer that does what it is told.

Bytes pass untouched unless a fault says otherwise, so signatures made for the proxy's address hold.
"""

from __future__ import annotations

import asyncio
import random
import re
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Self
from urllib.parse import urlsplit

from s3d.agent.s3.messages import WireRequest
from s3d.agent.s3.signature_elements import Signer
from s3d.agent.s3.signing import sign
from tests.peers.servers import Peer

CHUNK = 64 * 1024
HEAD_LIMIT = 64 * 1024
_NOT_KEPT = ("if-", "authorization", "x-amz-date", "x-amz-content-sha256")
_ETAG = re.compile(rb"[0-9a-f]{32}")


class Drop(Enum):
    """Where the connection dies."""

    BEFORE = auto()
    """The request has been read; the server never hears of it."""
    UPLOAD = auto()
    """In the middle of the request's body, on both sides."""
    AFTER = auto()
    """The server has answered, that is has committed; the answer is lost."""


class Partition(Enum):
    """How a network that is away looks."""

    REFUSED = auto()
    """Connections are reset at once."""
    SILENT = auto()
    """Connections are taken and nothing ever comes."""


@dataclass(frozen=True)
class Page:
    """An answer of another server: a captive portal, a proxy, a firewall."""

    status: int
    body: bytes = b"<html><head><title>Sign in</title></head><body>Wi-Fi</body></html>"
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/html"),)
    missing: int = 0
    """Bytes that Content-Length promises and that never come."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to one request; faults of several kinds may go together."""

    delay: float = 0.0
    """Seconds until the server is asked."""
    late: float = 0.0
    """Seconds from the arrival of the whole request to its delivery; its sender may be gone."""
    drop: Drop | None = None
    status: int | None = None
    """Answer this at once with code as its S3 error; the server never hears of the request."""
    code: str = "InternalError"
    message: str = "fault"
    page: Page | None = None
    """Answer this at once, in the server's place, which never hears of the request."""
    retry_after: int | None = None
    """Seconds, sent as Retry-After with status."""
    elements: tuple[tuple[str, str], ...] = ()
    """Further elements of the error document."""
    truncate: int | None = None
    """Bytes of the answer's body that arrive before the connection is closed."""
    shorten: bool = False
    """With truncate: Content-Length tells the shortened size, as if that were all."""
    rate: float | None = None
    """Bytes a second of the answer's body."""
    strip_conditions: bool = False
    """If-* headers are taken off and the request is signed anew: a server that ignores them."""
    strip_headers: tuple[str, ...] = ()
    """Headers (lower-case) that are taken off the answer: a server that does not send them."""
    swap_etag: bool = False
    """Every ETag of the answer is another one, the same for the same ETag."""
    edit_xml: Callable[[bytes], bytes] | None = None
    """What becomes of the answer's document, if it is one in XML: another provider's dialect."""


SLOW_DOWN = Fault(status=503, code="SlowDown")
PASS = Fault()


@dataclass
class Head:
    """A request's or response's first line and headers, as they came."""

    first: str
    headers: list[tuple[str, str]]

    def __getitem__(self, name: str) -> str:
        return next((v for k, v in self.headers if k.lower() == name), "")

    @property
    def method(self) -> str:
        return self.first.split(" ")[0]

    @property
    def target(self) -> str:
        """Path and query of a request, as sent."""
        return self.first.split(" ")[1]

    @property
    def status(self) -> int:
        return int(self.first.split(" ")[1])

    def to_bytes(self) -> bytes:
        lines = [self.first, *(f"{name}: {value}" for name, value in self.headers), "", ""]
        return "\r\n".join(lines).encode("latin-1")


CONTINUE = Head("HTTP/1.1 100 Continue", [])


@dataclass
class Exchange:
    """A request that the proxy saw."""

    head: Head
    fault: Fault
    status: int | None = None
    """What the server answered; None: it was not asked, or has not answered."""
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    """The server has answered."""
    begun: float = field(default_factory=time.monotonic)
    ended: float | None = None
    """When the server has answered."""

    def __str__(self) -> str:
        telling = ("if-", "x-amz-meta-")
        headers = [f"{k}: {v}" for k, v in self.head.headers if k.lower().startswith(telling)]
        took = "never answered" if self.ended is None else f"{self.ended - self.begun:.3f} s"
        what = f"{self.begun:.3f} {self.head.method} {self.head.target[:120]} {headers}"
        return f"{what} -> {self.status} {took} {self.fault.drop or ''}"


@dataclass
class _Rule:
    fault: Fault
    matches: Callable[[Head], bool]
    left: float


@dataclass
class FaultyProxy:
    """`async with FaultyProxy(peer) as proxy`: speak S3 to proxy.peer.

    A request suffers the first fault in inject()'s order that matches, else one drawn by chaos,
    else none. seed: two proxies with the same seed and requests draw the same.
    """

    upstream: Peer
    seed: int = 0
    chaos: Mapping[Fault, float] = field(default_factory=dict)
    """Fault -> probability."""
    seen: list[Exchange] = field(default_factory=list)
    partition: Partition | None = None
    refused: int = 0
    """Connections that the partition has refused."""
    _rules: list[_Rule] = field(default_factory=list)
    _connections: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def inject(
        self,
        fault: Fault,
        *,
        times: float = 1,
        when: Callable[[Head], bool] = lambda head: True,
    ) -> None:
        """Let the next requests that match suffer this fault; times may be math.inf."""
        self._rules.append(_Rule(fault, when, times))

    def heal(self) -> None:
        """Forget every fault and end the partition."""
        self._rules.clear()
        self.chaos = {}
        self.partition = None

    def cut(self, partition: Partition = Partition.REFUSED) -> None:
        """The network goes away, open connections with it."""
        self.partition = partition
        for writer in self._connections:
            _reset(writer)

    async def __aenter__(self) -> Self:
        self._random = random.Random(self.seed)
        address = urlsplit(self.upstream.endpoint)
        self._address = (address.hostname or "", address.port or 80)
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=HEAD_LIMIT)
        port = self._server.sockets[0].getsockname()[1]
        self.peer = Peer(
            "faulty-" + self.upstream.name,
            f"http://127.0.0.1:{port}",
            self.upstream.access_key,
            self.upstream.secret_key,
            self.upstream.region,
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            with self._tracked(writer):
                if self.partition is Partition.REFUSED:
                    self.refused += 1
                elif self.partition is Partition.SILENT:
                    await reader.read(-1)
                elif self.partition is None:
                    await self._converse(reader, writer)
        except (OSError, EOFError):
            pass  # One side went away, or a fault says so: the other was reset.

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server = await asyncio.open_connection(*self._address, limit=HEAD_LIMIT)
        with self._tracked(server[1]):
            while await self._exchange(reader, writer, server):
                pass

    @contextmanager
    def _tracked(self, writer: asyncio.StreamWriter) -> Iterator[None]:
        """Close the connection at the end; reset it when the end is an error."""
        self._connections.add(writer)
        try:
            yield
        except BaseException:
            _reset(writer)
            raise
        finally:
            self._connections.discard(writer)
            writer.close()

    async def _exchange(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> bool:
        """Pass one request and its answer. True: the connection lives on."""
        head = await _read_head(reader)
        exchange = Exchange(head, self._fault_for(head))
        fault = exchange.fault
        self.seen.append(exchange)
        await asyncio.sleep(fault.delay)
        if fault.drop is Drop.BEFORE or fault.status is not None or fault.page is not None:
            if "100-continue" not in head["expect"].lower():
                await _drain(_body(reader, head))
            if fault.drop is Drop.BEFORE:
                raise ConnectionResetError("fault: dropped before the server")
            if fault.page is not None:
                writer.write(_page(fault.page, head.method))
            else:
                writer.write(_refusal(fault, bodiless=head.method == "HEAD"))
            return False
        if fault.strip_conditions:
            head = self._unconditional(head)
        if fault.late:
            await self._deliver_late(fault.late, head, (reader, writer), server[1])
            exchange.status = (answer := await _read_head(server[0])).status
            return await self._answer(exchange, answer, server[0], writer)
        server[1].write(head.to_bytes())
        expects = "100-continue" in head["expect"].lower()
        answer = await _read_head(server[0]) if expects else CONTINUE
        if answer.status == 100:
            if expects:
                writer.write(answer.to_bytes())
            await self._upload(head, reader, server[1], fault)
            answer = await _read_head(server[0])
        exchange.status = answer.status
        return await self._answer(exchange, answer, server[0], writer)

    async def _deliver_late(
        self,
        seconds: float,
        head: Head,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: asyncio.StreamWriter,
    ) -> None:
        """Nothing is read from the client meanwhile, so its end goes unnoticed."""
        if "100-continue" in head["expect"].lower():
            client[1].write(CONTINUE.to_bytes())
        body = [chunk async for chunk in _body(client[0], head)]
        await asyncio.sleep(seconds)
        headers = [(name, value) for name, value in head.headers if name.lower() != "expect"]
        server.write(b"".join([Head(head.first, headers).to_bytes(), *body]))
        await server.drain()

    async def _upload(
        self, head: Head, reader: asyncio.StreamReader, server: asyncio.StreamWriter, fault: Fault
    ) -> None:
        async for chunk in _body(reader, head):
            if fault.drop is Drop.UPLOAD:
                server.write(chunk[: len(chunk) // 2])
                await server.drain()
                raise ConnectionResetError("fault: upload cut")
            server.write(chunk)
            await server.drain()

    async def _answer(
        self,
        exchange: Exchange,
        answer: Head,
        server: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        exchange.answered.set()
        exchange.ended = time.monotonic()
        fault = exchange.fault
        bodiless = exchange.head.method == "HEAD" or answer.status in (204, 304)
        if fault.drop is Drop.AFTER:
            if not bodiless:
                await _drain(_body(server, answer))
            raise ConnectionResetError("fault: answer lost")
        if fault.swap_etag:
            answer.headers = [
                (k, _other_etag(v.encode()).decode() if k.lower() == "etag" else v)
                for k, v in answer.headers
            ]
        if fault.strip_headers:
            answer.headers = [h for h in answer.headers if h[0].lower() not in fault.strip_headers]
        if fault.truncate is not None and fault.shorten:
            answer.headers = [
                (k, str(fault.truncate) if k.lower() == "content-length" else v)
                for k, v in answer.headers
            ]
        if fault.edit_xml is not None and not bodiless and "xml" in answer["content-type"]:
            document = fault.edit_xml(await _document(server, answer))
            writer.write(_with_length(answer, len(document)).to_bytes() + document)
            return "close" not in (answer["connection"] + exchange.head["connection"]).lower()
        writer.write(answer.to_bytes())
        if not bodiless and not await self._download(fault, answer, server, writer):
            return False
        return "close" not in (answer["connection"] + exchange.head["connection"]).lower()

    async def _download(
        self,
        fault: Fault,
        answer: Head,
        server: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        """False: the answer was cut short."""
        left = fault.truncate
        swaps = fault.swap_etag and "xml" in answer["content-type"]
        async for chunk in _body(server, answer):
            if swaps:
                chunk = _other_etag(chunk)
            if left is not None:
                writer.write(chunk[:left])
                left -= len(chunk[:left])
                if left == 0:
                    return False
            elif fault.rate is None:
                writer.write(chunk)
                await writer.drain()
            else:
                await _trickle(writer, chunk, fault.rate)
        return True

    def _fault_for(self, head: Head) -> Fault:
        for rule in self._rules:
            if rule.left > 0 and rule.matches(head):
                rule.left -= 1
                return rule.fault
        for fault, probability in self.chaos.items():
            if self._random.random() < probability:
                return fault
        return PASS

    def _unconditional(self, head: Head) -> Head:
        """The request without its conditions, signed anew for the same payload."""
        signer = Signer(self.upstream.access_key, self.upstream.secret_key, self.upstream.region)
        path, _, query = head.target.partition("?")
        kept = [(k, v) for k, v in head.headers if not k.lower().startswith(_NOT_KEPT)]
        signed = tuple((k.lower(), v) for k, v in kept if k.lower().startswith(("host", "x-amz-")))
        wire = WireRequest(head.method, path, query, signed)
        added = sign(wire, head["x-amz-content-sha256"], signer, time.time())
        return Head(head.first, [*kept, *added.items()])


async def _read_head(reader: asyncio.StreamReader) -> Head:
    """Raises EOFError (IncompleteReadError is one) when the connection ends instead."""
    raw = await reader.readuntil(b"\r\n\r\n")
    first, *lines = raw.decode("latin-1").split("\r\n")[:-2]
    return Head(
        first, [(name, value.strip()) for name, _, value in (x.partition(":") for x in lines)]
    )


async def _body(reader: asyncio.StreamReader, head: Head) -> AsyncIterator[bytes]:
    """The body's bytes as they go over the wire, chunk framing and trailers included."""
    if "chunked" in head["transfer-encoding"].lower():
        size = -1
        while size != 0:
            line = await reader.readuntil(b"\r\n")
            size = int(line.split(b";")[0], 16)
            yield line + (await reader.readexactly(size + 2) if size else b"")
        while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
            yield line
        yield line
    elif head["content-length"]:
        left = int(head["content-length"])
        while left:
            chunk = await reader.read(min(left, CHUNK))
            if not chunk:
                raise EOFError("body cut short")
            left -= len(chunk)
            yield chunk
    elif head.first.startswith("HTTP/"):
        while chunk := await reader.read(CHUNK):
            yield chunk


async def _document(reader: asyncio.StreamReader, head: Head) -> bytes:
    """The whole body without chunk framing."""
    if "chunked" not in head["transfer-encoding"].lower():
        return b"".join([chunk async for chunk in _body(reader, head)])
    found = b""
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        found += (await reader.readexactly(size + 2))[:-2]
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass
    return found


def _with_length(head: Head, size: int) -> Head:
    framing = ("content-length", "transfer-encoding")
    kept = [(name, value) for name, value in head.headers if name.lower() not in framing]
    return Head(head.first, [*kept, ("Content-Length", str(size))])


async def _drain(body: AsyncIterator[bytes]) -> None:
    async for _ in body:
        pass


async def _trickle(writer: asyncio.StreamWriter, chunk: bytes, rate: float) -> None:
    step = max(1, int(rate / 10))
    for start in range(0, len(chunk), step):
        await asyncio.sleep(len(chunk[start : start + step]) / rate)
        writer.write(chunk[start : start + step])
        await writer.drain()


def _refusal(fault: Fault, *, bodiless: bool) -> bytes:
    more = "".join(f"<{name}>{text}</{name}>" for name, text in fault.elements)
    body = (
        f"<Error><Code>{fault.code}</Code><Message>{fault.message}</Message>{more}</Error>".encode()
    )
    headers = [
        ("Content-Type", "application/xml"),
        ("Content-Length", str(len(body))),
        ("x-amz-request-id", "fault"),
        ("Server", "SeaweedFS"),
    ]
    if fault.retry_after is not None:
        headers.append(("Retry-After", str(fault.retry_after)))
    headers.append(("Connection", "close"))
    return Head(f"HTTP/1.1 {fault.status} Fault", headers).to_bytes() + (b"" if bodiless else body)


def _page(page: Page, method: str) -> bytes:
    bodiless = method == "HEAD" or page.status in (204, 304)
    headers = [*page.headers, ("Connection", "close")]
    if page.status not in (204, 304):
        headers.append(("Content-Length", str(len(page.body) + page.missing)))
    head = Head(f"HTTP/1.1 {page.status} Page", headers).to_bytes()
    return head if bodiless else head + page.body


def _other_etag(text: bytes) -> bytes:
    return _ETAG.sub(lambda found: found[0][::-1], text)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close at once, with a RST."""
    with suppress(OSError):
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()
