"""The control API of the agent over its Unix socket: calls, data, events. No Textual."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any, Protocol, TypeVar

import aiohttp
import msgspec

from s3d import __version__
from s3d.shared import control
from s3d.shared.control import Event, Listing, Problem
from s3d.tui.control_paths import listing_path

CALL_TIMEOUT = 30.0
"""Timeout of a call in seconds."""
EVENT_TIMEOUT = 12.0
"""Seconds without an event, heartbeats included, after which the agent counts as unreachable."""
BASE_URL = "http://s3d"

T = TypeVar("T")


class AgentUnreachable(Exception):
    """The agent does not answer. str(): the reason, for the user."""


class RequestRefused(Exception):
    """The agent has answered with an error."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(": ".join(part for part in (problem.title, problem.detail) if part))


def error_text(error: AgentUnreachable | RequestRefused) -> str:
    """The error as the user should read it, with the agent's hint if there is one."""
    hint = error.problem.hint if isinstance(error, RequestRefused) else ""
    return f"{error}. {hint}" if hint else str(error)


class Agent(Protocol):
    """What the app calls: the agent behind a socket, or the one of the demonstration."""

    socket: str
    """The agent's address, as shown to the user."""
    is_local: bool
    """The agent runs on this machine, so the app can check paths and start the agent."""
    is_demo: bool
    """It is no agent, but an example of one."""

    async def call(self, method: str, path: str, kind: type[T], body: Any = None) -> T:
        """Call the control API and decode the answer. Raises AgentUnreachable, RequestRefused."""

    async def read_range(self, path: str, start: int, size: int) -> bytes:
        """A range of the bytes behind a path. Raises AgentUnreachable, RequestRefused."""

    def instance_id(self) -> object:
        """Changes when another agent listens, as far as the socket file shows it."""

    def events(self) -> AsyncIterator[Event]:
        """All events from now on. Ends with AgentUnreachable."""

    async def close(self) -> None: ...


async def listing_pages(
    agent: Agent, bucket: str, prefix: str, *, deep: bool = False, key_states: bool = False
) -> AsyncGenerator[Listing]:
    """All pages of a listing, in the order of S3. Raises AgentUnreachable, RequestRefused."""
    cursor, is_last = "", False
    while not is_last:
        path = listing_path(bucket, prefix, cursor=cursor, deep=deep, key_states=key_states)
        page = await agent.call("GET", path, Listing)
        cursor, is_last = page.cursor, not page.cursor
        yield page


class SocketAgent:
    """The agent behind a Unix socket. Connections are opened when they are needed."""

    is_demo = False

    def __init__(self, socket: Path, *, is_local: bool = True) -> None:
        self._path = socket
        self.socket, self.is_local = str(socket), is_local
        self._session: aiohttp.ClientSession | None = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            headers = {control.CLIENT_HEADER: f"tui/{__version__}"}
            connector = aiohttp.UnixConnector(self.socket, limit=8)
            self._session = aiohttp.ClientSession(BASE_URL, connector=connector, headers=headers)
        return self._session

    def instance_id(self) -> object:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_ctime_ns

    async def call(self, method: str, path: str, kind: type[T], body: Any = None) -> T:
        data = None if body is None else control.encode(body)
        timeout = aiohttp.ClientTimeout(CALL_TIMEOUT)
        try:
            async with self._open().request(method, path, data=data, timeout=timeout) as answer:
                content = await answer.read()
                if answer.status >= 400:
                    raise RequestRefused(_problem(content, answer.status))
                return control.decode(content or b"null", kind)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise AgentUnreachable(_reason(error, self.socket)) from error
        except msgspec.DecodeError as error:
            raise AgentUnreachable(f"cannot decode the agent's response: {error}") from error

    async def read_range(self, path: str, start: int, size: int) -> bytes:
        headers = {"Range": f"bytes={start}-{start + size - 1}"}
        timeout = aiohttp.ClientTimeout(CALL_TIMEOUT)
        try:
            async with self._open().get(path, headers=headers, timeout=timeout) as answer:
                if answer.status == 416:
                    return b""
                if answer.status >= 400:
                    raise RequestRefused(_problem(await answer.read(), answer.status))
                data = bytearray()
                while block := await answer.content.read(size - len(data)):
                    data += block
                return bytes(data)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise AgentUnreachable(_reason(error, self.socket)) from error

    async def events(self) -> AsyncIterator[Event]:
        timeout = aiohttp.ClientTimeout(total=None, sock_read=EVENT_TIMEOUT)
        try:
            async with self._open().get("/v1/events", timeout=timeout) as answer:
                async for line in answer.content:
                    yield control.decode(line, Event)
        except (aiohttp.ClientError, OSError, TimeoutError, msgspec.DecodeError) as error:
            raise AgentUnreachable(_reason(error, self.socket)) from error
        raise AgentUnreachable("the agent has stopped")

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
            await asyncio.sleep(0)  # aiohttp closes its sockets in the next turn of the loop


def _problem(content: bytes, status: int) -> Problem:
    try:
        return control.decode(content, Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Problem("InternalError", f"the agent returned HTTP status {status}")


def _reason(error: Exception, socket: str) -> str:
    if isinstance(error, TimeoutError | aiohttp.SocketTimeoutError):
        return "the agent does not respond"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"no agent at {socket}"
    return str(error) or type(error).__name__
