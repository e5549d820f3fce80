"""Connections to a remote for requests whose body is in memory: nearly all of a gateway's.

aiohttp's client takes more than twice the CPU for such a request. Streamed bodies, and requests
through a proxy, are aiohttp's; see http_client.py.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable
from itertools import chain

from aiohappyeyeballs import start_connection

from s3d.agent.core.failures import Reason, Unreachable
from s3d.agent.stores.remote.http1_connection import Http1Connection, Http1Response
from s3d.agent.stores.remote.http_transport import IDLE, POOL, Settings

Origin = tuple[str, str]
"""Scheme, and HOST or HOST:PORT as in the Host header."""

_PORTS = {"http": 80, "https": 443}
SCRATCH_SIZE = 256 * 1024
"""Bytes that a connection receives at once, unless they are of a large body."""
_ADDRESS_DELAY = 0.25
"""Seconds until the next address of a host is tried beside one that does not respond.
https://www.rfc-editor.org/rfc/rfc8305#section-5"""


class Http1Pool:
    """Belongs to the loop."""

    def __init__(self, settings: Settings) -> None:
        self._connect_timeout = settings.timeouts.connect
        self._ca_bundle = settings.ca_bundle
        self._tls: ssl.SSLContext | None = None
        self._idle: dict[Origin, list[Http1Connection]] = {}
        """The one that was used last is the last."""
        self._busy: set[Http1Connection] = set()
        """Those whose response has not arrived whole."""
        self._slots = asyncio.Semaphore(POOL)
        """One for each busy connection."""
        self._sweep: asyncio.TimerHandle | None = None
        self._scratch = memoryview(bytearray(SCRATCH_SIZE))

    async def request(
        self, origin: Origin, request: bytes, *, is_head_request: bool, reuse: bool
    ) -> Http1Response:
        """Send a request of http1_message(); the response, when its head is there.

        reuse: of a connection that has served another request. Raises Unreachable.
        """
        await self._slots.acquire()
        try:
            connection = self._take(origin) if reuse else None
            if connection is None:
                connection = await self._connect(origin, reuse=reuse)
        except BaseException:
            self._slots.release()
            raise
        self._busy.add(connection)
        try:
            return await connection.send(request, is_head_request=is_head_request)
        except BaseException:
            self._free(connection)
            raise

    async def close(self) -> None:
        """Close all connections, busy ones too."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for connection in [*self._busy, *chain.from_iterable(self._idle.values())]:
            connection.abort()
        self._idle.clear()
        await asyncio.sleep(0)  # the sockets are closed in the next round of the loop

    def _take(self, origin: Origin) -> Http1Connection | None:
        connections = self._idle.get(origin)
        earliest = asyncio.get_running_loop().time() - IDLE
        while connections:
            connection = connections.pop()
            if connection.is_open and connection.idle_since >= earliest:
                return connection
            connection.close()
        return None

    async def _connect(self, origin: Origin, *, reuse: bool) -> Http1Connection:
        """A new connection; one that is not to be reused ends with its response."""
        scheme, netloc = origin
        host, port = _host_and_port(scheme, netloc)

        def on_idle(connection: Http1Connection) -> None:
            self._free(connection)
            if reuse:
                self._put_back(origin, connection)
            else:
                connection.close()

        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_timeout):
                tls = await self._tls_context() if scheme == "https" else None
                addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                opened = await start_connection(addresses, happy_eyeballs_delay=_ADDRESS_DELAY)
                _, connection = await loop.create_connection(
                    lambda: Http1Connection(self._scratch, on_idle, self._free),
                    sock=opened,
                    ssl=tls,
                    server_hostname=host if tls is not None else None,
                )
        except (OSError, ssl.CertificateError) as error:
            raise _not_connected(error, netloc) from error
        return connection

    async def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:  # reading the system's certificates takes some 20 ms
            cafile = self._ca_bundle or None
            self._tls = await asyncio.to_thread(ssl.create_default_context, cafile=cafile)
        return self._tls

    def _free(self, connection: Http1Connection) -> None:
        """It is idle or closed: another request may begin."""
        if connection in self._busy:
            self._busy.remove(connection)
            self._slots.release()

    def _put_back(self, origin: Origin, connection: Http1Connection) -> None:
        self._idle.setdefault(origin, []).append(connection)
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(IDLE, self._close_unused)

    def _close_unused(self) -> None:
        """Close what has been idle for IDLE seconds; again while connections are left."""
        self._sweep = None
        loop = asyncio.get_running_loop()
        earliest = loop.time() - IDLE
        for origin, connections in list(self._idle.items()):
            used = [each for each in connections if each.is_open and each.idle_since > earliest]
            for connection in connections:
                if connection not in used:
                    connection.close()
            if used:
                self._idle[origin] = used
            else:
                del self._idle[origin]
        if self._idle:
            self._sweep = loop.call_later(IDLE, self._close_unused)


def http1_message(
    method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes
) -> bytes:
    """A request as it is sent. Raises ValueError for a header that would end before its value."""
    lines = [f"{name}: {value}\r\n" for name, value in headers]
    head = f"{method} {target} HTTP/1.1\r\n{''.join(lines)}\r\n"
    if head.count("\n") != len(lines) + 2 or head.count("\r") != len(lines) + 2 or "\0" in head:
        raise ValueError("a header has a line break or a null byte")
    try:
        return head.encode() + body
    except UnicodeEncodeError as error:
        raise ValueError("a header is not UTF-8") from error


def _host_and_port(scheme: str, netloc: str) -> tuple[str, int]:
    host, colon, port = netloc.rpartition(":")
    if not colon or not port.isdigit():
        host, port = netloc, ""
    return host.strip("[]"), int(port) if port else _PORTS[scheme]


def _not_connected(error: Exception, netloc: str) -> Unreachable:
    if isinstance(error, ssl.SSLError | ssl.CertificateError):
        reason = Reason.TLS
    elif isinstance(error, socket.gaierror):
        reason = Reason.NAME
    else:
        reason = Reason.CONNECT
    why = str(error) or ("no answer in time" if isinstance(error, TimeoutError) else repr(error))
    return Unreachable(reason, f"Cannot connect to host {netloc}: {why}", sent=False)
