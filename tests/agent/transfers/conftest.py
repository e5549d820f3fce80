"""Transfers over a real store, with real files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.core.events import Events
from s3d.agent.core.job import ENDED
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.stores.local import complete
from s3d.agent.stores.local.store import LocalStore
from s3d.agent.transfers.transfer_status import TransferJob
from s3d.agent.transfers.user_transfers import UserTransfers
from s3d.shared.transfers import TransferRequest

UMASK = 0o022
PART = 64 << 10
"""Bytes of a part; the store is told to take parts smaller than S3 allows."""


class Flaky:
    """A store before another one: for a while it is away, or waits."""

    def __init__(self, inner: LocalStore) -> None:
        self.inner = inner
        self.is_away = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.calls: list[str] = []
        self.fails: Callable[[Any], None] = lambda request: None
        """Called with each request; raises what it fails with."""
        self.called = asyncio.Event()
        """Data has been asked for, or sent."""

    async def call(self, request):
        self.calls.append(request.op.name)
        self.fails(request)
        if request.op.name in ("GetObject", "PutObject"):
            self.called.set()
            await self.gate.wait()
        if self.is_away:
            raise S3Error("ServiceUnavailable", "the remote is away")
        return await self.inner.call(request)


class World:
    """A store with two buckets, a folder, and the engine."""

    def __init__(self, tmp_path: Path) -> None:
        self.index = Index.open(tmp_path / "index.sqlite", ephemeral=True)
        blobs = Blobs(tmp_path / "blobs", ephemeral=True)
        self.store = Flaky(LocalStore(self.index, blobs))
        self.disk = blobs.disk
        """The disk that the store believes to be on; writes ask it for room."""
        self.objects = S3Client(self.store)
        self.folder = tmp_path / "folder"
        self.file = tmp_path / "transfers.json"
        self.events = Events()
        self.queue_size = 1 << 40
        self.transfers = self.opened()
        self.running: asyncio.Task[None] | None = None

    def opened(self) -> UserTransfers:
        return UserTransfers(
            self.objects,
            self.events,
            self.file,
            UMASK,
            direct=S3Client(self.store, bypass_queue=True),
            part_size=PART,
            is_too_large=lambda size: size > self.queue_size,
        )

    async def put(self, key: str, data: bytes = b"data", bucket: str = "one") -> None:
        await self.objects.put(bucket, key, BytesBody(data))

    async def keys(self, bucket: str = "one") -> list[str]:
        return [row.key async for row in self.objects.list(bucket)]

    async def read(self, key: str, bucket: str = "one") -> bytes:
        _, body = await self.objects.get(bucket, key)
        return b"".join([chunk async for chunk in body])

    def run(self) -> None:
        self.running = asyncio.get_running_loop().create_task(self.transfers.run())

    async def stop(self) -> None:
        """As the end of the agent does."""
        if self.running is not None:
            self.running.cancel()
            with suppress(asyncio.CancelledError):
                await self.running

    async def until(self, job: TransferJob, *states: str) -> TransferJob:
        with self.events.subscribe(["transfer"]) as subscription:
            async with asyncio.timeout(20):
                while job.state not in (states or ENDED):
                    await subscription.take()
        async with self.transfers._saving:
            return job

    async def do(self, kind: str, bucket: str = "one", **more) -> TransferJob:
        """One transfer, to its end."""
        (job,) = await self.transfers.start(TransferRequest(kind, bucket, **more))
        return await self.until(job)


@pytest.fixture
async def world(tmp_path, monkeypatch) -> AsyncIterator[World]:
    monkeypatch.setattr(complete, "MIN_PART", PART)
    world = World(tmp_path)
    for bucket in ("one", "two"):
        await world.objects.create_bucket(bucket)
    world.run()
    yield world
    await world.stop()
    world.index.close()
