"""Listings as they were last, for when the remote is away; always marked as stale then."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, BytesBody, Members, S3Request, S3Response, WireResponse
from s3d.agent.store.cache import rows
from s3d.agent.store.cache.catalog import Catalog, noted
from s3d.agent.store.cache.checks import Away, Freshness, is_away
from s3d.agent.store.index import DAMAGE
from s3d.agent.store.store import Answer, ObjectStore, operation

logger = logging.getLogger(__name__)

STALE = "x-s3d-stale"
"""Header of answers that could not be checked, since the remote is away: 1."""

_PATIENCE = 10.0
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

    @operation("ListBuckets", "ListObjects", "ListObjectsV2")
    def list(self, request: S3Request[Members]) -> Answer:
        if not self._freshness.serve_stale:
            return self._inner.call(request)
        return self._list(request)

    async def _list(self, request: S3Request[Members]) -> S3Response[Any]:
        name = _name([request.op.name, request.wire is not None, request.input]).decode()
        before = self._find(name)
        if before is not None and self._away.is_now:
            return before
        try:
            async with asyncio.timeout(None if before is None else _PATIENCE):
                response = await self._inner.call(request)
                return await self._kept(name, response)
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

    async def _kept(self, name: str, response: S3Response[Any]) -> S3Response[Any]:
        """The same answer, which is in memory now, and in a row."""
        wire = response.wire
        if wire is None:
            self._save(name, {"output": response.output})
            return response
        if wire.status != 200 or response.body is None:
            return response
        size = response.body.size
        if size is None or size > _LARGEST:
            return response
        body = await _read(response.body)
        self._save(name, {"headers": wire.headers, "body": body})
        return replace(response, body=BytesBody(body))

    def _save(self, name: str, page: Members) -> None:
        row = name, _encode(page)
        self._catalog.index.post(partial(rows.save_page, row=row)).add_done_callback(noted)

    def _find(self, name: str) -> S3Response[Any] | None:
        try:
            found = self._catalog.index.look(lambda reader: rows.page(reader, name))
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


async def _read(body: Body) -> bytes:
    async with aclosing(body):
        return b"".join([chunk async for chunk in body])
