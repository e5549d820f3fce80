"""The control API's server: HTTP over a Unix socket that only its owner can use.

Never on TCP. Every route is declared; no call takes a remote or a command.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import socket
import stat
from collections.abc import Collection, Iterable
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from s3d.agent.frontends.control.peer import peer_uid
from s3d.agent.frontends.control.routing import ControlError, Route, problem, respond
from s3d.shared import control
from s3d.shared.control import Problem
from s3d.shared.errors import AlreadyRunningError, UsageError
from s3d.shared.paths import SOCKET_PATH_LIMIT

ROOT = 0


class ControlServer:
    """The routes on the socket.

    uids: who may connect; by default the agent's user and root. grace: seconds that calls in
    flight get at the end.
    """

    def __init__(
        self, routes: Iterable[Route], *, uids: Collection[int] = (), grace: float = 20.0
    ) -> None:
        app = web.Application(middlewares=[_problems, self._guard])
        app.on_response_prepare.append(_name_server)
        for route in routes:
            app.router.add_route(route.method, route.path, functools.partial(respond, route))
        self._runner = web.AppRunner(
            app,
            access_log=None,
            auto_decompress=False,  # a body that is stored compressed stays as it is
            shutdown_timeout=1.0,  # to write the answers; see stop()
        )
        self._uids = uids or {os.geteuid(), ROOT}
        self._grace = grace
        self._path: Path | None = None
        self._calls = 0
        self._stopping = False
        self._idle = asyncio.Event()

    async def start(self, path: Path) -> None:
        """Listen. The caller holds the agent's lock. Raises UsageError, AlreadyRunningError."""
        listener = bind(path)
        self._path = path
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()

    async def stop(self) -> None:
        """Take no more calls, finish those in flight, and remove the socket.

        aiohttp's own shutdown reads no further byte, so an upload could not end: wait first.
        """
        self._stopping = True
        for site in list(self._runner.sites):
            await site.stop()
        if self._calls:
            self._idle.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._grace):
                    await self._idle.wait()
        await self._runner.cleanup()
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse other users, and whatever comes from a web page (through a forwarded port)."""
        connection = request.get_extra_info("socket")
        if connection is None or peer_uid(connection) not in self._uids:
            raise ControlError(403, "AccessDenied", "the agent belongs to another user")
        if "Origin" in request.headers or "Sec-Fetch-Site" in request.headers:
            raise ControlError(403, "AccessDenied", "web pages cannot use the control API")
        if self._stopping:
            raise ControlError(503, "ServiceUnavailable", "the agent is stopping")
        self._calls += 1
        try:
            return await handler(request)
        finally:
            self._calls -= 1
            if not self._calls:
                self._idle.set()


def bind(path: Path) -> socket.socket:
    """A socket at path with mode 0600 from its first moment, in a folder that is only ours.

    A stale socket is removed: call it with the agent's lock held.
    """
    if len(os.fsencode(path)) > SOCKET_PATH_LIMIT:
        raise UsageError(
            "the socket's path is too long",
            f"{path} has more than {SOCKET_PATH_LIMIT} bytes",
            "set S3D_SOCKET to a shorter path in a folder of your own",
        )
    check_folder(path.parent)
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX)
    listener.setblocking(False)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(before)
    return listener


def check_folder(folder: Path) -> None:
    """Make the socket's folder (0700), or see that nobody else can put anything into it.

    One of the user's own choice may be open for reading: the socket in it is 0600, and the peer is
    asked for its uid. Raises UsageError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stats = os.lstat(folder)
    if stat.S_ISLNK(stats.st_mode):
        raise _unsafe(folder, "is a symbolic link", "name the folder itself in S3D_SOCKET")
    if not stat.S_ISDIR(stats.st_mode):
        raise _unsafe(folder, "is not a folder", "set S3D_SOCKET to a path in a folder of your own")
    if stats.st_uid != os.geteuid():
        raise _unsafe(folder, "belongs to another user", "set S3D_SOCKET to a path of your own")
    if stat.S_IMODE(stats.st_mode) & 0o022:
        raise _unsafe(folder, "can be written by other users", f"chmod 700 {folder}")


def _unsafe(folder: Path, why: str, remedy: str) -> UsageError:
    return UsageError("the socket's folder is not safe", f"{folder} {why}", remedy)


def _remove_stale(path: Path) -> None:
    """Unless somebody answers there: another agent, with its own state folder."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise UsageError(
            "the socket's place is taken", f"{path} is not a socket", "remove it, or set S3D_SOCKET"
        )
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise AlreadyRunningError(
        "another agent answers on the socket", str(path), "stop it, or set S3D_SOCKET"
    )


async def _name_server(request: web.Request, response: web.StreamResponse) -> None:
    """Instead of the versions of Python and of a library."""
    response.headers["Server"] = "s3d"


@web.middleware
async def _problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The errors that come before a route's handler."""
    try:
        return await handler(request)
    except ControlError as error:
        return problem(error.status, error.problem)
    except web.HTTPMethodNotAllowed as error:
        methods = ", ".join(sorted(error.allowed_methods))
        said = Problem("MethodNotAllowed", "this path has no such method", hint=methods)
        return problem(405, said)
    except web.HTTPException as error:
        hint = "see docs/control-api.md"
        return problem(error.status, Problem(control.NO_SUCH_ROUTE, "no such path", hint=hint))
