"""A remote with a bucket for a fleet: a real store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from s3d.agent.app.embedded import open_embedded
from s3d.agent.core.client import S3Client

URL = "s3://fleet/conf/s3d.toml"


@pytest.fixture
async def remote(tmp_path: Path) -> AsyncIterator[S3Client]:
    """A client of a real store with the bucket fleet."""
    embedded = open_embedded(tmp_path / "remote")
    client = S3Client(embedded.local)
    await client.create_bucket("fleet")
    yield client
    embedded.close()
