"""The way past the cache, for the write queue, which has to know what the remote itself has."""

from __future__ import annotations

from typing import Any

from s3d.agent.core.store import Answer
from s3d.agent.s3.messages import S3Request
from s3d.agent.stores.read_cache.layer import Cache


class CacheBypass:
    """Reads go to the remote, writes pass through the cache, which forgets what they change."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def call(self, request: S3Request[Any]) -> Answer:
        if request.op.name in ("GetObject", "HeadObject"):
            return self._cache.inner.call(request)
        return self._cache.call(request)
