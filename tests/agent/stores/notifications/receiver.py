"""A real webhook for tests: an HTTP server that keeps what it gets, and refuses on demand."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Receiver:
    """The requests that were accepted, in order."""

    url: str
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    refuse: Callable[[dict[str, Any]], int] = lambda message: 200
    """The status of the response to a message."""
    attempts: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def events(self) -> list[tuple[str, str]]:
        """Type and key of each accepted event; a test message has no key."""
        return [kind_of(json.loads(body)) for body in self.bodies]

    async def until(self, condition: Callable[[Receiver], bool]) -> None:
        """Wait until a condition holds; it is looked at after each request."""
        async with asyncio.timeout(30):
            while not condition(self):
                self._changed.clear()
                await self._changed.wait()

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.attempts += 1
        status = self.refuse(json.loads(body))
        if status == 200:
            self.bodies.append(body)
            self.headers.append({name.lower(): value for name, value in request.headers.items()})
        self._changed.set()
        return web.Response(status=status, text="refused" if status != 200 else "")


def kind_of(message: dict[str, Any]) -> tuple[str, str]:
    if "Event" in message:
        return message["Event"], ""
    (record,) = message["Records"]
    return record["eventName"], record["s3"]["object"]["key"]


def reserved() -> socket.socket:
    """A port that refuses connections until receiving() has it, and that nobody else gets: the
    receiver of another test would accept what is sent to a free port."""
    place = socket.socket()
    place.bind(("127.0.0.1", 0))
    return place


def url_of(place: socket.socket) -> str:
    return f"http://127.0.0.1:{place.getsockname()[1]}/hook"


@asynccontextmanager
async def receiving(place: socket.socket | None = None) -> AsyncIterator[Receiver]:
    """A running receiver at a reserved port, which it closes at its end; None: at any port."""
    place = place or reserved()
    receiver = Receiver(url_of(place))
    app = web.Application()
    app.router.add_post("/hook", receiver.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.SockSite(runner, place).start()
    yield receiver
    await runner.cleanup()
