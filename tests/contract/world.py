"""A World: a stack of layers, what lies below it, its clock, and the faults on the way between.

Every rule of docs/semantics.md is tested on each stack of WORLDS. `top` is what clients of the
agent speak to. `behind` writes straight to what is below the layers, as another program at the
remote would. `time` moves only when a test says so. `faults` delays, loses, repeats and refuses
requests between the layers and what is behind them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from time import time as unix_time
from typing import Any

from s3d.agent.core.failures import Reason, Unreachable
from s3d.agent.core.store import Answer, Layer, ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody, S3Request, S3Response
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.stores.local.store import LocalStore
from s3d.agent.stores.remote.capabilities import RemoteQuirks
from s3d.agent.stores.remote.capability_prober import CapabilityProber
from s3d.agent.stores.remote.compatibility import Compatibility
from s3d.agent.stores.remote.conditional_writes import ConditionalWrites
from s3d.agent.stores.remote.empty_segments import EmptySegments
from s3d.agent.stores.write_queue.journal.remote_states import ObservedRemote, RemoteStates
from tests.agent.stores.write_queue.rig import ALL_CONDITIONS, NO_CONDITIONS, Time
from tests.contract.cached import cache_before
from tests.contract.client import Client, read
from tests.contract.queued import Queue, queue_before
from tests.contract.referee import remote_store
from tests.peers.servers import Peer

PUSHED_WITHIN = 20.0
"""Real seconds in which a reachable remote must have taken everything that is pending."""


class Faults(Layer):
    """The network between the layers and what is behind them."""

    def __init__(self, inner: ObjectStore) -> None:
        super().__init__(inner)
        self.is_away = False
        self.calls: list[str] = []
        """Names of the operations that came this way, oldest first."""
        self._lost: dict[str, int] = {}
        self._repeated: dict[str, int] = {}
        self._gates: dict[str, asyncio.Event] = {}
        self._answer_gates: dict[str, asyncio.Event] = {}
        self._waiting: dict[str, asyncio.Event] = {}

    def lose_answer(self, operation: str, times: int = 1) -> None:
        """The next requests are carried out, and their answers never arrive."""
        self._lost[operation] = times

    def repeat(self, operation: str, times: int = 1) -> None:
        """The next requests arrive twice, one directly after the other."""
        self._repeated[operation] = times

    def hold(self, operation: str) -> asyncio.Event:
        """Requests wait for release(); the event is set once one of them waits."""
        self._gates[operation] = asyncio.Event()
        self._waiting[operation] = asyncio.Event()
        return self._waiting[operation]

    def hold_answer(self, operation: str) -> asyncio.Event:
        """The next request is carried out, which sets the event; its answer waits for release()."""
        self._answer_gates[operation] = asyncio.Event()
        self._waiting[operation] = asyncio.Event()
        return self._waiting[operation]

    def release(self, operation: str) -> None:
        for gates in (self._gates, self._answer_gates):
            if operation in gates:
                gates.pop(operation).set()

    async def _through(self, request: S3Request[Any]) -> S3Response[Any]:
        name = request.op.name
        self.calls.append(name)
        if name in self._gates:
            self._waiting[name].set()
            await self._gates[name].wait()
        if self.is_away:
            raise _unreachable(Reason.CONNECT, sent=False)
        if _take(self._repeated, name):
            body = b"" if request.body is None else await read(request.body)
            request.body = BytesBody(body)
            await self.inner.call(request)
            request.body = BytesBody(body)
        response = await self.inner.call(request)
        answer_gate = self._answer_gates.get(name)
        if answer_gate is not None and not self._waiting[name].is_set():
            self._waiting[name].set()
            await answer_gate.wait()
        if _take(self._lost, name):
            if response.body is not None:
                await response.body.aclose()
            raise _unreachable(Reason.LOST, sent=True)
        return response

    def fallback(self, request: S3Request[Any]) -> Answer:
        return self._through(request)


class IgnoresConditions(Layer):
    """A remote that answers 200 to a conditional write whatever the condition says."""

    def fallback(self, request: S3Request[Any]) -> Answer:
        if request.op.access in ("read", "list"):
            return self.inner.call(request)
        ignored = ("IfMatch", "IfNoneMatch", "IfMatchSize", "IfMatchLastModifiedTime")
        members = {name: value for name, value in request.input.items() if name not in ignored}
        return self.inner.call(request.replace(input=members))


@dataclass
class World:
    """One stack and its surroundings."""

    name: str
    top: Client
    behind: Client
    time: Time
    faults: Faults
    queue: Queue | None = None
    has_cache: bool = False
    bucket: str = ""

    def go_away(self) -> None:
        """Requests to what is behind fail from now on."""
        self.faults.is_away = True

    def come_back(self) -> None:
        """The remote answers again, and whoever waits for a back-off tries at once."""
        self.faults.is_away = False

    async def advance(self, seconds: float) -> None:
        """Let time pass, and let everything run that was waiting for it."""
        self.time.advance(seconds)
        for _ in range(20):
            await asyncio.sleep(0)

    async def put_through(self, key: str, data: bytes) -> None:
        """Store an object, and let it be pushed."""
        await self.top.put(self.bucket, key, data)
        await self.pushed()

    async def pushed(self) -> None:
        """Return when nothing is pending any more but what is held, parked or in conflict."""
        if self.queue is None:
            return
        async with asyncio.timeout(PUSHED_WITHIN):
            while True:
                await self.queue.pusher.flush(1.0)
                if not self.queue.journal.is_moving:
                    return
                await self.advance(60)

    async def read(self, key: str) -> bytes | None:
        """What a client of the agent reads; None where there is no such object."""
        return await _read(self.top, self.bucket, key)

    async def read_behind(self, key: str) -> bytes | None:
        """What somebody else reads at the remote."""
        return await _read(self.behind, self.bucket, key)

    async def keys(self) -> list[str]:
        return await _keys(self.top, self.bucket)

    async def keys_behind(self) -> list[str]:
        return await _keys(self.behind, self.bucket)


async def _read(client: Client, bucket: str, key: str) -> bytes | None:
    try:
        return (await client("GetObject", Bucket=bucket, Key=key)).body
    except S3Error as error:
        if error.code != "NoSuchKey":
            raise
        return None


async def _keys(client: Client, bucket: str) -> list[str]:
    answer = await client("ListObjectsV2", Bucket=bucket)
    return [str(key) for key in answer.names("Contents", "Key")]


def _take(times: dict[str, int], name: str) -> bool:
    left = times.get(name, 0)
    times[name] = left - 1
    return left > 0


def _unreachable(reason: Reason, *, sent: bool) -> S3Error:
    error = S3Error("ServiceUnavailable", f"The remote cannot be reached: {reason}.")
    error.failure = Unreachable(reason, "a fault of the test", sent=sent)
    return error


@asynccontextmanager
async def _local(folder: Path, clock: Callable[[], float]) -> AsyncIterator[LocalStore]:
    index = Index.open(folder / "index.sqlite", ephemeral=True)
    try:
        yield LocalStore(index, Blobs(folder / "blobs", ephemeral=True), clock=clock)
    finally:
        index.close()


@asynccontextmanager
async def embedded(folder: Path, peer: Callable[[], Peer]) -> AsyncIterator[World]:
    """No layer at all: who writes "behind" is another client of the same store."""
    time = Time()
    async with _local(folder, time.clock.now) as store:
        yield World("embedded", Client(store), Client(store), time, Faults(store))


def _layers(name: str, *, cache: bool, queue: bool, conditions: bool = True) -> Any:
    @asynccontextmanager
    async def make(folder: Path, peer: Callable[[], Peer]) -> AsyncIterator[World]:
        time = Time()
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(_local(folder, time.clock.now))
            remote: ObjectStore = store if conditions else IgnoresConditions(store)
            world = await _stacked(
                stack, folder, remote, time, cache=cache, queue=queue, conditions=conditions
            )
            world.name, world.behind = name, Client(store)
            yield world

    return make


@asynccontextmanager
async def seaweedfs(folder: Path, peer: Callable[[], Peer]) -> AsyncIterator[World]:
    """All layers before a real server, with the time of this machine."""
    async with AsyncExitStack() as stack:
        remote, behind = remote_store(peer()), remote_store(peer())
        stack.push_async_callback(behind.close)
        stack.push_async_callback(remote.close)
        time = Time()
        began = unix_time()
        time.clock = replace(time.clock, now=lambda: began + time.passed)
        world = await _stacked(
            stack,
            folder,
            remote,
            time,
            cache=True,
            queue=True,
            clock_offset=lambda: unix_time() - time.clock.now(),
        )
        world.name, world.behind = "seaweedfs", Client(behind)
        yield world


async def _stacked(
    stack: AsyncExitStack,
    folder: Path,
    remote: ObjectStore,
    time: Time,
    *,
    cache: bool,
    queue: bool,
    conditions: bool = True,
    clock_offset: Callable[[], float] = lambda: 0.0,
) -> World:
    """The layers as the agent stacks them, on faults and the judgement of conditions."""
    faults = Faults(remote)
    quirks = RemoteQuirks()
    learning = EmptySegments(Compatibility(faults, quirks), quirks)
    prober = CapabilityProber(
        learning, "http://remote", folder / "capabilities.json", quirks=quirks
    )
    if not conditions:  # elsewhere the objects of a probe would be seen in listings for a moment
        running = asyncio.get_running_loop().create_task(prober.run())
        stack.push_async_callback(_cancelled, running)
    states = RemoteStates(time.clock.now)
    top: ObjectStore = ObservedRemote(ConditionalWrites(prober), states)
    if cache:
        cached = cache_before(top, folder / "cache", clock=time.clock.now)
        top = await stack.enter_async_context(cached)
    world = World("", Client(top), Client(remote), time, faults, has_cache=cache)
    if queue:
        known = ALL_CONDITIONS if conditions else NO_CONDITIONS
        before = queue_before(
            top,
            folder / "queue",
            clock=time.clock,
            states=states,
            judged=lambda bucket: known,
            clock_offset=clock_offset,
        )
        world.queue = await stack.enter_async_context(before)
        world.top = Client(world.queue.store)
    return world


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


Make = Callable[[Path, Callable[[], Peer]], AbstractAsyncContextManager[World]]

WORLDS: dict[str, Make] = {
    "embedded": embedded,
    "cache": _layers("cache", cache=True, queue=False),
    "queue": _layers("queue", cache=False, queue=True),
    "queue_and_cache": _layers("queue_and_cache", cache=True, queue=True),
    "unconditional": _layers("unconditional", cache=True, queue=True, conditions=False),
    "seaweedfs": seaweedfs,
}
