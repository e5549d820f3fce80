"""The front ends as the agent starts and stops them: the S3 endpoint and the control socket."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

from s3d.agent.app.start_checks import listen
from s3d.agent.core.access_keys import AccessKeys
from s3d.agent.core.spans import Tracer
from s3d.agent.core.store import AccessControl, ObjectStore
from s3d.agent.core.telemetry import Registry
from s3d.agent.frontends.control.control_call import Route
from s3d.agent.frontends.control.control_server import ControlServer
from s3d.agent.frontends.http.request_record import Record
from s3d.agent.frontends.http.s3_server import S3Server
from s3d.agent.s3 import signing
from s3d.agent.s3.signature_elements import Signer
from s3d.shared.config.schema import Config
from s3d.shared.control import Presigned, PresignRequest

GRACE = 20.0
"""Seconds that requests in hand get to finish when the agent stops."""


class S3Endpoint:
    """The S3 API over HTTP, at the configured endpoint."""

    def __init__(
        self,
        store: ObjectStore,
        config: Config,
        keys: AccessKeys,
        registry: Registry,
        *,
        tracer: Tracer,
        access: AccessControl | None = None,
        access_log: Callable[[bytes], None] | None = None,
        record: Record | None = None,
        listener: socket.socket | None = None,
    ) -> None:
        """access, record: see S3Server. access_log: takes the lines of the access log, if there is
        one. listener: a socket that listens already, in place of the configured address."""
        self._config = config
        self._listener = listener
        self._keys = keys
        self.server = S3Server(
            store,
            keys=None if config.auth == "none" else keys,
            hosts=config.hosts,
            region=config.region,
            clock=time.time,
            registry=registry,
            tracer=tracer,
            access_log=access_log,
            access=access,
            record=record,
        )
        self.url = config.endpoint
        """With the real port, once it is started."""
        self.is_open = False

    async def start(self) -> str:
        self.url = await listen(self.server, self._config, self._listener)
        self.is_open = True
        return self.url

    async def stop(self) -> None:
        self.is_open = False
        await self.server.stop(GRACE)

    def status(self) -> Mapping[str, float]:
        return self.server.counters_by_name()

    def presign(self, request: PresignRequest, bucket: str, key: str) -> Presigned:
        """A URL of this endpoint that needs no signature of its own."""
        url = f"{self.url}/{bucket}/{quote(key, safe='/-_.~')}"
        now = time.time()
        own = self._keys.default
        signer = Signer(own.access_key_id, own.secret.reveal(), self._config.region)
        signed = signing.presign(request.method, url, signer, request.expires, now)
        return Presigned(signed, int(now) + request.expires)


class ControlSocket:
    """The control API on the agent's Unix socket."""

    def __init__(
        self,
        routes: list[Route],
        path: Path,
        registry: Registry,
        *,
        listener: socket.socket | None = None,
    ) -> None:
        """listener: a socket that listens already, in place of one at the path."""
        self._server = ControlServer(routes, grace=GRACE, registry=registry)
        self._path = path
        self._listener = listener

    async def start(self) -> str:
        await self._server.start(self._path, self._listener)
        return str(self._path)

    async def stop(self) -> None:
        await self._server.stop()

    def status(self) -> Mapping[str, float]:
        return {}
