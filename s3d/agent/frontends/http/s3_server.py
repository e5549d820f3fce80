"""The S3 endpoint: builds its parts, listens, and stops in order."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Collection
from time import time

from s3d.agent.core.access_keys import AccessKeys
from s3d.agent.core.metric_table import HTTP_CONNECTIONS, HTTP_IN_FLIGHT, HTTP_UPLOADS
from s3d.agent.core.spans import Tracer
from s3d.agent.core.store import AccessControl, ObjectStore
from s3d.agent.core.telemetry import Registry
from s3d.agent.frontends.http.client_connection import ClientConnection
from s3d.agent.frontends.http.exchange import EndpointCounters
from s3d.agent.frontends.http.limits import Limits
from s3d.agent.frontends.http.open_connections import OpenConnections
from s3d.agent.frontends.http.post import FormPost
from s3d.agent.frontends.http.request_handler import RequestHandler
from s3d.agent.frontends.http.request_log import (
    BucketLog,
    RecordingHandler,
    RecordingWriter,
    RequestLogger,
    request_logs,
)
from s3d.agent.frontends.http.request_parser import error_of
from s3d.agent.frontends.http.request_reader import Hosts, RequestReader
from s3d.agent.frontends.http.request_record import Record, RequestRecorder
from s3d.agent.frontends.http.response_writer import ResponseHeadWriter, ResponseWriter
from s3d.agent.frontends.http.sendfile import SendfilePool
from s3d.agent.frontends.http.sts_endpoint import StsEndpoint
from s3d.agent.frontends.http.website_endpoint import WebsiteEndpoint
from s3d.agent.s3.access_log_record import AccessRecord
from s3d.agent.s3.errors import S3Error

logger = logging.getLogger(__name__)

_BACKLOG = 1024
_ABORT_TIMEOUT = 5.0
"""Seconds for a cancelled request to clean up."""


class S3Server:
    """Serves one store. Made, started and stopped within one event loop."""

    def __init__(
        self,
        store: ObjectStore,
        *,
        keys: AccessKeys | None,
        hosts: Collection[str] = (),
        region: str = "us-east-1",
        clock: Callable[[], float] = time,
        limits: Limits | None = None,
        access: AccessControl | None = None,
        registry: Registry | None = None,
        tracer: Tracer | None = None,
        access_log: Callable[[bytes], None] | None = None,
        record: Record | None = None,
    ) -> None:
        """keys: of the clients; None: requests need no signature. hosts: names of the
        endpoint beside localhost. region: of the responses; requests for any region are accepted.
        access: what decides about access in the store, and so about anonymous requests too; None:
        those are refused.
        access_log: takes the lines of the access log, and never waits; None: there is none.
        record: takes a record of each request; None: none are made.
        """
        self.limits = limits or Limits()
        tracer = tracer or Tracer()
        self.region = region
        registry = registry or Registry()
        self._counters = EndpointCounters(registry)
        self._hosts = Hosts("", hosts)
        self._heads = ResponseHeadWriter(clock)
        self._sendfile = SendfilePool(self.limits)
        admits = access is not None and access.admits_anonymous
        reader = RequestReader(keys, self._hosts, clock, admits_anonymous=admits)
        logs = request_logs(access_log, reader, clock)
        if record is not None:
            logs.append(RequestRecorder(record, reader, clock).log)
        heads, pages = self._heads, ResponseHeadWriter(clock, security="Server: s3d\r\n")

        def make(handler: type[RequestHandler], writer: type[ResponseWriter]) -> RequestHandler:
            plain, of_pages = (writer(each, self._sendfile) for each in (heads, pages))
            return handler(
                store,
                reader=reader,
                writer=plain,
                form_post=FormPost(store, plain, keys, clock, admits_anonymous=admits),
                access=access,
                website=WebsiteEndpoint(store, of_pages) if admits else None,
                sts=None if keys is None else StsEndpoint(keys, plain, clock),
                keepalive_interval=self.limits.keepalive_interval,
                tracer=tracer,
                counters=self._counters if registry.is_enabled else None,
            )

        self._handlers = Handlers(make, logs, reader, clock)
        self.handler = self._handlers.handler
        """Of new requests."""
        self._connections = OpenConnections(self.limits)
        self._servers: list[asyncio.Server] = []
        self._loop = asyncio.get_running_loop()
        registry.computed(HTTP_IN_FLIGHT, self._connections.count_busy)
        registry.computed(HTTP_CONNECTIONS, lambda: len(self._connections))
        registry.computed(HTTP_UPLOADS, lambda: self._handlers.uploads)

    async def start(
        self, host: str, port: int, listener: socket.socket | None = None
    ) -> tuple[str, int]:
        """Listen; return the address with its real port. Raises OSError when it is not free.

        listener: a socket that listens already, in place of the address; it is closed by stop().
        """
        if listener is not None:
            host, port = listener.getsockname()[:2]
            self._hosts.add_address(host)
            self._servers = [
                await self._loop.create_server(self._connect, sock=listener, backlog=_BACKLOG)
            ]
            return host, port
        self._hosts.add_address(host)
        addresses = ["127.0.0.1", "::1"] if host == "localhost" else [host]
        self._servers = [await self._listen(addresses[0], port)]
        real = self._servers[0].sockets[0].getsockname()
        for address in addresses[1:]:
            try:
                self._servers.append(await self._listen(address, real[1]))
            except OSError as error:
                logger.info(
                    "cannot listen on the additional address %s: %s", address, error.strerror
                )
        return host, int(real[1])

    async def stop(self, grace: float) -> None:
        """Stop listening, let running requests end for grace seconds, and cancel the rest."""
        connections = self._connections
        for server in self._servers:
            server.close()
        connections.finish()
        await connections.wait_closed(grace)
        busy = connections.count_busy()
        if busy:
            logger.warning("requests cancelled on shutdown count=%d", busy)
        connections.abort()
        await connections.wait_closed(_ABORT_TIMEOUT)
        if len(connections):
            logger.error("connections have not closed count=%d", len(connections))
        connections.stop_timer()
        self._sendfile.close()

    def log_buckets(self, put: Callable[[AccessRecord], None]) -> None:
        """Make records of all new requests, for the logs of buckets. put: takes them, and never
        waits."""
        self._handlers.log_buckets(put)
        self.handler = self._handlers.handler

    def counters_by_name(self) -> dict[str, float]:
        """Counters since the start, for people: flat, by name."""
        return {
            **self._counters.as_dict(),
            "connections": len(self._connections),
            "uploads": self._handlers.uploads,
        }

    # ------------------------------------------------------------------ called by connections

    def opened(self, connection: ClientConnection) -> bool:
        return self._connections.add(connection)

    def closed(self, connection: ClientConnection) -> None:
        self._connections.remove(connection)

    def malformed(self, error: Exception) -> S3Error:
        self._counters.count_malformed(error)
        return error_of(error)

    async def _listen(self, address: str, port: int) -> asyncio.Server:
        return await self._loop.create_server(self._connect, address, port, backlog=_BACKLOG)

    def _connect(self) -> ClientConnection:
        return ClientConnection(self, self._loop)


Make = Callable[[type[RequestHandler], type[ResponseWriter]], RequestHandler]


class Handlers:
    """The request handlers of a server: a plain one, and one that keeps what records need.

    Records cost time, so they are made only while somebody needs them. Buckets get access logs
    while the server runs: from then on new requests have the other handler, and those in hand end
    as they began.
    """

    def __init__(
        self,
        make: Make,
        logs: list[RequestLogger],
        reader: RequestReader,
        clock: Callable[[], float],
    ) -> None:
        """make: constructs a handler with writers of the given types. logs: called with each
        recorded exchange that is over. clock: Unix seconds."""
        self._make = make
        self._logs = logs
        self._reader = reader
        self._clock = clock
        self._plain = None if logs else make(RequestHandler, ResponseWriter)
        self._recording = self._make_recording() if logs else None

    @property
    def handler(self) -> RequestHandler:
        """Of new requests."""
        handler = self._recording or self._plain
        assert handler is not None
        return handler

    @property
    def uploads(self) -> int:
        """Streaming bodies that are being received."""
        return sum(each.uploads for each in (self._plain, self._recording) if each is not None)

    def log_buckets(self, put: Callable[[AccessRecord], None]) -> None:
        """Make records of all new requests. put: takes them, and never waits."""
        self._logs.append(BucketLog(put, self._reader, self._clock).log)
        if self._recording is None:
            self._recording = self._make_recording()

    def _make_recording(self) -> RequestHandler:
        handler = self._make(RecordingHandler, RecordingWriter)
        assert isinstance(handler, RecordingHandler)
        handler.logs = self._logs
        return handler
