"""A raw S3 client: bytes over a socket, so that anything can be sent, and seen."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from s3d.agent.core.access_keys import AccessKeys
from s3d.agent.core.store import AccessControl, ObjectStore
from s3d.agent.frontends.http.limits import Limits
from s3d.agent.frontends.http.request_record import Record
from s3d.agent.frontends.http.s3_server import S3Server
from s3d.agent.s3.messages import WireRequest
from s3d.agent.s3.signature_elements import Signer
from s3d.agent.s3.signing import sign
from s3d.shared.access_key import AccessKey
from s3d.shared.config.values import Secret

ACCESS_KEY, SECRET = "S3DTESTKEY", "a secret of tests"
SIGNER = Signer(ACCESS_KEY, SECRET)
PATIENCE = 10.0
"""Seconds that any answer may take before a test fails."""

Headers = Mapping[str, str]


@dataclass(slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes = b""
    informed: list[int] = field(default_factory=list)
    """Statuses of the 1xx answers that came before."""

    @property
    def code(self) -> str:
        match = re.search(rb"<Code>(.*?)</Code>", self.body)
        return match[1].decode() if match else ""


class Wire:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, *data: bytes) -> None:
        for piece in data:
            self.writer.write(piece)

    async def answer(self, method: str = "GET") -> Answer:
        """The next answer. Raises EOFError when the connection ends before its head."""
        async with asyncio.timeout(PATIENCE):
            answer, informed = await self._head(), []
            while answer.status < 200:
                informed.append(answer.status)
                answer = await self._head()
            answer.informed = informed
            if method != "HEAD" and answer.status not in (204, 304):
                answer.body = await self._body(answer)
            return answer

    async def ask(self, request: bytes, method: str = "GET") -> Answer:
        self.send(request)
        return await self.answer(method)

    async def ended(self) -> bool:
        """True when the server ends the connection without a further byte."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self.reader.read(1) == b""
            except ConnectionError:
                return True

    async def _head(self) -> Answer:
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            raise EOFError(error.partial) from error
        first, *lines = head[:-4].decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        assert len(headers) == len(lines), f"a header was sent twice: {lines}"
        return Answer(int(first.split()[1]), {n.lower(): v for n, v in headers.items()})

    async def _body(self, answer: Answer) -> bytes:
        if "chunked" in answer.headers.get("transfer-encoding", ""):
            body = b""
            while size := int(await self.reader.readline(), 16):
                body += await self.reader.readexactly(size)
                await self.reader.readexactly(2)
            await self.reader.readexactly(2)
            return body
        if "content-length" in answer.headers:
            return await self.reader.readexactly(int(answer.headers["content-length"]))
        return await self.reader.read()


class RunningEndpoint:
    """A running endpoint with one known key."""

    def __init__(self, server: S3Server, address: tuple[str, int]) -> None:
        self.server = server
        self.address = address

    @property
    def host(self) -> str:
        return f"{self.address[0]}:{self.address[1]}"

    @asynccontextmanager
    async def wire(self) -> AsyncIterator[Wire]:
        reader, writer = await asyncio.open_connection(*self.address, limit=1 << 26)
        try:
            yield Wire(reader, writer)
        finally:
            writer.close()

    async def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """A signed request on a connection of its own; keyword a_b is the header a-b."""
        async with self.wire() as wire:
            return await wire.ask(self.request(method, path, body, **headers), method)

    def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
        """The bytes of a signed request."""
        return self.head(method, path, body, **headers) + body

    def head(
        self, method: str, path: str, body: bytes = b"", payload: str = "", **headers: str
    ) -> bytes:
        """The head of a signed request. payload: x-amz-content-sha256, else that of the body."""
        given = {"host": self.host}
        if body or method in ("PUT", "POST"):
            given["content-length"] = str(len(body))
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        given = {name: value for name, value in given.items() if value != ABSENT}
        raw_path, _, raw_query = path.partition("?")
        wire = WireRequest(method, raw_path, raw_query, tuple(given.items()))
        payload = payload or hashlib.sha256(body).hexdigest()
        given |= sign(wire, payload, SIGNER, time.time())
        return plain_head(method, path, given)


ABSENT = "\x00"
"""As a header's value: do not send it."""


def plain_head(method: str, path: str, headers: Headers) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", *(f"{n}: {v}" for n, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")


@asynccontextmanager
async def opened(
    store: ObjectStore,
    limits: Limits | None = None,
    *,
    auth: bool = True,
    keys: AccessKeys | None = None,
    clock: Callable[[], float] = time.time,
    access: AccessControl | None = None,
    access_log: Callable[[bytes], None] | None = None,
    record: Record | None = None,
) -> AsyncIterator[RunningEndpoint]:
    """An endpoint for a store, at a free port of loopback."""
    if auth and keys is None:
        keys = AccessKeys([AccessKey(ACCESS_KEY, Secret(SECRET))])
    server = S3Server(
        store,
        keys=keys,
        hosts=("s3.test",),
        limits=limits,
        clock=clock,
        access=access,
        access_log=access_log,
        record=record,
    )
    address = await server.start("127.0.0.1", 0)
    try:
        yield RunningEndpoint(server, address)
    finally:
        await server.stop(0)
