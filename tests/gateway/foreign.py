"""Answers of another server in the remote's place: the matrix, and the layers that receive them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.model import Member, service
from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.http_transport import Settings, Timeouts
from s3d.agent.stores.remote.remote_store import RemoteStore
from s3d.agent.stores.remote.static_credentials import RemoteKey
from tests.contract.cached import cache_before
from tests.contract.client import Client
from tests.contract.queued import Queue, queue_before
from tests.peers.proxy import Fault, FaultyProxy, Head, Page
from tests.peers.servers import Peer

STATUSES = (200, 204, 206, 302, 304, 403, 404, 413, 500, 502, 511)
_HTML = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Wi-Fi</body></html>"
_XHTML = b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><title>x</title></html>'
BODIES = {"html": _HTML, "json": b'{"error": "login"}', "xhtml": _XHTML, "empty": b"", "cut": _HTML}
HEADERS: dict[str, tuple[tuple[str, str], ...]] = {
    "none": (),
    "static": (
        ("ETag", '"5d41402abc4b2a76b9719d911017c592"'),
        ("Last-Modified", "Sat, 01 Jan 2022 00:00:00 GMT"),
        ("Server", "nginx/1.27"),
    ),
    "xml": (("Content-Type", "application/xml"),),
}
Row = tuple[int, str, str]
ROWS: tuple[Row, ...] = tuple(product(STATUSES, BODIES, HEADERS))
SOME: tuple[Row, ...] = (
    (200, "html", "none"),
    (200, "empty", "static"),
    (204, "empty", "none"),
    (206, "json", "static"),
    (302, "html", "none"),
    (304, "empty", "static"),
    (403, "xhtml", "xml"),
    (404, "html", "none"),
    (404, "empty", "xml"),
    (413, "cut", "none"),
    (502, "html", "xml"),
    (511, "json", "none"),
)
"""One for each row of the decision table."""


def page(row: Row) -> Fault:
    status, body, headers = row
    return Fault(page=Page(status, BODIES[body], HEADERS[headers], 1000 if body == "cut" else 0))


def once(proxy: FaultyProxy, fault: Fault) -> None:
    """The next request of all, and no other."""
    proxy.inject(fault)


def always(proxy: FaultyProxy, fault: Fault) -> None:
    proxy.inject(fault, times=math.inf)


def remote_store(peer: Peer) -> RemoteStore:
    keys = CredentialProvider(region=peer.region, key=RemoteKey(peer.access_key, peer.secret_key))
    return RemoteStore(Settings(peer.endpoint, timeouts=Timeouts(connect=5, silence=30)), keys)


# ------------------------------------------------------------------ every operation


def minimal(name: str, bucket: str, key: str) -> dict[str, Any]:
    """Input members of an operation: those that the model requires."""
    given = service().input_of(name)
    special = {"Bucket": bucket, "Key": key, "CopySource": f"{bucket}/{key}"}
    if name == "GetBucketPolicy":
        special["Policy"] = "{}"
    return {
        member: special.get(member, _sample(given.members[member])) for member in given.required
    }


def _sample(member: Member) -> Any:
    shape = service().shapes[member.shape]
    match shape.type:
        case "structure":
            return {name: _sample(shape.members[name]) for name in shape.required}
        case "list":
            assert shape.member is not None
            return [_sample(shape.member)]
        case "map":
            return {}
        case "integer" | "long":
            return 1
        case "boolean":
            return True
        case "timestamp":
            return datetime(2030, 1, 1, tzinfo=UTC)
        case "blob":
            return b"x"
    return shape.enum[0] if shape.enum else "x"


# ------------------------------------------------------------------ whole stacks


@dataclass
class Stack:
    """Layers before a proxy before a server, and a way past all of them."""

    top: Client
    behind: Client
    proxy: FaultyProxy
    queue: Queue | None
    has_cache: bool

    async def pushed(self) -> None:
        """Return when the remote has everything."""
        if self.queue is None:
            return
        async with asyncio.timeout(60):
            while self.queue.journal.is_moving:
                await self.queue.pusher.flush(1.0)

    async def attempted(self, key: str) -> None:
        """Return when a push of this key has come as far as the proxy."""
        assert self.queue is not None
        async with asyncio.timeout(60):
            while not any(_writes(seen.head, key) for seen in self.proxy.seen):
                await self.queue.pusher.flush(0.05)


def _writes(head: Head, key: str) -> bool:
    return head.method in ("PUT", "DELETE", "POST", "HEAD") and head.target.endswith(f"/{key}")


@asynccontextmanager
async def stack_before(
    seaweedfs: Peer, folder: Path, *, cache: bool, queue: bool
) -> AsyncIterator[Stack]:
    """A new agent's layers."""
    async with FaultyProxy(seaweedfs) as proxy, AsyncExitStack() as stack:
        remote, behind = remote_store(proxy.peer), remote_store(seaweedfs)
        stack.push_async_callback(remote.close)
        stack.push_async_callback(behind.close)
        top: ObjectStore = remote
        folder.mkdir()
        if cache:
            top = await stack.enter_async_context(cache_before(top, folder / "cache"))
        queued = None
        if queue:
            queued = await stack.enter_async_context(queue_before(top, folder / "queue"))
            top = queued.store
        yield Stack(Client(top), Client(behind), proxy, queued, cache)


async def outcome(client: Client, name: str, **members: Any) -> bytes | str:
    """The body of the answer, or the code of the error."""
    try:
        return (await client(name, **members)).body
    except S3Error as error:
        return error.code


def numbered(rows: tuple[Row, ...]) -> Iterator[tuple[str, Row]]:
    """A name for the keys of each row, and the row."""
    for number, row in enumerate(rows):
        yield f"r{number}", row
