"""A store that stands for the remote: the embedded one, and what can go wrong with its answers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from s3d.agent.app.embedded import open_embedded
from s3d.agent.core.client import S3Client


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[S3Client]:
    """A client of a real store."""
    embedded = open_embedded(tmp_path / "remote")
    yield S3Client(embedded.local)
    embedded.close()
