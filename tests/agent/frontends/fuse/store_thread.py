"""A store on a loop in a thread of its own: what the threads of a mount call."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from s3d.agent.app.embedded import open_embedded
from s3d.agent.core.client import S3Client
from s3d.agent.core.events import Events
from s3d.agent.core.store import ObjectStore
from s3d.agent.frontends.fuse.hand_over import ObjectName
from s3d.agent.frontends.fuse.loop_bridge import LoopBridge
from s3d.agent.frontends.fuse.written_files import WrittenFiles
from s3d.agent.s3.checksums import DEFAULT
from s3d.agent.storage.index import Index
from s3d.agent.stores.write_observers import ChangeEvents
from s3d.shared.control import Event
from tests.contract.client import Client
from tests.contract.queued import Queue, queue_before

T = TypeVar("T")
BUCKET = "bkt"


class StoreThread:
    """The store, and what tests do with it; any thread may call it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, store: ObjectStore, folder: Path) -> None:
        self.loop = loop
        self.folder = folder
        self.store = store
        self.bridge = LoopBridge(loop)
        self.events = Events()
        """What changes in the store."""
        self.log: Index | None = None
        """Of the embedded store."""
        self.queue: Queue | None = None
        """The write queue before the remote; None: the store is an embedded one."""
        self.remote = Client(store)

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """The result of a coroutine on the loop; its errors are raised here as they are."""

        async def call() -> T:
            return await work()

        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(30)

    def put(self, key: str, data: bytes, **members: Any) -> str:
        client = Client(self.store)
        return str(self.run(lambda: client.put(BUCKET, key, data, **members))["ETag"])

    def get(self, key: str) -> bytes:
        return self.run(lambda: Client(self.store).read(BUCKET, key))

    def head(self, key: str, **members: Any) -> Any:
        client = Client(self.store)
        return self.run(lambda: client("HeadObject", Bucket=BUCKET, Key=key, **members)).output

    def delete(self, key: str) -> None:
        self.run(lambda: Client(self.store)("DeleteObject", Bucket=BUCKET, Key=key))

    def list_keys(self) -> list[str]:
        answer = self.run(lambda: Client(self.store)("ListObjectsV2", Bucket=BUCKET))
        return answer.names("Contents", "Key")

    def pushed(self) -> None:
        """Wait until the remote has everything."""
        queue = self.queue
        assert queue is not None

        async def wait() -> None:
            changed = asyncio.Event()
            queue.journal.on_change.append(changed.set)
            queue.gate.open.set()
            while queue.journal.totals().files or list(queue.journal.conflicts):
                changed.clear()
                await changed.wait()

        self.run(wait)


@asynccontextmanager
async def embedded_store(folder: Path) -> AsyncIterator[tuple[ObjectStore, Index | Queue]]:
    """The embedded store, which survives the process."""
    embedded = open_embedded(folder / "store")
    try:
        yield embedded.local, embedded.index
    finally:
        embedded.close()


@asynccontextmanager
async def queued_store(folder: Path) -> AsyncIterator[tuple[ObjectStore, Index | Queue]]:
    """A queue that pushes only on demand, before an embedded store as the remote."""
    async with (
        embedded_store(folder) as (remote, _),
        queue_before(remote, folder / "queue", lazy=True) as queue,
    ):
        yield queue.store, queue


@contextmanager
def running_store(folder: Path, *, queued: bool = False) -> Iterator[StoreThread]:
    """Open a store with an empty bucket, or that of an earlier run."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="store")
    thread.start()

    def run(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    opening = (queued_store if queued else embedded_store)(folder)
    try:
        store, part = run(opening.__aenter__())
        events = Events()
        made = StoreThread(loop, ChangeEvents(store, events), folder)
        made.events = events
        if isinstance(part, Queue):
            made.queue, made.remote = part, Client(part.inner)
        else:
            made.log = part
        made.run(lambda: S3Client(store).create_bucket(BUCKET))
        yield made
        made.bridge.close()
        run(opening.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def written_files(world: StoreThread, folder: Path, **settings: Any) -> Iterator[WrittenFiles]:
    settings.setdefault("checksum", DEFAULT if world.queue is None else "")
    files = WrittenFiles(folder, world.bridge, world.store, **settings)
    files.start()
    try:
        yield files
    finally:
        files.close()


@contextmanager
def noting_changes(world: StoreThread, changed: Callable[..., object]) -> Iterator[None]:
    """Tell the file system of a mount what changes in the store, as the agent does."""

    def note(event: Event) -> None:
        if event.kind == "store.changed":
            bucket, _, key = event.subject.partition("/")
            is_removal = str(event.data["operation"]).startswith("Delete")
            changed(bucket, key, is_removal=is_removal)

    world.events.taps.append(note)
    try:
        yield
    finally:
        world.events.taps.remove(note)


def place(key: str) -> ObjectName:
    return ObjectName(BUCKET, key)


def below(world: StoreThread, prefix: str) -> list[str]:
    """The keys below a prefix, without it."""
    return [key.removeprefix(prefix) for key in world.list_keys() if key.startswith(prefix)]


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another thread does."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.01)
