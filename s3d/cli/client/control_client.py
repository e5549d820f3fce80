"""The control API's synchronous client: requests, answers, errors, and the agent as a whole.

The other clients of this package wrap a ControlClient, one for each concept. Every call opens one
connection. The package must import quickly: no asyncio, aiohttp, botocore or textual.
"""

from __future__ import annotations

import io
import select
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from s3d import __version__
from s3d.cli.client.unix_http import Answer, ConnectionClosed, NotHTTP, exchange
from s3d.shared import control
from s3d.shared.control import AgentStatus, Event, Hello, Problem
from s3d.shared.errors import (
    DeniedError,
    FullError,
    NotFoundError,
    NotRunningError,
    S3dError,
    UnavailableError,
    UsageError,
)

if TYPE_CHECKING:
    from s3d.shared.diagnostics import CheckPage, LogList

TIMEOUT = 60.0
"""Seconds that a single read or write may take."""
LONGEST_EXIT = 10.0
"""Seconds that a process which ends may still hold its socket."""
EXIT_POLL = 0.05
CHECK_TIMEOUT = 600.0
"""Seconds for one page of a check: the agent may have to read a file of 5 GiB for it."""

ERRORS: dict[str, type[S3dError]] = {
    "AccessDenied": DeniedError,
    "AllAccessDisabled": DeniedError,
    "NoSuchBucket": NotFoundError,
    "NoSuchKey": NotFoundError,
    "NoSuchVersion": NotFoundError,
    "NoSuchUpload": NotFoundError,
    "NotFound": NotFoundError,
    "SlowDown": FullError,
    "DiskFull": FullError,
    "NoSuchFile": NotFoundError,
    "PermissionDenied": DeniedError,
    "InvalidBucketName": UsageError,
    "InvalidTag": UsageError,
    "InvalidURI": UsageError,
    "KeyTooLongError": UsageError,
    "ServiceUnavailable": UnavailableError,
    control.NO_SUCH_TRANSFER: NotFoundError,
    control.NO_SUCH_FOLDER: NotFoundError,
    control.NO_SUCH_ACCESS_KEY: NotFoundError,
    control.NO_SUCH_FAULT: NotFoundError,
    control.NO_SUCH_SNAPSHOT: NotFoundError,
    control.NO_REMOTE: UsageError,
    control.NO_TEST_STORE: UsageError,
    control.BAD_USAGE: UsageError,
}
"""Problem code -> the error that the command reports; S3dError for all other codes."""

_BY_STATUS: dict[int, type[S3dError]] = {
    403: DeniedError,
    404: NotFoundError,
    503: UnavailableError,
}


class ConnectionClosedError(S3dError):
    """The agent closed the connection without a complete answer, perhaps because it ended."""


class Page(Protocol):
    """One page of a long answer."""

    @property
    def cursor(self) -> str:
        """Where the next page begins; empty on the last one."""


T = TypeVar("T")
P = TypeVar("P", bound=Page)


