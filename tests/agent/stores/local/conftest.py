"""An embedded store for tests of its parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.stores.local.store import LocalStore
from tests.agent.stores.local.keys import keys_in
from tests.contract.client import Client


@pytest.fixture
def local(index: Index, blobs: Blobs, tmp_path: Path) -> LocalStore:
    return LocalStore(index, blobs, keys=keys_in(index, tmp_path))


@pytest.fixture
def s3(local: LocalStore) -> Client:
    return Client(local)


@pytest.fixture
async def bucket(s3: Client) -> str:
    await s3("CreateBucket", Bucket="bucket")
    return "bucket"
