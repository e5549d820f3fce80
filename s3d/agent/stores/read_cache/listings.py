"""Listings as they were last, for when the remote is away; always marked as stale then.

What was written through the cache meanwhile would be missing in them: a write makes those of its
bucket go. (What is still pending, the write queue puts into every listing.)
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec

from s3d.agent.core.store import Answer, ObjectStore, operation
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, BytesBody, Members, S3Request, S3Response, WireResponse
from s3d.agent.storage.index import DAMAGE
from s3d.agent.stores.read_cache import catalog_rows
from s3d.agent.stores.read_cache.catalog import Catalog, noted
from s3d.agent.stores.read_cache.revalidate import Away, Freshness, is_away

logger = logging.getLogger(__name__)

STALE = "x-s3d-stale"
"""Header of answers that could not be checked, since the remote is away: 1."""

_PATIENCE = 5.0
"""Seconds that the remote has for a page that is here as it was."""
_LARGEST = 2 << 20
"""Bytes of a page that is kept."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, Any]).decode
_name = msgspec.json.Encoder(order="sorted").encode


class ListOps:
    """Handlers of listings: asked of the remote each time, and kept."""

    def __init__(
        self, inner: ObjectStore, catalog: Catalog, freshness: Freshness, away: Away
    ) -> None:
        self._inner = inner
        self._catalog = catalog
        self._freshness = freshness
        self._away = away
        unproven = catalog.is_unproven
        self._listed = set() if unproven else catalog.index.look(catalog_rows.listed)
        self._changes: Counter[str] = Counter()
        """Writes by bucket: an answer from before one is not kept."""

    def changed(self, bucket: str) -> None:
        """Something of the bucket is about to change, or has; "" for the list of buckets."""
        self._changes[bucket] += 1
        if bucket in self._listed:
            self._listed.discard(bucket)
            post = self._catalog.index.post(partial(catalog_rows.drop_pages, bucket=bucket))
            post.add_done_callback(noted)

    @operation("ListBuckets", "ListObjects", "ListObjectsV2")
    def list(self, request: S3Request[Members]) -> Answer:
        if request.fresh or not self._freshness.serve_stale:
            return self._inner.call(request)
        return self._list(request)

    async def _list(self, request: S3Request[Members]) -> S3Response[Any]:
        name = _name([request.op.name, request.wire is not None, request.input]).decode()
        before = self._find(request.bucket, name)
        changes = self._changes[request.bucket]
        if before is not None and self._away.is_now:
            return before
        try:
            async with asyncio.timeout(None if before is None else _PATIENCE):
                response = await self._inner.call(request)
                page, response = await _kept(response)
                if page is not None and changes == self._changes[request.bucket]:
                    self._save(request.bucket, name, page)
                return response
        except S3Error as error:
            if not is_away(error):
                raise
            self._away.note()
            if before is None:
                raise
        except TimeoutError:
            self._away.note()
        assert before is not None
        return before

    def _save(self, bucket: str, name: str, page: Members) -> None:
        self._listed.add(bucket)
        row = name, bucket, _encode(page)
        self._catalog.index.post(partial(catalog_rows.save_page, row=row)).add_done_callback(noted)

    def _find(self, bucket: str, name: str) -> S3Response[Any] | None:
        if bucket not in self._listed:
            return None
        try:
            found = self._catalog.index.look(lambda reader: catalog_rows.page(reader, name))
        except DAMAGE:
            return None
        if found is None:
            return None
        page = _decode(found)
        if "output" in page:
            return S3Response(page["output"], headers={STALE: "1"})
        headers = tuple((name, value) for name, value in page["headers"])
        wire = WireResponse(200, (*headers, (STALE, "1")))
        return S3Response({}, BytesBody(page["body"]), 200, wire)


async def _kept(response: S3Response[Any]) -> tuple[Members | None, S3Response[Any]]:
    """What is to be kept of an answer, if it is one, and the same answer, in memory now."""
    wire = response.wire
    if wire is None:
        return {"output": response.output}, response
    size = None if response.body is None else response.body.size
    if wire.status != 200 or response.body is None or size is None or size > _LARGEST:
        return None, response
    body = await _read(response.body)
    page = {"headers": wire.headers, "body": body}
    return page, replace(response, body=BytesBody(body))


async def _read(body: Body) -> bytes:
    async with aclosing(body):
        return b"".join([chunk async for chunk in body])
