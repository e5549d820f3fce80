"""The write queue, its pushes and the read cache, until a system call is the last one.

The remote is a store in another folder of the same process, which is killed with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from s3d.agent.after_upload.pushed_uploads import open_uploads
from s3d.agent.app.embedded import Embedded, open_embedded
from s3d.agent.app.read_cache import open_cache
from s3d.agent.app.write_queue import build_queue, open_queue_files
from s3d.agent.core.events import Events
from s3d.agent.core.store import ObjectStore
from s3d.agent.core.telemetry import Registry
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, S3Response
from s3d.agent.selection.use_policy import UPLOAD, UsePolicy
from s3d.agent.stores.read_cache.layer import CacheBypass
from s3d.agent.stores.write_queue.journal.remote_states import ObservedRemote, RemoteStates
from s3d.agent.stores.write_queue.queue_status import QueueParts
from s3d.shared.config.load import load_config
from tests.contract.client import Client, read
from tests.torture.syscall_scenarios import (
    Acknowledge,
    Broken,
    check_all,
    expect,
    files_of,
    lay_ballast,
    places_of,
    started,
    swept,
)
from tests.torture.syscall_steps import BUCKET, Step, digest, look, models

PATIENCE = 30.0
"""Seconds in which a queue has to get empty."""


class Recorder:
    """The remote; no write brings back a content that was already replaced."""

    def __init__(self, inner: ObjectStore, past: dict[str, list[bytes | None]]) -> None:
        self._inner = inner
        self._past = past
        self._newest: dict[str, int] = {}

    async def start(self) -> None:
        for key in self._past:
            self._newest[key] = self._age(key, await self._content(key))

    async def call(self, request: S3Request[Any]) -> S3Response[Any]:
        response = await self._inner.call(request)
        key = request.input.get("Key")
        if key in self._newest and request.op.name in _WRITES:
            age = self._age(key, await self._content(key))
            if age < self._newest[key]:
                raise Broken(f"{request.op.name} brought back an older {key}: {age}")
            self._newest[key] = age
        return response

    async def _content(self, key: str) -> bytes | None:
        try:
            return await Client(self._inner).read(BUCKET, key)
        except S3Error as error:
            if error.status != 404:
                raise
            return None

    def _age(self, key: str, data: bytes | None) -> int:
        past = [None, *self._past[key]]
        if data not in past:
            raise Broken(f"torn or foreign at the remote: {key}")
        return len(past) - 1 - past[::-1].index(data)


_WRITES = {"PutObject", "DeleteObject", "CopyObject", "CompleteMultipartUpload"}


@dataclass
class Gateway:
    """A queue, with a cache or without, before a store that is its remote."""

    top: ObjectStore
    queue: QueueParts
    staging: Embedded
    remote: Embedded
    cache: Any


@asynccontextmanager
async def open_gateway(
    folder: Path, *, cached: bool, past: dict[str, list[bytes | None]] | None = None
) -> AsyncIterator[Gateway]:
    """As app/gateway.py puts it together, but for the remote. past: what the remote is held to."""
    env = {"S3D_LOCAL_DIR": str(folder), "S3D_SOCKET": "/tmp/unused.sock"}
    config, places = load_config(None, env, {}), places_of(folder)
    lay_ballast(folder / "remote", places.write_queue_dir)
    async with AsyncExitStack() as leaving:
        remote = open_embedded(folder / "remote")
        leaving.callback(remote.close)
        below: ObjectStore = remote.local
        if past is not None:
            recorder = Recorder(below, past)
            await recorder.start()
            below = recorder
        events, states = Events(), RemoteStates()
        observed = ObservedRemote(below, states)
        cache = open_cache(config.read_cache, places, observed, leaving) if cached else None
        layer = None if cache is None else cache.layer
        expect("the cache", cached and layer is None, False)
        state: Any = SimpleNamespace(
            places=places,
            account=SimpleNamespace(before=SimpleNamespace(note=lambda journal: None)),
        )
        journal, staging = await open_queue_files(
            config.write_queue, state, events, states, closing=leaving, registry=Registry()
        )
        uploads = open_uploads(config, places, below, "remote-1")
        leaving.callback(uploads.close)
        past_cache: ObjectStore = observed if layer is None else CacheBypass(layer)
        top, queue = build_queue(
            config,
            journal,
            staging,
            events,
            inner=layer or observed,
            push_to=past_cache,
            cache=layer,
            rules=_rules(config),
            capabilities=_probing(),
            clock_offset=lambda: 0.0,
            uploads=uploads,
        )
        if layer is not None:
            await leaving.enter_async_context(_running(layer.run()))
            await asyncio.sleep(0)
        yield Gateway(top, queue, staging, remote, cache)


@asynccontextmanager
async def _running(work: Any) -> AsyncIterator[None]:
    task = asyncio.get_running_loop().create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled() and task.exception() is not None:
            raise task.exception() or Broken("it ended")


def _rules(config: Any) -> UsePolicy:
    async def tags_of(bucket: str) -> dict[str, str]:
        return {}

    return UsePolicy("push", config.write_queue.filter, tags_of, UPLOAD, None)


def _probing() -> Any:
    async def learn(bucket: str) -> None:
        pass

    judged = dict.fromkeys(
        ("put_if_absent", "put_if_match", "complete_if_absent", "complete_if_match",
         "delete_if_match"), True,
    )  # fmt: skip
    return SimpleNamespace(known_of=lambda bucket: SimpleNamespace(**judged), learn=learn)


async def _drained(gateway: Gateway, patience: float = PATIENCE) -> None:
    """Push until nothing is pending."""
    async with _running(gateway.queue.pusher.run()):
        left = await gateway.queue.pusher.flush(patience)
    if left.files:
        raise Broken(f"pending in the end: {left} {list(gateway.queue.journal.pending)}")


@dataclass(frozen=True)
class OfQueue:
    """Steps on the write queue, while it pushes or not; or a push of what waits in it."""

    name: str
    before: Sequence[Step]
    """These are at the remote."""
    waiting: Sequence[Step]
    """These wait in the queue."""
    steps: Sequence[Step]
    theirs: Sequence[Step] = ()
    """These others make at the remote meanwhile, where the queue has not seen them."""
    pushes: bool = False
    cached: bool = False
    sees: bool = True
    """Whether all was read before: whoever has not seen an object may not replace it."""

    @asynccontextmanager
    async def session(self, folder: Path) -> AsyncIterator[Callable[[Acknowledge], Any]]:
        async with open_gateway(folder, cached=self.cached) as gateway:
            client, uploads = Client(gateway.top), dict[str, str]()
            remote = Client(gateway.remote.local)
            await remote("CreateBucket", Bucket=BUCKET)
            for step in self.before:
                await step.run(remote, uploads)
            if self.sees:
                await look(client, versioned=False)
            for step in self.waiting:
                await step.run(client, uploads)
            for step in self.theirs:
                await step.run(remote, uploads)

            async def play(acknowledge: Acknowledge) -> None:
                async with AsyncExitStack() as leaving:
                    if self.pushes:
                        await leaving.enter_async_context(_running(gateway.queue.pusher.run()))
                    for step in self.steps:
                        await step.run(client, uploads)
                        acknowledge()
                    if self.pushes:
                        await gateway.queue.pusher.flush(PATIENCE)

            yield play

    async def verify(self, folder: Path, acknowledged: int) -> None:
        fixed = [*self.before, *self.waiting]
        past = list(models([*fixed, *self.steps]))[len(fixed) :]
        ours = [m.visible(versioned=False) for m in past[acknowledged : acknowledged + 2]]
        *_, end = models([*fixed, *self.steps, *self.theirs])
        async with open_gateway(folder, cached=self.cached, past=end.versions) as gateway:
            client, remote = Client(gateway.top), Client(gateway.remote.local)
            found = await look(client, versioned=False)
            if not self.theirs:
                expect("at the start", found, *ours)
            await started(gateway.staging, "the queue")
            await started(gateway.remote, "the remote")
            await _drained(gateway)
            if self.theirs:
                found = end.visible(versioned=False)
            await self._compare(gateway, client, found)
            there = await look(remote, versioned=False)
            expect("at the remote", there, found | {"uploads": {}})
        await check_all(folder)
        async with open_gateway(folder, cached=self.cached) as gateway:
            expect("pending at the second start", list(gateway.queue.journal.pending), [])
            await swept(gateway.staging, "the queue")
            await swept(gateway.remote, "the remote")
            if not found["uploads"] and not self.theirs:
                expect("staged for nothing", files_of(gateway.staging.blobs.folder), [])
            await self._compare(gateway, Client(gateway.top), found)
            if gateway.cache is not None:
                await _cache_is_tidy(gateway)

    async def _compare(self, gateway: Gateway, client: Client, found: dict[str, Any]) -> None:
        expect("through the queue", await look(client, versioned=False), found)
        *_, mine = models([*self.before, *self.waiting])
        taken = {step.key for step in self.theirs} & {step.key for step in self.waiting}
        wanted = {key: mine.objects.get(key) for key in taken}
        parked = gateway.queue.journal.conflicts
        kept = {
            conflict.write.key: await _bytes(gateway, parked.find(conflict.write.seq))
            for conflict in parked
        }
        shown = [
            {key: data and digest(data) for key, data in side.items()} for side in (kept, wanted)
        ]
        expect("parked as conflicts", *shown)


@dataclass(frozen=True)
class OfFirstQueue(OfQueue):
    """The queue and the cache are made, and take their first steps."""

    @asynccontextmanager
    async def session(self, folder: Path) -> AsyncIterator[Callable[[Acknowledge], Any]]:
        lay_ballast(folder / "remote")
        with closing(open_embedded(folder / "remote")) as remote:
            await Client(remote.local)("CreateBucket", Bucket=BUCKET)

        async def play(acknowledge: Acknowledge) -> None:
            async with open_gateway(folder, cached=self.cached) as gateway:
                for step in self.steps:
                    await step.run(Client(gateway.top), {})
                    acknowledge()

        yield play


async def _bytes(gateway: Gateway, stored: Any) -> bytes | None:
    return None if stored is None else await read(gateway.staging.body_of(stored.layout))


async def _cache_is_tidy(gateway: Gateway) -> None:
    expect("the cache complains", gateway.cache.trouble, "")
    catalog = gateway.cache.layer.catalog
    again = await catalog.sweep()
    expect("the cache sweeps again", again, 0)
