"""The agent over its Unix socket, for the app: calls, data, events. Nothing here knows Textual."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol, TypeVar

import aiohttp
import msgspec

from s3d import __version__
from s3d.shared import control
from s3d.shared.control import Event, Problem

CALL = 30.0
"""Seconds that a call may take."""
SILENCE = 12.0
"""Seconds without an event, the heartbeat included, after which the agent is taken for lost."""
BASE = "http://s3d"

T = TypeVar("T")


class AgentUnreachable(Exception):
    """The agent does not answer. str(): why."""


class RequestRefused(Exception):
    """The agent says no."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(": ".join(part for part in (problem.title, problem.detail) if part))


class Agent(Protocol):
    """Whom the app talks to: the real agent, or the one of the demonstration."""

    async def ask(self, method: str, path: str, kind: type[T], body: Any = None) -> T:
        """A call of the control API. Raises Lost, Denied."""

    async def data(self, path: str, start: int, size: int) -> bytes:
        """A range of an object. Raises Lost, Denied."""

    def stamp(self) -> object:
        """Another value when there is another agent, as far as that is seen from outside."""

    def events(self) -> AsyncIterator[Event]:
        """All that happens from now on. Raises Lost in the end."""

    async def close(self) -> None: ...


class SocketAgent:
    """The one on the socket. Connections are made when they are needed."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self._session: aiohttp.ClientSession | None = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            headers = {control.CLIENT_HEADER: f"tui/{__version__}"}
            connector = aiohttp.UnixConnector(str(self.socket), limit=8)
            self._session = aiohttp.ClientSession(BASE, connector=connector, headers=headers)
        return self._session

    def stamp(self) -> object:
        try:
            facts = self.socket.stat()
        except OSError:
            return None
        return facts.st_ino, facts.st_ctime_ns

    async def ask(self, method: str, path: str, kind: type[T], body: Any = None) -> T:
        data = None if body is None else control.encode(body)
        timeout = aiohttp.ClientTimeout(CALL)
        try:
            async with self._open().request(method, path, data=data, timeout=timeout) as answer:
                content = await answer.read()
                if answer.status >= 400:
                    raise RequestRefused(_problem(content, answer.status))
                return control.decode(content or b"null", kind)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise AgentUnreachable(_why(error, self.socket)) from error
        except msgspec.DecodeError as error:
            raise AgentUnreachable(f"the agent's answer is not understood: {error}") from error

    async def data(self, path: str, start: int, size: int) -> bytes:
        headers = {"Range": f"bytes={start}-{start + size - 1}"}
        timeout = aiohttp.ClientTimeout(CALL)
        try:
            async with self._open().get(path, headers=headers, timeout=timeout) as answer:
                if answer.status == 416:
                    return b""
                if answer.status >= 400:
                    raise RequestRefused(_problem(await answer.read(), answer.status))
                return await answer.content.read(size)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise AgentUnreachable(_why(error, self.socket)) from error

    async def events(self) -> AsyncIterator[Event]:
        timeout = aiohttp.ClientTimeout(total=None, sock_read=SILENCE)
        try:
            async with self._open().get("/v1/events", timeout=timeout) as answer:
                async for line in answer.content:
                    yield control.decode(line, Event)
        except (aiohttp.ClientError, OSError, TimeoutError, msgspec.DecodeError) as error:
            raise AgentUnreachable(_why(error, self.socket)) from error
        raise AgentUnreachable("the agent has stopped")

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
            await asyncio.sleep(0)


def _problem(content: bytes, status: int) -> Problem:
    try:
        return control.decode(content, Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Problem("InternalError", f"the agent answers {status}")


def _why(error: Exception, socket: Path) -> str:
    if isinstance(error, TimeoutError | aiohttp.SocketTimeoutError):
        return "the agent does not answer"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"no agent at {socket}"
    return str(error) or type(error).__name__
