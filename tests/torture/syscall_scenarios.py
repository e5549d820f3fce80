"""What a process does until one of its system calls is its last, and what must be there afterwards.

A scenario runs on real stores in a folder of its own. Its steps are acknowledged one by one, so
after n acknowledgements the state is that of n steps, or of n + 1: the step under way has happened
or has not. Opening the state again uses the agent's own parts, and nothing else mends it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

from s3d.agent.app.check import Checker, Opened
from s3d.agent.app.embedded import Embedded, open_embedded
from s3d.agent.app.read_cache import open_cache
from s3d.agent.app.write_queue import Below, build_queue, open_queue_files
from s3d.agent.core.events import Events
from s3d.agent.core.store import ObjectStore
from s3d.agent.frontends.control.pending import Queue
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, S3Response
from s3d.agent.selection.use_policy import UPLOAD, Rules
from s3d.agent.stores.read_cache.cache_bypass import CacheBypass
from s3d.agent.stores.write_queue.remote_states import ObservedRemote, RemoteStates
from s3d.shared.config import load_config
from s3d.shared.paths import Places, find_places
from tests.contract.client import Client
from tests.torture.syscall_steps import BUCKET, Step, look, models

PATIENCE = 30.0
"""Seconds in which a queue has to get empty."""

Acknowledge = Callable[[], None]


class Broken(AssertionError):
    """What was promised is not so."""


def places_of(folder: Path) -> Places:
    env = {"S3D_LOCAL_DIR": str(folder), "S3D_SOCKET": "/tmp/unused.sock"}
    return find_places(load_config(None, env, {}), env)


class Scenario(Protocol):
    """prepare, then play until the end or a kill; verify belongs to another process."""

    name: str

    def session(self, folder: Path) -> Any:
        """`async with scenario.session(folder) as play: await play(acknowledge)`."""

    async def verify(self, folder: Path, acknowledged: int) -> None:
        """Raises Broken. It may be killed and called again."""


def lay_ballast(*folders: Path) -> None:
    """So that none is laid, which takes longer than all the rest."""
    for folder in folders:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "ballast").touch()


def expect(what: str, found: Any, *wanted: Any) -> None:
    if found not in wanted:
        raise Broken(f"{what}: {found} is none of {wanted}")


async def check_all(folder: Path) -> None:
    """`s3d check` finds nothing."""
    async for line in Checker(places_of(folder), Opened()).run(repair=False):
        if line.damage is not None:
            raise Broken(f"s3d check: {line.damage}")


async def swept(store: Embedded, what: str) -> None:
    """Nothing is left to do, and nothing to complain about."""
    again = await store.local.sweep()
    expect(f"{what} sweeps again", (again.removed, again.lost), (0, 0))
    there = _files(store.blobs.folder)
    named = await store.index.read(lambda reader: reader.known_blobs(there))
    expect(f"{what} has files that nothing names", set(there) - named, set())
    expect(f"{what} complains", store.warnings(), [])


async def started(store: Embedded, what: str) -> None:
    await store.sweep()
    expect(f"{what} complains", store.warnings(), [])


@dataclass(frozen=True)
class OfStore:
    """Steps on the embedded store."""

    name: str
    before: Sequence[Step]
    steps: Sequence[Step]
    versioned: bool = False

    @asynccontextmanager
    async def session(self, folder: Path) -> AsyncIterator[Callable[[Acknowledge], Any]]:
        place = places_of(folder).store_dir
        lay_ballast(place)
        with closing(open_embedded(place)) as store:
            client, uploads = Client(store.local), dict[str, str]()
            await client("CreateBucket", Bucket=BUCKET)
            if self.versioned:
                status = {"Status": "Enabled"}
                await client("PutBucketVersioning", Bucket=BUCKET, VersioningConfiguration=status)
            for step in self.before:
                await step.run(client, uploads)

            async def play(acknowledge: Acknowledge) -> None:
                for step in self.steps:
                    await step.run(client, uploads)
                    acknowledge()

            yield play

    async def verify(self, folder: Path, acknowledged: int) -> None:
        past = list(models([*self.before, *self.steps]))[len(self.before) :]
        wanted = [
            model.visible(versioned=self.versioned)
            for model in past[acknowledged : acknowledged + 2]
        ]
        place = places_of(folder).store_dir
        with closing(open_embedded(place)) as store:
            client = Client(store.local)
            found = await look(client, versioned=self.versioned)
            expect("at the start", found, *wanted)
            await started(store, "the store")
            expect("after the sweep", await look(client, versioned=self.versioned), found)
        await check_all(folder)
        with closing(open_embedded(place)) as store:
            await swept(store, "the store")
            found_again = await look(Client(store.local), versioned=self.versioned)
            expect("at the second start", found_again, found)


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
    queue: Queue
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
        journal, staging = await open_queue_files(state, layer, events, states, leaving)
        past_cache: ObjectStore = observed if layer is None else CacheBypass(layer)
        parts = Below(layer or observed, past_cache, layer, _rules(config), _probing(), lambda: 0.0)
        top, queue = build_queue(config, parts, journal, staging, events)
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


def _rules(config: Any) -> Rules:
    async def tags_of(bucket: str) -> dict[str, str]:
        return {}

    return Rules("push", config.write_queue.filter, tags_of, UPLOAD, None)


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
        raise Broken(f"pending in the end: {left} {list(gateway.queue.journal.all())}")


@dataclass(frozen=True)
class OfQueue:
    """Steps on the write queue, while it pushes or not; or a push of what waits in it."""

    name: str
    before: Sequence[Step]
    """These are at the remote."""
    waiting: Sequence[Step]
    """These wait in the queue."""
    steps: Sequence[Step]
    pushes: bool = False
    cached: bool = False

    @asynccontextmanager
    async def session(self, folder: Path) -> AsyncIterator[Callable[[Acknowledge], Any]]:
        async with open_gateway(folder, cached=self.cached) as gateway:
            client, uploads = Client(gateway.top), dict[str, str]()
            await Client(gateway.remote.local)("CreateBucket", Bucket=BUCKET)
            for step in self.before:
                await step.run(Client(gateway.remote.local), uploads)
            await look(client, versioned=False)  # whoever has not seen it may not replace it
            for step in self.waiting:
                await step.run(client, uploads)

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
        possible = [m.visible(versioned=False) for m in past[acknowledged : acknowledged + 2]]
        async with open_gateway(folder, cached=self.cached, past=past[-1].versions) as gateway:
            client, remote = Client(gateway.top), Client(gateway.remote.local)
            found = await look(client, versioned=False)
            expect("at the start", found, *possible)
            await started(gateway.staging, "the queue")
            await started(gateway.remote, "the remote")
            await _drained(gateway)
            expect("once it has drained", await look(client, versioned=False), found)
            there = await look(remote, versioned=False)
            expect("at the remote", there, found | {"uploads": {}})
        await check_all(folder)
        async with open_gateway(folder, cached=self.cached) as gateway:
            expect("pending at the second start", list(gateway.queue.journal.all()), [])
            await swept(gateway.staging, "the queue")
            await swept(gateway.remote, "the remote")
            files = [] if found["uploads"] else _files(gateway.staging.blobs.folder)
            expect("staged for nothing", files, [])
            client = Client(gateway.top)
            expect("at the second start", await look(client, versioned=False), found)
            if gateway.cache is not None:
                await _cache_is_tidy(gateway)


async def _cache_is_tidy(gateway: Gateway) -> None:
    expect("the cache complains", gateway.cache.trouble, "")
    catalog = gateway.cache.layer.catalog
    again = await catalog.sweep()
    expect("the cache sweeps again", again, 0)


def _files(folder: Path) -> list[int]:
    """The numbers of the blobs in files."""
    names = (name for _, _, names in os.walk(folder) for name in names)
    return [int(name) for name in names if name.isdigit()]
