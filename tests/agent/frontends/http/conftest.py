"""An embedded store on disk, and an endpoint in front of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.stores.local.store import LocalStore
from tests.agent.frontends.http.wire import RunningEndpoint, opened


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    index = Index.open(tmp_path / "index.sqlite", ephemeral=True)
    try:
        yield LocalStore(index, Blobs(tmp_path / "blobs", ephemeral=True))
    finally:
        index.close()


@pytest.fixture
async def endpoint(store: LocalStore) -> AsyncIterator[RunningEndpoint]:
    """With a bucket named `bucket`, in which `k` is b"value"."""
    async with opened(store) as endpoint:
        assert (await endpoint.ask("PUT", "/bucket")).status == 200
        assert (await endpoint.ask("PUT", "/bucket/k", b"value")).status == 200
        yield endpoint
