"""The table of front ends: every way in which clients reach the stores of a session."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from s3d.agent.app.check import Checker, opened_of
from s3d.agent.app.preflight import listen
from s3d.agent.core.client import S3Client
from s3d.agent.core.log_buffer import LogBuffer
from s3d.agent.core.store import ObjectStore
from s3d.agent.frontends.control.cache_routes import CacheRoutes
from s3d.agent.frontends.control.check_routes import CheckRoutes
from s3d.agent.frontends.control.control_call import Route
from s3d.agent.frontends.control.control_server import ControlServer
from s3d.agent.frontends.control.diagnostics_routes import DiagnosticsRoutes
from s3d.agent.frontends.control.event_stream import EventStream
from s3d.agent.frontends.control.key_status import KeyStatus
from s3d.agent.frontends.control.object_routes import ObjectRoutes
from s3d.agent.frontends.control.queue_routes import QueueRoutes
from s3d.agent.frontends.control.remote_routes import RemoteRoutes
from s3d.agent.frontends.control.status_routes import StatusRoutes, StatusSources
from s3d.agent.frontends.control.sync_action_routes import SyncActionRoutes
from s3d.agent.frontends.control.sync_folder_routes import SyncFolderRoutes
from s3d.agent.frontends.control.transfer_routes import TransferRoutes
from s3d.agent.frontends.control.user_transfer_routes import MigrationRoutes, UserTransferRoutes
from s3d.agent.frontends.http.s3_server import S3Server
from s3d.agent.s3 import signing
from s3d.agent.s3.credential import Signer
from s3d.agent.stores.read_cache.cache_status import cache_state
from s3d.shared.config.schema import Config
from s3d.shared.control import Presigned, PresignRequest
from s3d.shared.credentials import AccessKey

if TYPE_CHECKING:
    from s3d.agent.app.session import Session

GRACE = 20.0
"""Seconds that requests in hand get to finish when the agent stops."""


class S3Endpoint:
    """The S3 API over HTTP, at the configured endpoint."""

    def __init__(self, store: ObjectStore, config: Config, key: AccessKey) -> None:
        self._config = config
        self._key = key
        self.server = S3Server(
            store,
            secret_of=None if config.auth == "none" else self._secret_of,
            hosts=config.hosts,
            region=config.region,
            clock=time.time,
        )
        self.url = config.endpoint
        """With the real port, once it is started."""

    async def start(self) -> str:
        self.url = await listen(self.server, self._config)
        return self.url

    async def stop(self) -> None:
        await self.server.stop(GRACE)

    def status(self) -> Mapping[str, float]:
        return self.server.counters_by_name()

    def presign(self, request: PresignRequest, bucket: str, key: str) -> Presigned:
        """A URL of this endpoint that needs no signature of its own."""
        url = f"{self.url}/{bucket}/{quote(key, safe='/-_.~')}"
        now = time.time()
        signer = Signer(self._key.access_key_id, self._key.secret.reveal(), self._config.region)
        signed = signing.presign(request.method, url, signer, request.expires, now)
        return Presigned(signed, int(now) + request.expires)

    def _secret_of(self, access_key_id: str) -> str | None:
        return self._key.secret.reveal() if access_key_id == self._key.access_key_id else None


class ControlSocket:
    """The control API on the agent's Unix socket."""

    def __init__(self, routes: list[Route], socket: Path) -> None:
        self._server = ControlServer(routes, grace=GRACE)
        self._socket = socket

    async def start(self) -> str:
        await self._server.start(self._socket)
        return str(self._socket)

    async def stop(self) -> None:
        await self._server.stop()

    def status(self) -> Mapping[str, float]:
        return {}


def control_routes(
    session: Session, *, log_buffer: LogBuffer, is_serving: Callable[[], bool]
) -> list[Route]:
    """All routes of the control API. log_buffer and is_serving are the process's own."""
    stack, client, gateway = session.stack, session.client, session.stack.gateway
    queue = None if gateway is None else gateway.queue
    cache = None if gateway is None else gateway.cache
    key_status = None
    if gateway is not None:
        key_status = KeyStatus(S3Client(gateway.remote), queue, partial(cache_state, cache))
    sources = StatusSources(agent=session.status, usage=stack.usage, serving=is_serving)
    user_transfers = UserTransferRoutes(session.transfers, None if cache is None else cache.keeper)
    routes = (
        StatusRoutes(sources, client, session.events, key_status),
        ObjectRoutes(client, session.endpoint.presign, key_status),
        DiagnosticsRoutes(log_buffer, session.sampler.samples, session.config),
        QueueRoutes(queue),
        TransferRoutes(queue, user_transfers),
        CacheRoutes(cache),
        RemoteRoutes(stack.waiting, None if gateway is None else gateway.state, queue),
        MigrationRoutes(None if gateway is None else gateway.migration),
        SyncFolderRoutes(session.folders, client, session.places.config_file),
        SyncActionRoutes(session.folders),
        CheckRoutes(Checker(session.places, opened_of(stack))),
        EventStream(session.events),
    )
    return [route for each in routes for route in each.routes()]
