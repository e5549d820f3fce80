"""A write queue before an embedded store, which plays the remote."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.stores.local.store import LocalStore
from tests.agent.stores.write_queue.desk import Desk, open_desk
from tests.contract.client import Client
from tests.contract.queued import Queue, queue_before


@pytest.fixture
async def remote(tmp_path: Path) -> AsyncIterator[LocalStore]:
    """What stands behind the queue."""
    index = Index.open(tmp_path / "remote.sqlite", ephemeral=True)
    # What others write there is to be older than any write of the queue, without waiting.
    blobs = Blobs(tmp_path / "remote-blobs", ephemeral=True)
    yield LocalStore(index, blobs, clock=lambda: time.time() - 60)
    index.close()


@pytest.fixture
async def queue(remote: LocalStore, tmp_path: Path) -> AsyncIterator[Queue]:
    """Nothing is pushed unless a request has to wait for it."""
    async with queue_before(remote, tmp_path / "queue", lazy=True) as made:
        yield made


@pytest.fixture
def s3(queue: Queue) -> Client:
    """The client of the queue."""
    return Client(queue.store)


@pytest.fixture
def there(remote: LocalStore) -> Client:
    """Another client, of the remote itself."""
    return Client(remote)


@pytest.fixture
async def bucket(there: Client) -> str:
    await there("CreateBucket", Bucket="bucket")
    return "bucket"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = await open_desk(tmp_path)
    yield desk
    desk.index.close()
