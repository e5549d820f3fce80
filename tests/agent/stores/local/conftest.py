"""An embedded store for tests of its parts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.stores.local.store import LocalStore
from tests.agent.stores.local.keys import keys_in
from tests.contract.client import Client


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[Index]:
    index = Index.open(tmp_path / "index.sqlite", ephemeral=True)
    yield index
    index.close()


@pytest.fixture
def local(index: Index, tmp_path: Path) -> LocalStore:
    blobs = Blobs(tmp_path / "blobs", ephemeral=True)
    return LocalStore(index, blobs, keys=keys_in(index, tmp_path))


@pytest.fixture
def s3(local: LocalStore) -> Client:
    return Client(local)


@pytest.fixture
async def bucket(s3: Client) -> str:
    await s3("CreateBucket", Bucket="bucket")
    return "bucket"
