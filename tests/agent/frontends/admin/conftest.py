"""An admin server on a free port of this machine, and a client that speaks raw HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from s3d.agent.frontends.admin.admin_access import AdminAccess
from s3d.agent.frontends.admin.admin_server import AdminServer
from s3d.shared.config.values import Secret

TOKEN = "0123456789abcdef-token"


def metrics(accept: str) -> tuple[bytes, str]:
    return f'# HELP accept "{accept}"\n'.encode(), "text/plain; version=0.0.4"


@dataclass(frozen=True)
class Answer:
    """A response. headers: by lower-case name."""

    status: int
    headers: dict[str, str]
    body: bytes


class Wire:
    """Sends requests as they are written."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def raw(self, data: bytes) -> bytes:
        """All bytes of the answer, until the server ends the connection."""
        reader, writer = await self.open()
        writer.write(data)
        try:
            async with asyncio.timeout(10):
                return await read_to_end(reader)
        finally:
            writer.close()

    async def __call__(
        self, path: str, method: str = "GET", *, host: str = "127.0.0.1", token: str = ""
    ) -> Answer:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Accept: mine"]
        lines += [f"Authorization: Bearer {token}"] if token else []
        return answer_of(await self.raw("\r\n".join([*lines, "", ""]).encode()))


async def read_to_end(reader: asyncio.StreamReader) -> bytes:
    """What comes before the connection is closed or reset."""
    received = b""
    try:
        while chunk := await reader.read(1 << 20):
            received += chunk
    except ConnectionResetError:
        pass
    return received


def answer_of(data: bytes) -> Answer:
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (each.partition(": ") for each in lines)}
    return Answer(int(first.split()[1]), headers, body)


@pytest.fixture
async def server() -> AsyncIterator[AdminServer]:
    """Needs no token."""
    server = AdminServer(AdminAccess(["nas.home"]), metrics)
    yield server
    await server.stop()


@pytest.fixture
async def wire(server: AdminServer) -> Wire:
    return Wire(await server.start("127.0.0.1", 0))


@pytest.fixture
async def guarded() -> AsyncIterator[AdminServer]:
    """Needs TOKEN."""
    server = AdminServer(AdminAccess(token=Secret(TOKEN)), metrics)
    yield server
    await server.stop()


@pytest.fixture
async def guarded_wire(guarded: AdminServer) -> Wire:
    return Wire(await guarded.start("127.0.0.1", 0))
