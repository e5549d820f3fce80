"""A write queue before a store, with a real pusher: eager, or one that pushes only when it must."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s3d.agent.core.clock import Clock
from s3d.agent.core.events import Events
from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, BytesBody, S3Request, S3Response
from s3d.agent.s3.model import operations
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.storage.records import Layout
from s3d.agent.stores.local.store import LocalStore
from s3d.agent.stores.write_queue.admission import Limits
from s3d.agent.stores.write_queue.journal import journal_rows
from s3d.agent.stores.write_queue.journal.journal import Journal
from s3d.agent.stores.write_queue.journal.remote_states import RemoteStates
from s3d.agent.stores.write_queue.layer import WriteQueue
from s3d.agent.stores.write_queue.push.push_executor import PushExecutor
from s3d.agent.stores.write_queue.push.pusher import Pusher
from s3d.agent.stores.write_queue.push.remote_buckets import ConditionSupport
from s3d.agent.stores.write_queue.push.remote_gate import PushThrottle, RemoteGate
from s3d.shared.config.values import Timetable
from tests.agent.stores.write_queue.rig import ALL_CONDITIONS


class Gate:
    """The pusher's way to the remote, which can be shut."""

    def __init__(self, inner: ObjectStore) -> None:
        self.inner = inner
        self.open = asyncio.Event()
        self.open.set()
        self.reached = asyncio.Event()

    async def call(self, request: S3Request[Any]) -> S3Response[Any]:
        self.reached.set()
        await self.open.wait()
        return await self.inner.call(request)


class LazyPusher(Pusher):
    """Has the gate open only while somebody waits for a push."""

    gate: Gate
    callers = 0

    async def push_now(self, bucket: str, key: str = "", **options: Any) -> None:
        self.callers += 1
        self.gate.open.set()
        try:
            await super().push_now(bucket, key, **options)
        finally:
            self.callers -= 1
            if not self.callers:
                self.gate.open.clear()

    async def taken(self) -> None:
        """Wait until some push has come as far as the gate."""
        await self.gate.reached.wait()


@dataclass
class Queue:
    """A write queue and what belongs to it."""

    store: WriteQueue
    staging: ObjectStore
    journal: Journal
    pusher: Pusher
    gate: Gate
    index: Index
    events: Events
    inner: ObjectStore


@asynccontextmanager
async def queue_before(
    inner: ObjectStore,
    folder: Path,
    *,
    limits: Limits | None = None,
    lazy: bool = False,
    clock: Clock | None = None,
    states: RemoteStates | None = None,
    judged: Callable[[str], ConditionSupport | None] = lambda bucket: ALL_CONDITIONS,
    clock_offset: Callable[[], float] = lambda: 0.0,
) -> AsyncIterator[Queue]:
    """lazy: nothing is pushed unless a request has to wait for it."""
    folder.mkdir(exist_ok=True)
    clock = clock or Clock()
    index = Index.open(folder / "index.sqlite", ephemeral=True, tables=journal_rows.TABLES)
    blobs = Blobs(folder / "blobs", ephemeral=True)

    def body_of(layout: Layout) -> Body:
        if not layout.inline:
            return blobs.body(layout.extents)
        data = index.read_inline(lambda reader: reader.data(layout.extents[0]))
        if data is None:
            raise S3Error("InternalError", "the bytes are gone")
        return BytesBody(data)

    try:
        events, gate = Events(), Gate(inner)
        journal = await Journal.open(index, events, clock.now, states)
        staging = LocalStore(index, blobs, clock=clock.now, on_change=journal.recorder.record)
        push = PushExecutor(
            journal,
            remote=gate,
            body_of=body_of,
            throttle=PushThrottle(Timetable(), clock),
            clock=clock,
            condition_support=judged,
            clock_offset=clock_offset,
        )
        pusher = (LazyPusher if lazy else Pusher)(
            journal, push, RemoteGate(clock), events, remote=gate, clock=clock
        )
        if isinstance(pusher, LazyPusher):
            pusher.gate = gate
            gate.open.clear()
        store = WriteQueue(inner, staging, journal, limits or Limits(), pusher, clock=clock)
        running = asyncio.get_running_loop().create_task(pusher.run())
        try:
            yield Queue(store, staging, journal, pusher, gate, index, events, inner)
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
    finally:
        index.close()


class Named:
    """A queue whose answers name versions, as the contract has it: it looks what they became.

    The queue itself answers before the remote has named them.
    """

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    async def call(self, request: S3Request[Any]) -> S3Response[Any]:
        response = await self._queue.store.call(request)
        name = request.op.name
        if name not in _NAMES or not await self._keeps_versions(request.bucket):
            return response
        output = response.output
        if name == "DeleteObjects":
            for row in output.get("Deleted") or ():
                if "VersionId" not in row:
                    version_id = await self._newest(request.bucket, row["Key"])
                    row |= {"DeleteMarker": True, "DeleteMarkerVersionId": version_id}
        elif "VersionId" not in output:
            output["VersionId"] = await self._newest(request.bucket, request.key)
            if name == "DeleteObject":
                output["DeleteMarker"] = True
        return response

    async def _keeps_versions(self, bucket: str) -> bool:
        answer = await self._ask("GetBucketVersioning", Bucket=bucket)
        return bool(answer.output.get("Status"))

    async def _newest(self, bucket: str, key: str) -> str:
        if self._queue.journal.pending.writes(bucket, key):
            await self._queue.pusher.push_now(bucket, key, timeout=10)
        answer = await self._ask("ListObjectVersions", Bucket=bucket, Prefix=key)
        rows = [*answer.output.get("Versions", ()), *answer.output.get("DeleteMarkers", ())]
        return next(str(r["VersionId"]) for r in rows if r["Key"] == key and r["IsLatest"])

    async def _ask(self, name: str, **members: Any) -> S3Response[Any]:
        return await self._queue.inner.call(S3Request(operations()[name], members))


_NAMES = {
    "CompleteMultipartUpload",
    "CopyObject",
    "DeleteObject",
    "DeleteObjects",
    "PutObject",
}
