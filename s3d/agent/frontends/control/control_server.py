"""The server of the control API: HTTP over a Unix socket that only its owner can use.

It never listens on TCP. Every route is declared, and no call names a remote or a command to run.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import socket
import stat
import struct
import sys
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Protocol

from aiohttp import web
from aiohttp.typedefs import Handler

from s3d.agent.core.metric_table import CONTROL_CALLS
from s3d.agent.core.telemetry import Registry
from s3d.agent.frontends.control.control_call import Route, respond
from s3d.agent.frontends.control.problems import ControlError, problem_response
from s3d.shared.errors import AlreadyRunningError, UsageError
from s3d.shared.socket_path import SOCKET_PATH_LIMIT

ROOT = 0
ABORTED = "aborted"
"""The code of a call whose client has left."""

_LOCAL_PEERCRED = 1
"""macOS: sys/un.h; the level is SOL_LOCAL, 0."""
_XUCRED = struct.Struct("=II")
"""macOS: the head of struct xucred, version and uid."""
_UCRED = struct.Struct("=iII")
"""Linux: pid, uid, gid (unix(7), SO_PEERCRED)."""


class ControlServer:
    """Serves routes on the socket.

    uids: who may connect; by default the agent's user and root. grace: seconds for which stop()
    waits for the calls in flight.
    """

    def __init__(
        self,
        routes: Iterable[Route],
        *,
        uids: Collection[int] = (),
        grace: float = 20.0,
        registry: Registry | None = None,
    ) -> None:
        self._registry = registry or Registry()
        app = web.Application(middlewares=[self._count, _problems, self._guard])
        app.on_response_prepare.append(_name_server)
        for route in routes:
            app.router.add_route(route.method, _pattern(route), functools.partial(respond, route))
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

    async def start(self, path: Path, listener: socket.socket | None = None) -> None:
        """Listen. The caller holds the agent's lock. Raises UsageError, AlreadyRunningError.

        listener: a socket that listens already, in place of one at the path; its path stays.
        """
        if listener is None:
            listener = bind(path)
            self._path = path
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()

    async def stop(self) -> None:
        """Accept no more calls, finish those in flight, and remove the socket."""
        self._stopping = True
        for site in list(self._runner.sites):
            await site.stop()
        if self._calls:  # before aiohttp's shutdown, after which it reads no byte of an upload
            self._idle.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._grace):
                    await self._idle.wait()
        await self._runner.cleanup()
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    @web.middleware
    async def _count(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Count the calls by route; those that no route has are counted together."""
        resource = request.match_info.route.resource
        route = "" if resource is None else f"{request.method} {resource.canonical}"
        code = ABORTED
        try:
            response = await handler(request)
            code = str(response.status)
        finally:
            self._registry.counter(CONTROL_CALLS, route, code).add()
        return response

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse other users, and web pages, which reach the socket through a forwarded port."""
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


def _pattern(route: Route) -> str:
    """The path for aiohttp's router, whose own pattern of a segment excludes braces."""
    return route.path.replace("}", ":[^/]+}")


def bind(path: Path) -> socket.socket:
    """A listening socket at path, with mode 0600 from the start, in a folder that only we write.

    It removes a stale socket, so the caller holds the agent's lock.
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
    """Make the socket's folder (0700), or check that no other user can write to it.

    Others may read a folder that the user chose: the socket in it is 0600, and the uid of each
    peer is checked. Raises UsageError.
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
    return UsageError("the socket's folder is not secure", f"{folder} {why}", remedy)


def _remove_stale(path: Path) -> None:
    """Remove a stale socket, on which no process listens. Raises AlreadyRunningError when another
    agent, with a state folder of its own, does."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise UsageError(
            "the socket's path is in use", f"{path} is not a socket", "remove it, or set S3D_SOCKET"
        )
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise AlreadyRunningError(
        "another agent is running on this socket", str(path), "stop it, or set S3D_SOCKET"
    )


async def _name_server(request: web.Request, response: web.StreamResponse) -> None:
    """Replace the default Server header, which has the versions of Python and of aiohttp."""
    response.headers["Server"] = "s3d"


@web.middleware
async def _problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn the errors that precede a handler into Problems, such as those of the routing."""
    try:
        return await handler(request)
    except (ControlError, web.HTTPException) as error:
        return problem_response(error)


class PeerSocket(Protocol):
    """The socket of a transport, as asyncio and uvloop return it."""

    def getsockopt(self, level: int, option: int, size: int, /) -> bytes: ...


def peer_uid(connection: PeerSocket) -> int:
    """The user id of the process that connected. Raises OSError."""
    if sys.platform == "darwin":
        credentials = connection.getsockopt(0, _LOCAL_PEERCRED, 76)
        return int(_XUCRED.unpack_from(credentials)[1])
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    return int(_UCRED.unpack(credentials)[1])
