"""A control server over a real local store, in this process."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from s3d.agent.app.stack import Stack, build_stack
from s3d.agent.core.client import S3Client
from s3d.agent.core.clock import Clock
from s3d.agent.core.events import Events
from s3d.agent.frontends.control.bucket_property_routes import BucketPropertyRoutes
from s3d.agent.frontends.control.control_server import ControlServer
from s3d.agent.frontends.control.event_stream import EventStream
from s3d.agent.frontends.control.object_routes import ObjectRoutes
from s3d.agent.frontends.control.object_states import ObjectStates
from s3d.agent.frontends.control.queue_routes import QueueRoutes
from s3d.agent.frontends.control.status_routes import StatusRoutes, StatusSources
from s3d.agent.frontends.control.transfer_routes import TransferRoutes
from s3d.agent.frontends.control.user_transfer_routes import UserTransferRoutes
from s3d.agent.s3.signature_elements import Signer
from s3d.agent.s3.signing import presign
from s3d.agent.stores.write_queue.admission import Limits
from s3d.agent.stores.write_queue.layer import WriteQueue
from s3d.agent.stores.write_queue.queue_status import QueueParts
from s3d.agent.transfers.user_transfers import UserTransfers
from s3d.cli.client.sync_client import SyncClient
from s3d.shared.config.load import load_config
from s3d.shared.control import (
    AgentStatus,
    Presigned,
    PresignRequest,
)
from s3d.shared.diagnostics import Readiness, ReadinessCheck, readiness_of
from s3d.shared.paths import Places, find_places
from tests.agent.frontends.control.served import Caller, served
from tests.agent.stores.write_queue.rig import Rig, open_rig
from tests.agent_process import AgentProcess

ENDPOINT = "http://127.0.0.1:33333"


@dataclass
class Control:
    """The server's parts."""

    socket: Path
    events: Events
    objects: S3Client
    stack: Stack | None
    serving: bool = True

    def readiness(self) -> Readiness:
        reason = "" if self.serving else "the agent is stopping"
        return readiness_of([ReadinessCheck("endpoint", self.serving, reason)])

    async def status(self) -> AgentStatus:
        return AgentStatus("0.1.0", 7, 1.0, ENDPOINT, str(self.socket), "sigv4", False)

    def presign(self, wanted: PresignRequest, bucket: str, key: str) -> Presigned:
        signer = Signer("S3DTEST", "secret")
        url = presign(wanted.method, f"{ENDPOINT}/{bucket}/{key}", signer, wanted.expires, 0.0)
        return Presigned(url, wanted.expires)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return find_places(load_config(None, {}, {"local_dir": str(tmp_path)}), {})


@pytest.fixture
async def control(places: Places) -> AsyncIterator[Control]:
    events = Events(time.time)
    stack = await build_stack(load_config(None, {}, {}), places, events)
    objects = S3Client(stack.top)
    parts = Control(places.socket, events, objects, stack)
    sources = StatusSources(parts.status, stack.usage, parts.readiness, _metrics)
    routes = [
        *StatusRoutes(sources, objects, events).routes(),
        *ObjectRoutes(objects, parts.presign).routes(),
        *BucketPropertyRoutes(objects).routes(),
        *EventStream(events, heartbeat=0.05).routes(),
    ]
    server = ControlServer(routes, grace=1.0)
    await server.start(places.socket)
    yield parts
    events.close()
    await server.stop()
    await stack.close()


@dataclass
class Gate(Caller):
    """A control server over a write queue; its remote is a store in this process (rig.remote)."""

    rig: Rig
    queue: QueueParts
    client: aiohttp.ClientSession
    transfers: UserTransfers

    async def put(self, key: str, data: bytes = b"data") -> str:
        """Accept a write; the id of its transfer."""
        await self.rig.staged("PutObject", Bucket="bbb", Key=key, Body=data)
        write = self.rig.journal.pending.newest("bbb", key)
        assert write is not None
        return str(write.seq)


@pytest.fixture
async def gate(places: Places, tmp_path: Path) -> AsyncIterator[Gate]:
    """Nothing is pushed before rig.start()."""
    async with open_rig(tmp_path, clock=Clock()) as rig:
        inner, staging = rig.remote, rig.staged.store
        layer = WriteQueue(inner, staging, rig.journal, Limits(), rig.pusher, clock=Clock())
        opened = rig.body_of
        queue = QueueParts(rig.journal, rig.pusher, rig.throttle, layer.admission, opened, tmp_path)
        objects = S3Client(layer)
        places.state_dir.mkdir(parents=True, exist_ok=True)
        transfers = UserTransfers(objects, rig.events, places.transfers_file, 0o022)
        control = Control(places.socket, rig.events, objects, None)
        sources = StatusSources(control.status, _no_usage, control.readiness, _metrics)
        routes = [
            *StatusRoutes(
                sources, objects, rig.events, ObjectStates(S3Client(inner), queue)
            ).routes(),
            *QueueRoutes(queue).routes(),
            *TransferRoutes(queue, UserTransferRoutes(transfers, None)).routes(),
        ]
        async with served(places.socket, routes) as client:
            yield Gate(rig, queue, client, transfers)


async def _no_usage(bucket: str) -> None:
    return None


def _metrics(accept: str) -> tuple[bytes, str]:
    return f"# {accept}\n".encode(), "text/plain; version=0.0.4"


@pytest.fixture
async def http(control: Control) -> AsyncIterator[aiohttp.ClientSession]:
    """Calls like http.get("/v1/hello")."""
    connector = aiohttp.UnixConnector(str(control.socket))
    async with aiohttp.ClientSession("http://localhost", connector=connector) as session:
        yield session


@pytest.fixture
def sync(agent: AgentProcess) -> SyncClient:
    """The sync folders of a real agent, which has a bucket named home."""
    agent.objects.create_bucket("home")
    return SyncClient(agent.client)
