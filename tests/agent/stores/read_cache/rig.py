"""A cache before a store of this process that counts, and fails when told to; time stands still."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from s3d.agent.core.failures import Reason, Unreachable
from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, S3Request, S3Response, StreamBody
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.stores.local.store import LocalStore
from s3d.agent.stores.read_cache.catalog.cache_room import Limits
from s3d.agent.stores.read_cache.layer import Cache
from s3d.agent.stores.read_cache.revalidate import Freshness
from tests.contract.cached import cache_before
from tests.contract.client import Client

PIECE = 100_000
"""Bytes in which bodies come."""


def outage() -> S3Error:
    error = S3Error("ServiceUnavailable", "The remote cannot be reached")
    error.failure = Unreachable(Reason.CONNECT, "nothing", sent=False)
    return error


def answer_lost() -> S3Error:
    error = S3Error("ServiceUnavailable", "The remote's answer was lost")
    error.failure = Unreachable(Reason.TIMEOUT, "nothing", sent=True)
    return error


@dataclass
class Remote:
    """The store behind, seen through a line that may be bad."""

    inner: ObjectStore
    calls: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    """Bytes of bodies that were given."""
    error: Callable[[], S3Error] | None = None
    """Raised instead of an answer."""
    error_after: Callable[[], S3Error] | None = None
    """Raised once the request has been carried out."""
    truncate: int | None = None
    """Bytes after which bodies end."""
    hides_size: bool = False
    """Bodies are sent in chunks, without their size."""
    garble: bool = False
    """The first byte of bodies is another one."""
    mute: str = ""
    """An operation that is never answered."""
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """Bodies stop after their first piece while it is not set."""

    async def call(self, request: S3Request[Any]) -> S3Response[Any]:
        self.calls[request.op.name] += 1
        if self.error is not None:
            raise self.error()
        if request.op.name == self.mute:
            await asyncio.Event().wait()
        response = await self.inner.call(request)
        if self.error_after is not None:
            raise self.error_after()
        if request.op.name == "GetObject" and response.body is not None:
            body = response.body
            response.body = StreamBody(self._through(body), body.size)
            if self.hides_size:
                response.output = {**response.output}
                del response.output["ContentLength"]
                response.body = StreamBody(self._through(body), None)
        return response

    async def _through(self, body: Body) -> AsyncIterator[bytes]:
        data = b"".join([chunk async for chunk in body])
        await body.aclose()
        if self.garble:
            data = bytes([data[0] ^ 1]) + data[1:]
        if self.truncate is not None:
            data = data[: self.truncate]
        for start in range(0, len(data), PIECE):
            if start:
                await self.gate.wait()
            piece = data[start : start + PIECE]
            self.sent += len(piece)
            yield piece

    def gets(self) -> int:
        return self.calls["GetObject"]


class Time:
    """It moves when a test says so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Rig:
    """s3 reads and writes through the cache, there behind its back."""

    folder: Path
    remote: Remote
    time: Time
    there: Client
    options: dict[str, Any]
    cache: Cache = field(init=False)
    s3: Client = field(init=False)
    closing: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start(self) -> None:
        opened = cache_before(self.remote, self.folder / "cache", clock=self.time, **self.options)
        self.cache = await self.closing.enter_async_context(opened)
        self.s3 = Client(self.cache)

    async def restart(self) -> None:
        await self.closing.aclose()
        self.closing = AsyncExitStack()
        await self.start()

    def path(self, key: str) -> Path:
        entry = self.cache.catalog.peek("bbb", key)
        assert entry is not None
        return self.cache.catalog.blobs.path(entry.blob)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 - it comes from threads
                await asyncio.sleep(0)

    async def quiet(self) -> None:
        """Until no fill is under way."""
        await self.until(lambda: self.cache.fills.in_flight == 0)


@asynccontextmanager
async def open_rig(
    tmp_path: Path, limits: Limits | None = None, freshness: Freshness | None = None
) -> AsyncIterator[Rig]:
    """With bucket bbb."""
    index = Index.open(tmp_path / "index.sqlite", ephemeral=True)
    time = Time()
    inner = LocalStore(index, Blobs(tmp_path / "blobs", ephemeral=True), clock=time)
    remote = Remote(inner)
    remote.gate.set()
    rig = Rig(tmp_path, remote, time, Client(inner), {"limits": limits, "freshness": freshness})
    await rig.there("CreateBucket", Bucket="bbb")
    await rig.start()
    try:
        yield rig
    finally:
        remote.gate.set()
        await rig.closing.aclose()
        index.close()
