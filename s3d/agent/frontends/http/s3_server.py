"""The S3 endpoint: listens, keeps its connections, and ends them in order."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Coroutine
from contextlib import suppress
from typing import Any

from s3d.agent.core.store import ObjectStore
from s3d.agent.frontends.http.client_connection import ClientConnection
from s3d.agent.frontends.http.endpoint_counters import EndpointCounters, Latency
from s3d.agent.frontends.http.exchange import Exchange
from s3d.agent.frontends.http.limits import Limits, connection_cap
from s3d.agent.frontends.http.post import FormPost
from s3d.agent.frontends.http.request_handler import RequestHandler
from s3d.agent.frontends.http.request_parser import error_of
from s3d.agent.frontends.http.request_reader import Hosts, RequestReader
from s3d.agent.frontends.http.response_writer import ResponseHeadWriter, ResponseWriter
from s3d.agent.frontends.http.sendfile import SendfilePool
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.sigv4 import SecretOf

logger = logging.getLogger(__name__)

_BACKLOG = 1024
_SPARE = 256
"""Connections over the cap that still get an answer; further ones are cut."""
_CUT = 5.0
"""Seconds for a cancelled request to clean up."""
_QUIET = 10.0
"""Seconds between two log lines about bytes that are no HTTP."""


class S3Server:
    """The S3 front door of one store. Made, started and stopped within one event loop."""

    def __init__(
        self,
        store: ObjectStore,
        *,
        secret_of: SecretOf | None,
        hosts: Collection[str] = (),
        region: str = "us-east-1",
        clock: Callable[[], float] = time.time,
        limits: Limits | None = None,
    ) -> None:
        """secret_of: access key -> secret; None: nobody needs to sign. hosts: names of ours beside
        localhost. region: what answers say when it is asked for; every signed region is taken."""
        self.limits = limits or Limits()
        self.region = region
        self._store = store
        self._secret_of = secret_of
        self._names = hosts
        self._clock = clock
        self._heads = ResponseHeadWriter(clock)
        self.latency = Latency()
        """Of whole requests, the last byte of the answer included."""
        self._counters = EndpointCounters()
        self._pump = SendfilePool(self.limits.write)
        self._connections: set[ClientConnection] = set()
        self._cap = connection_cap(self.limits)
        self._left = asyncio.Event()
        self._servers: list[asyncio.Server] = []
        self._sweep: asyncio.TimerHandle | None = None
        self._refused = 0
        self._quiet_until = 0.0

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; the address with its real port. Raises OSError when it cannot be had."""
        hosts = Hosts(host, self._names)
        reader = RequestReader(self._secret_of, hosts, self._clock)
        sender = ResponseWriter(self._heads, self._pump)
        post = FormPost(self._store, sender, self._secret_of, self._clock)
        interval = self.limits.keepalive_interval
        self._handler = RequestHandler(self._store, reader, sender, post, interval)
        self._loop = asyncio.get_running_loop()
        addresses = ["127.0.0.1", "::1"] if host == "localhost" else [host]
        self._servers = [await self._listen(addresses[0], port)]
        real = self._servers[0].sockets[0].getsockname()
        for address in addresses[1:]:
            try:
                self._servers.append(await self._listen(address, real[1]))
            except OSError as error:
                logger.info("not listening on %s as well: %s", address, error.strerror)
        return host, int(real[1])

    async def stop(self, grace: float) -> None:
        """Stop listening, let requests in hand end for grace seconds, cut the rest."""
        for server in self._servers:
            server.close()
        for connection in tuple(self._connections):
            connection.finish()
        await self._empty(grace)
        busy = sum(connection.is_busy for connection in self._connections)
        if busy:
            logger.warning("cut at the stop requests=%d", busy)
        for connection in tuple(self._connections):
            connection.abort()
        await self._empty(_CUT)
        if self._connections:
            logger.error("connections do not end count=%d", len(self._connections))
        if self._sweep is not None:
            self._sweep.cancel()
        self._pump.close()

    @property
    def counters(self) -> EndpointCounters:
        """The counters themselves."""
        return self._counters

    def counters_by_name(self) -> dict[str, float]:
        """Counters since the start, for people: flat, by name."""
        found = self._counters.as_dict()
        found["connections"] = len(self._connections)
        found["uploads"] = self._handler.uploads
        return found

    # ------------------------------------------------------------------ for the connections

    def opened(self, connection: ClientConnection) -> bool:
        self._connections.add(connection)
        if self._sweep is None:
            self._sweep_later()
        if len(self._connections) > self._cap + _SPARE:
            connection.abort()
        return len(self._connections) <= self._cap

    def closed(self, connection: ClientConnection) -> None:
        self._connections.discard(connection)
        self._left.set()

    def serve(self, exchange: Exchange) -> Coroutine[Any, Any, None] | None:
        exchange.request_id = self._heads.request_id()
        exchange.started = self._loop.time()
        return self._handler.serve(exchange)

    def completed(self, exchange: Exchange) -> None:
        self._counters.count(exchange)
        if exchange.started:
            self.latency.add(self._loop.time() - exchange.started)

    def malformed(self, error: Exception) -> S3Error:
        self._refused += 1
        now = self._loop.time()
        if now >= self._quiet_until:
            self._quiet_until = now + _QUIET
            kind = type(error).__name__
            logger.warning("refused what is no HTTP kind=%s count=%d", kind, self._refused)
        return error_of(error)

    # ------------------------------------------------------------------ inside

    async def _listen(self, address: str, port: int) -> asyncio.Server:
        return await self._loop.create_server(
            lambda: ClientConnection(self, self._loop), address, port, backlog=_BACKLOG
        )

    async def _empty(self, timeout: float) -> None:
        """Wait until no connection is left, nor a request of one."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self._connections:
                    self._left.clear()
                    await self._left.wait()

    def _sweep_later(self) -> None:
        """Look for passed deadlines while there are connections: one timer for all of them."""
        limits = self.limits
        shortest = min(limits.head, limits.idle, limits.body, limits.write, limits.linger)
        self._sweep = self._loop.call_later(min(1.0, shortest / 4), self._expire)

    def _expire(self) -> None:
        now = self._loop.time()
        for connection in tuple(self._connections):
            if connection.deadline <= now:
                connection.expire()
        self._sweep = None
        if self._connections:
            self._sweep_later()
