"""The way past the cache, for the write queue, which has to know what the remote itself has."""

from __future__ import annotations

from typing import Any

from s3d.agent.core.store import Answer
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, S3Response
from s3d.agent.stores.read_cache.changes import row_of_head
from s3d.agent.stores.read_cache.layer import Cache

_READS = ("GetObject", "HeadObject")


class CacheBypass:
    """Reads go to the remote, writes pass through the cache, which forgets what they change.

    What a read shows counts for the cache, too: a push whose answer was lost may turn out to have
    been carried out, and the write is then done for the queue. So the entry that it has replaced
    is gone, with its row, before the answer is given, and the last listing knows of the write.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def call(self, request: S3Request[Any]) -> Answer:
        if request.op.name not in _READS:
            return self._cache.call(request)
        if request.input.get("VersionId") or request.input.get("PartNumber"):
            return self._cache.inner.call(request)
        return self._read(request)

    async def _read(self, request: S3Request[Any]) -> S3Response[Any]:
        try:
            response = await self._cache.inner.call(request)
        except S3Error as error:
            if error.status == 404:
                self._cache.seen_at_remote(request.bucket, request.key, None)
                await self._seen(request, "")
            raise
        if request.op.name == "HeadObject":
            row = row_of_head(request.key, response.output)
            self._cache.seen_at_remote(request.bucket, request.key, row)
        await self._seen(request, str(response.output.get("ETag") or ""), is_there=True)
        return response

    async def _seen(self, request: S3Request[Any], etag: str, *, is_there: bool = False) -> None:
        """etag: of the object that is there, if the answer says it."""
        entry = self._cache.catalog.peek(request.bucket, request.key)
        if entry is None or (is_there and etag in ("", entry.etag)):
            return
        self._cache.forget(request.bucket, request.key)
        await self._cache.committed()
