"""An embedded store as the remote, and the requests that it got."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from s3d.agent.app.embedded import open_embedded
from s3d.agent.core.client import S3Client
from s3d.agent.core.store import Answer, ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request
from tests.agent.remote_changes.moved_clock import MovedClock

BUCKET = "bucket"


class Remote:
    """Counts the requests to a store, and refuses some of them. client: calls it."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.requests: Counter[str] = Counter()
        self.refused: dict[str, str] = {}
        """Operation -> the code of its error."""
        self.without_conditions = False
        """Whether conditions of writes are ignored, as some servers do."""
        self.client = S3Client(self)

    def call(self, request: S3Request[Any]) -> Answer:
        self.requests[request.op.name] += 1
        code = self.refused.get(request.op.name)
        if code is not None:
            raise S3Error(code)
        if self.without_conditions and request.op.name == "PutObject":
            rest = {
                name: value
                for name, value in request.input.items()
                if name not in ("IfMatch", "IfNoneMatch")
            }
            request = request.replace(input=rest)
        return self._store.call(request)


@pytest.fixture
async def remote(tmp_path: Path) -> AsyncIterator[Remote]:
    store = open_embedded(tmp_path / "store")
    found = Remote(store.local)
    await found.client.create_bucket(BUCKET)
    found.requests.clear()
    yield found
    store.close()


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()
