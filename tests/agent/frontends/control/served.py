"""Routes of the control API on a Unix socket in this process, and a client of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import aiohttp

from s3d.agent.frontends.control.control_call import Route
from s3d.agent.frontends.control.control_server import ControlServer
from s3d.shared.control import Problem, decode, encode

T = TypeVar("T")


@asynccontextmanager
async def served(socket: Path, routes: Sequence[Route]) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve the routes; the client of them."""
    server = ControlServer(routes, grace=1.0)
    await server.start(socket)
    connector = aiohttp.UnixConnector(str(socket))
    async with aiohttp.ClientSession("http://localhost", connector=connector) as client:
        yield client
    await server.stop()


class Caller:
    """Calls the routes of a control server."""

    client: aiohttp.ClientSession

    async def ask(self, method: str, path: str, kind: type[T], body: object = None) -> T:
        """The answer, which must be a good one."""
        data = None if body is None else encode(body)
        async with self.client.request(method, path, data=data) as response:
            content = await response.read()
            assert response.status < 300, content
            return decode(content, kind)

    async def refused(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        """Status and code of a bad one."""
        data = None if body is None else encode(body)
        async with self.client.request(method, path, data=data) as response:
            return response.status, decode(await response.read(), Problem).code