class ControlClient:
    """The agent behind a Unix socket. Every call raises NotRunningError when no agent runs."""

    def __init__(self, socket: Path, *, timeout: float = TIMEOUT) -> None:
        self._socket = socket
        self._timeout = timeout

    def hello(self) -> Hello:
        """Who serves the socket. An agent that is just ending counts as one that does not run.

        The kernel closes the connections of a killed process before the socket on which the process
        listened. A connection made between the two is accepted, and closed without an answer.
        """
        deadline = time.monotonic() + LONGEST_EXIT
        while True:
            try:
                return self.request("GET", "/v1/hello", Hello)
            except ConnectionClosedError:
                if time.monotonic() > deadline:
                    raise
                select.select([], [], [], EXIT_POLL)

    def status(self) -> AgentStatus:
        return self.request("GET", "/v1/status", AgentStatus)

    def logs(
        self, *, limit: int, since: int = 0, level: str = "", source: str = "", wait: str = ""
    ) -> LogList:
        """Log lines after the line number since; with 0, the last lines of the log.

        wait: how many seconds the agent waits for another line when it has none yet.
        """
        from s3d.shared.diagnostics import LogList

        query = {"level": level, "source": source, "limit": str(limit), "wait": wait}
        path = path_of("/v1/logs", since=str(since) if since else "", **query)
        return self.request("GET", path, LogList)

    def events(self, *topics: str, deadline: float | None = None) -> Iterator[Event]:
        """The agent's events as they happen, with a heartbeat every 5 seconds.

        The stream ends at the deadline (of time.monotonic()), or when the agent stops.
        """
        answer = self.send("GET", path_of("/v1/events", topics=",".join(topics)))
        with answer, io.BufferedReader(answer) as lines:
            while True:
                left = TIMEOUT if deadline is None else deadline - time.monotonic()
                if left <= 0:
                    return
                answer.set_timeout(left)
                try:
                    line = lines.readline()
                except OSError as error:
                    if deadline is not None and isinstance(error, TimeoutError):
                        return
                    raise _connection_error(self._socket, error) from error
                if not line:
                    return
                yield decode_answer(line, Event)

    def check(self, *, repair: bool) -> Iterator[CheckPage]:
        """Check everything on the disk, page by page."""
        from s3d.shared.diagnostics import CheckPage

        patient = ControlClient(self._socket, timeout=CHECK_TIMEOUT)
        yield from patient.pages("POST", "/v1/check", CheckPage, repair="true" if repair else "")

    def pages(self, method: str, path: str, kind: type[P], /, **query: str) -> Iterator[P]:
        """Every page of a long answer, one request each."""
        cursor = ""
        while True:
            page = self.request(method, path_of(path, **query, cursor=cursor), kind)
            yield page
            cursor = page.cursor
            if not cursor:
                return

    def request(self, method: str, path: str, kind: type[T], body: Any = None) -> T:
        """Send a request with a JSON body, if any, and decode the JSON answer."""
        data = None if body is None else control.encode(body)
        headers = {} if data is None else {"Content-Type": control.JSON}
        with self.send(method, path, data, headers) as answer:
            try:
                content = answer.read()
            except OSError as error:
                raise _connection_error(self._socket, error) from error
            return decode_answer(content, kind)

    def send(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] = {},
    ) -> Answer:
        """Send a request and return its answer, which the caller closes.

        Raises S3dError when the agent refuses the request.
        """
        own = {control.CLIENT_HEADER: f"cli/{__version__}"}
        try:
            answer = exchange(
                self._socket, (method, path), {**own, **headers}, body, timeout=self._timeout
            )
            if answer.status < 400:
                return answer
            with answer:
                content = answer.read()
        except OSError as error:
            raise _connection_error(self._socket, error) from error
        raise _refusal(answer, content)


class Download(io.RawIOBase):
    """The bytes of an object as they arrive. Reading raises S3dError when they end too early."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            return self._answer.readinto(buffer)
        except OSError as error:
            raise S3dError(
                "the agent closed the connection",
                f"{self._answer.left} bytes are missing",
                "try again; if the error persists, s3d check finds out whether the object is "
                "damaged",
            ) from error

    def close(self) -> None:
        self._answer.close()
        super().close()


def decode_answer(data: bytes, kind: type[T]) -> T:
    """A JSON answer as a value. Raises S3dError."""
    try:
        return control.decode(data, kind)
    except msgspec.DecodeError as error:
        raise S3dError(
            "cannot read the agent's answer",
            str(error),
            "the agent may run an older version of s3d: restart it",
        ) from error


def path_of(path: str, **query: str) -> str:
    """The path with those query parameters that are not empty."""
    parameters = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(parameters, quote_via=quote)}" if parameters else path


def _refusal(answer: Answer, content: bytes) -> S3dError:
    header = answer.headers.get(control.PROBLEM_HEADER.lower(), "")
    try:
        problem = control.decode(content or header.encode("latin-1"), Problem)
    except msgspec.DecodeError:
        kind = _BY_STATUS.get(answer.status, S3dError)
        return kind(f"the agent answered {answer.status} {answer.reason}")
    kind = ERRORS.get(problem.code, DeniedError if answer.status == 403 else S3dError)
    return kind(problem.title, problem.detail, problem.hint)


def _connection_error(socket: Path, error: OSError) -> S3dError:
    if isinstance(error, FileNotFoundError | ConnectionRefusedError | NotADirectoryError):
        return NotRunningError("the agent is not running", str(socket), "start it with: s3d start")
    if isinstance(error, PermissionError):
        return DeniedError("the agent's socket belongs to another user", str(socket))
    if isinstance(error, TimeoutError):
        return S3dError(
            "the agent does not answer", str(socket), "read its log with: s3d logs --file"
        )
    if isinstance(error, NotHTTP) and not isinstance(error, ConnectionClosed):
        return S3dError(
            "the answer is not valid HTTP",
            f"{socket}: {error}",
            "check that the socket is the agent's, and read its log with: s3d logs --file",
        )
    reason = error.strerror or str(error) or type(error).__name__
    hint = "read its log with: s3d logs --file"
    return ConnectionClosedError("the agent closed the connection", reason, hint)
