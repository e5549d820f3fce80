"""An embedded store as the mount sees it: a client, what it was asked for, and a bridge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from s3d.agent.app.embedded import open_embedded
from s3d.agent.core.client import S3Client
from s3d.agent.core.events import Events
from s3d.agent.core.store import Answer, Layer, ObjectStore
from s3d.agent.frontends.fuse.filesystem import FileSystem
from s3d.agent.frontends.fuse.fs_ops import FileSystemSize
from s3d.agent.frontends.fuse.loop_bridge import LoopBridge
from s3d.agent.frontends.fuse.metadata_memory import MetadataMemory
from s3d.agent.frontends.fuse.written_files import WrittenFiles
from s3d.agent.frontends.fuse.xattrs import AgentState
from s3d.agent.s3.messages import BytesBody, S3Request
from s3d.agent.stores.write_observers import ChangeEvents
from s3d.shared.control import Event
from tests.agent.frontends.fuse.store_thread import StoreThread, running_store, written_files

T = TypeVar("T")
BUCKET = "bkt"
SIZE = FileSystemSize(1 << 50, 1 << 40, 1 << 32, 1 << 31)


class Counted(Layer):
    """Notes the operations that were asked of the store below."""

    def __init__(self, inner: ObjectStore) -> None:
        super().__init__(inner)
        self.operations: list[str] = []

    def fallback(self, request: S3Request[Any]) -> Answer:
        self.operations.append(request.op.name)
        return self.inner.call(request)


class World:
    """The store, and a bridge to the loop of the test."""

    def __init__(self, embedded: ObjectStore, events: Events) -> None:
        self.unseen = embedded
        """The same store, for another client of whose changes no mount learns."""
        self.store = Counted(ChangeEvents(embedded, events))
        self.events = events
        self.client = S3Client(self.store)
        self.bridge = LoopBridge(asyncio.get_running_loop())

    async def put(self, key: str, data: bytes = b"data", bucket: str = BUCKET) -> None:
        await self.client.store(bucket, key, BytesBody(data))

    async def count(self, call: Callable[..., T], *args: Any) -> tuple[T, list[str]]:
        """Call something in a thread: its result, and the operations that the store was asked."""
        self.store.operations.clear()
        result = await asyncio.to_thread(call, *args)
        return result, sorted(self.store.operations)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """An embedded store with an empty bucket."""
    embedded = open_embedded(tmp_path / "store", ephemeral=True)
    events = Events()
    world = World(embedded.local, events)
    await world.client.create_bucket(BUCKET)
    yield world
    world.bridge.close()
    embedded.close()


@pytest.fixture(scope="module", params=["embedded", "queue"])
def thread(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StoreThread]:
    """A store in a thread: an embedded one, and a write queue before a remote."""
    folder = tmp_path_factory.mktemp("store")
    with running_store(folder, queued=request.param == "queue") as thread:
        yield thread


@pytest.fixture
def files(thread: StoreThread, tmp_path: Path) -> Iterator[WrittenFiles]:
    """The files that are written in a mount of that store."""
    with written_files(thread, tmp_path / "staging") as files:
        yield files


@pytest.fixture
def root(request: pytest.FixtureRequest) -> str:
    """A prefix for this test alone, in the bucket of `thread`."""
    return f"{request.node.name}/"


async def always(bucket: str, key: str, size: int) -> bool:
    """Every object is on this machine."""
    return True


async def never(bucket: str, key: str, size: int) -> bool:
    """No object is on this machine."""
    return False


class States:
    """Every object is clean and cached."""

    def __init__(self) -> None:
        self.pinned: set[tuple[str, str]] = set()

    async def state_of(self, bucket: str, key: str) -> AgentState:
        return AgentState("clean", "cached", is_pinned=(bucket, key) in self.pinned)

    async def set_pinned(self, bucket: str, key: str, *, pinned: bool) -> None:
        (self.pinned.add if pinned else self.pinned.discard)((bucket, key))


@pytest.fixture
async def written(world: World, tmp_path: Path) -> AsyncIterator[WrittenFiles]:
    """The files of the world that are open for writing."""
    folder = tmp_path / "staging"
    folder.mkdir()
    written = WrittenFiles(folder, world.bridge, world.store)
    written.start()
    yield written
    await asyncio.to_thread(written.close)


def file_system(
    world: World,
    written: WrittenFiles,
    metadata: MetadataMemory | None = None,
    *,
    store: ObjectStore | None = None,
) -> FileSystem:
    """A file system of all buckets of the world, which learns of its changes. store: before that of
    the world."""
    fs = FileSystem(
        store or world.store,
        asyncio.get_running_loop(),
        written=written,
        is_local=always,
        states=States(),
        size=lambda: SIZE,
        metadata=metadata or MetadataMemory(),
    )

    def note(event: Event) -> None:
        bucket, _, key = event.subject.partition("/")
        is_removal = str(event.data["operation"]).startswith("Delete")
        fs.changed(bucket, key, is_removal=is_removal)

    world.events.taps.append(note)
    return fs


@pytest.fixture
async def fs(world: World, written: WrittenFiles) -> AsyncIterator[FileSystem]:
    """A file system of all buckets of the world."""
    fs = file_system(world, written)
    yield fs
    await asyncio.to_thread(fs.close)


def number_of(call: Callable[..., object], *arguments: object) -> int | None:
    """The errno that a call fails with."""
    try:
        call(*arguments)
    except OSError as error:
        return error.errno
    return None
