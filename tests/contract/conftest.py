"""The stacks that the contract is run on, each an entry of STACKS.

A new store or layer gets its entry here before it is used anywhere.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from s3d.agent.core.store import ObjectStore
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.stores.local.store import LocalStore
from s3d.agent.stores.remote.capabilities import RemoteQuirks
from s3d.agent.stores.remote.compatibility import Compatibility
from s3d.agent.stores.remote.empty_segments import EmptySegments
from s3d.agent.stores.remote.remote_store import RemoteStore
from tests.agent.frontends.fuse.process.crossed_store import crossed
from tests.agent.stores.local.keys import keys_in
from tests.contract.cached import cache_before
from tests.contract.client import Client
from tests.contract.queued import Named, queue_before
from tests.contract.referee import QUEUED, REMOTES, WHOLE, arrange, remote_store
from tests.peers.servers import Peer

Stack = Callable[[Path], AbstractAsyncContextManager[ObjectStore]]


@asynccontextmanager
async def local(folder: Path) -> AsyncIterator[ObjectStore]:
    """The embedded store, on disk but never synced: crashes have tests of their own."""
    index = Index.open(folder / "index.sqlite", ephemeral=True)
    try:
        blobs = Blobs(folder / "blobs", ephemeral=True)
        yield LocalStore(index, blobs, keys=keys_in(index, folder))
    finally:
        index.close()


@asynccontextmanager
async def queue(folder: Path) -> AsyncIterator[ObjectStore]:
    """A write queue before the embedded store; what is written is pushed at once."""
    async with local(folder) as inner, queue_before(inner, folder / "queue") as made:
        yield Named(made)


@asynccontextmanager
async def lazy_queue(folder: Path) -> AsyncIterator[ObjectStore]:
    """The same, but what is written stays pending until a request needs it at the remote."""
    async with local(folder) as inner, queue_before(inner, folder / "queue", lazy=True) as made:
        yield Named(made)


def compatible(remote: ObjectStore) -> ObjectStore:
    """A remote through what stands above every one."""
    quirks = RemoteQuirks()
    return EmptySegments(Compatibility(remote, quirks), quirks)


@asynccontextmanager
async def cache(folder: Path) -> AsyncIterator[ObjectStore]:
    """A read cache before the embedded store, as before a remote."""
    async with local(folder) as store, cache_before(compatible(store), folder / "cache") as made:
        yield made


@asynccontextmanager
async def lazy_queue_and_cache(folder: Path) -> AsyncIterator[ObjectStore]:
    """All layers; what is written stays pending until a request needs it at the remote."""
    async with (
        cache(folder) as inner,
        queue_before(inner, folder / "queue", lazy=True) as made,
    ):
        yield Named(made)


@asynccontextmanager
async def mount_process(folder: Path) -> AsyncIterator[ObjectStore]:
    """The embedded store, called from the process of the mounts."""
    async with local(folder) as inner, crossed(inner) as made:
        yield made.store


NEVER_FROM_MOUNTS = frozenset({
    "test_a_checksum_in_the_trailer_is_checked_and_kept",
    "test_an_unknown_operation_is_not_implemented_and_changes_nothing",
    "test_an_upload_that_breaks_off_changes_nothing",  # a ConnectionResetError is an OSError there
})  # fmt: skip
"""Tests of what the process of the mounts does not call."""

STACKS: dict[str, Stack] = {
    "local": local,
    "mount_process": mount_process,
    "queue": queue,
    "lazy_queue": lazy_queue,
    "cache": cache,
    "lazy_queue_and_cache": lazy_queue_and_cache,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = [item for item in arrange(items) if not _is_left_out(item)]


def _is_left_out(item: pytest.Item) -> bool:
    """Whether it is a test of NEVER_FROM_MOUNTS from the process of the mounts."""
    callspec = getattr(item, "callspec", None)  # of a test with parameters
    return (
        isinstance(item, pytest.Function)
        and item.originalname in NEVER_FROM_MOUNTS
        and callspec is not None
        and callspec.params.get("store") == "mount_process"
    )


@pytest.fixture(scope="session")
def referee(seaweedfs: Peer) -> RemoteStore:
    return remote_store(seaweedfs)


@pytest.fixture(params=[*STACKS, *REMOTES, QUEUED, WHOLE])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    if request.param in REMOTES:
        remote: RemoteStore = request.getfixturevalue("referee")
        yield Compatibility(REMOTES[request.param](remote), RemoteQuirks())
        await remote.close()
        return
    if request.param in (QUEUED, WHOLE):
        remote = request.getfixturevalue("referee")
        async with AsyncExitStack() as layers:
            inner = compatible(remote)
            if request.param == WHOLE:
                inner = await layers.enter_async_context(cache_before(inner, tmp_path / "cache"))
            made = await layers.enter_async_context(queue_before(inner, tmp_path / "queue"))
            yield Named(made)
        await remote.close()
        return
    async with STACKS[request.param](tmp_path) as stack:
        yield stack


@pytest.fixture
def s3(store: ObjectStore) -> Client:
    return Client(store)


@pytest.fixture
def name() -> str:
    """A bucket name that nobody has used."""
    return f"contract-{uuid.uuid4().hex[:12]}"


@pytest.fixture
async def bucket(s3: Client, name: str) -> str:
    await s3("CreateBucket", Bucket=name)
    return name


@pytest.fixture
async def versioned(s3: Client, bucket: str) -> str:
    """A bucket that keeps versions."""
    await s3("PutBucketVersioning", Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket
