"""A pool of connections, and a server that sends exactly what a test says."""

from __future__ import annotations

import asyncio
import inspect
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from socket import SO_LINGER, SOL_SOCKET
from typing import Any

import pytest
import uvloop

from s3d.agent.stores.remote.http1_connection import Http1Response
from s3d.agent.stores.remote.http1_pool import Http1Pool, http1_message
from s3d.agent.stores.remote.http_transport import Settings, Timeouts

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
"""The agent has the one or the other."""


class Server:
    """Sends the scripted responses: the first one to its first request, and so on; b"": it closes
    the connection instead."""

    def __init__(self) -> None:
        self.port = 0
        self.script: list[bytes] = []
        self.requests: list[tuple[int, bytes]] = []
        """(number of the connection, head) of each request."""
        self.connections: list[asyncio.StreamWriter] = []
        self.stays_open = False
        """After a response without a length; otherwise its end is that of the connection."""
        self.asked = asyncio.Event()
        self.ended = asyncio.Event()
        """A client has closed a connection."""

    def reset(self) -> None:
        """End the first connection with a reset."""
        (writer,) = self.connections
        socket = writer.get_extra_info("socket")
        socket.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        self.ended.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        number = len(self.connections)
        try:
            while True:
                self.requests.append((number, await reader.readuntil(b"\r\n\r\n")))
                self.asked.set()
                response = self.script.pop(0) if self.script else b""
                if not response:
                    return
                writer.write(response)
                if b"Content-Length" not in response and b"chunked" not in response:
                    if self.stays_open:
                        await self.ended.wait()
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            self.ended.set()
        finally:
            writer.close()


class Network:
    """A pool, and a server that it is used with."""

    def __init__(self, server: Server, pool: Http1Pool) -> None:
        self.server = server
        self.pool = pool

    @property
    def origin(self) -> tuple[str, str]:
        return "http", f"127.0.0.1:{self.server.port}"

    @property
    def connections_used(self) -> list[int]:
        return [number for number, _ in self.server.requests]

    async def ask(self, method: str = "GET", *, reuse: bool = True) -> Http1Response:
        message = http1_message(method, "/x", [("host", "h")], b"")
        is_head = method == "HEAD"
        return await self.pool.request(self.origin, message, is_head_request=is_head, reuse=reuse)


@asynccontextmanager
async def opened() -> AsyncIterator[Network]:
    server = Server()
    pool = Http1Pool(Settings("http://127.0.0.1", timeouts=Timeouts(connect=2.0)))
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    net = Network(server, pool)
    try:
        yield net
    finally:
        await net.pool.close()
        for writer in server.connections:
            writer.close()
        listening.close()


def on_both_loops(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run a test with a Network on each loop."""

    async def run(**arguments: Any) -> None:
        async with opened() as net:
            await asyncio.wait_for(test(net, **arguments), 30)

    def on_loop(loop: str, **arguments: Any) -> None:
        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            runner.run(run(**arguments))

    _, *others = inspect.signature(test).parameters.values()
    first = inspect.Parameter("loop", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    on_loop.__signature__ = inspect.Signature([first, *others])  # type: ignore[attr-defined]
    on_loop.__name__ = test.__name__
    return pytest.mark.parametrize("loop", LOOPS)(on_loop)


async def whole(response: Http1Response) -> bytes:
    data = b""
    while chunk := await response.read(None):
        data += chunk
    return data
