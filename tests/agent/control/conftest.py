"""A control server over a real local store, in this process."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from s3d.agent.control.objects import ObjectRoutes
from s3d.agent.control.server import ControlServer
from s3d.agent.control.status import Facts, Status
from s3d.agent.control.stream import Stream
from s3d.agent.events import Events
from s3d.agent.s3.credential import Signer
from s3d.agent.s3.signing import presign
from s3d.agent.stack import Stack, build_stack
from s3d.agent.store.objects import Objects
from s3d.shared.config import load_config
from s3d.shared.control import AgentStatus, Presigned, PresignRequest
from s3d.shared.paths import Places, find_places

ENDPOINT = "http://127.0.0.1:33333"


@dataclass
class Control:
    """The server's parts."""

    socket: Path
    events: Events
    objects: Objects
    stack: Stack
    serving: bool = True

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
    objects = Objects(stack.top)
    parts = Control(places.socket, events, objects, stack)
    facts = Facts(parts.status, stack.usage, lambda: parts.serving)
    routes = [
        *Status(facts, objects, events).routes(),
        *ObjectRoutes(objects, parts.presign).routes(),
        *Stream(events, heartbeat=0.05).routes(),
    ]
    server = ControlServer(routes, grace=1.0)
    await server.start(places.socket)
    yield parts
    events.close()
    await server.stop()
    await stack.close()


@pytest.fixture
async def http(control: Control) -> AsyncIterator[aiohttp.ClientSession]:
    """Calls like http.get("/v1/hello")."""
    connector = aiohttp.UnixConnector(str(control.socket))
    async with aiohttp.ClientSession("http://localhost", connector=connector) as session:
        yield session
