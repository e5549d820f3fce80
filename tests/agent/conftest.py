"""An index and a folder of blobs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[Index]:
    index = Index.open(tmp_path / "index.sqlite", ephemeral=True)
    yield index
    index.close()


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs", ephemeral=True)
