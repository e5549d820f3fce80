"""An index and a folder of blobs; a tracer and the spans that it has recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from s3d.agent.core.spans import Tracer
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from tests.agent.recorded_spans import RecordedSpans


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[Index]:
    index = Index.open(tmp_path / "index.sqlite", ephemeral=True)
    yield index
    index.close()


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs", ephemeral=True)


@pytest.fixture
def sink() -> RecordedSpans:
    return RecordedSpans()


@pytest.fixture
def tracer(sink: RecordedSpans) -> Tracer:
    """A tracer that records all spans in the sink."""
    tracer = Tracer()
    tracer.install(sink)
    return tracer
