"""Stored listings, which are served, marked as stale, while the remote is unreachable.

1. Each listing goes to the remote; its page is stored, unless the bucket was written meanwhile.
2. The effects of writes through the cache are stored beside the pages (changes).
3. When the remote is unreachable, or does not respond in time, the stored page is served if nothing
   has changed since. Otherwise the pages of a complete listing are joined with the changes, and the
   response is a part of the result (last_listing.py). Without a complete listing, the request
   fails.

The write queue adds pending writes to every listing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec

from s3d.agent.core.log_limit import LimitedLogger
from s3d.agent.core.store import Answer, ObjectStore, operation
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, BytesBody, Members, S3Request, S3Response, WireResponse
from s3d.agent.s3.model import operations
from s3d.agent.s3.parse import parse_output
from s3d.agent.storage.index import DAMAGE
from s3d.agent.storage.reader import Reader
from s3d.agent.stores.read_cache import last_listing
from s3d.agent.stores.read_cache.catalog import catalog_rows
from s3d.agent.stores.read_cache.catalog.catalog import Catalog
from s3d.agent.stores.read_cache.catalog.catalog_rows import log_failed_save
from s3d.agent.stores.read_cache.last_listing import Chain, Change, chain_of, own_token, start_of
from s3d.agent.stores.read_cache.revalidate import (
    OUTAGE_TIMEOUT,
    Freshness,
    RemoteOutage,
    is_outage,
)
from s3d.shared.logs import subject_fields

logger = LimitedLogger(logging.getLogger(__name__))

STALE_HEADER = "x-s3d-stale"
"""Header of stale responses, which could not be revalidated because the remote is unreachable:
1."""

_TIMEOUT = 3.0
"""Timeout in seconds of a listing for which a stored one can be served instead."""
_LARGEST = 2 << 20
"""Maximum bytes of a stored page."""
_MAX_CHANGES = 10_000
"""Maximum number of changes of a bucket; beyond it, its pages are dropped."""
_NO_LISTING = "The remote is unreachable, and the cache has no complete listing."

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, Any]).decode
_name = msgspec.json.Encoder(order="sorted").encode


class ListOps:
    """Handlers of listings, which are always forwarded and then stored."""

    def __init__(
        self,
        inner: ObjectStore,
        catalog: Catalog,
        freshness: Freshness,
        outage: RemoteOutage,
        clock: Callable[[], float],
    ) -> None:
        self._inner = inner
        self._catalog = catalog
        self._freshness = freshness
        self._outage = outage
        self._clock = clock
        self._listed: set[str] = set()
        self._seq = 0
        if not catalog.rows.is_after_power_cut:
            self._listed = catalog.index.read_inline(catalog_rows.listed)
            self._seq = catalog.index.read_inline(catalog_rows.highest_change)
        self._changes: Counter[str] = Counter()
        """Number of writes by bucket: a response from before a write is not stored."""
        self._kept_changes: Counter[str] = Counter()
        self._joined: tuple[tuple[Chain, int, int], last_listing.LastListing] | None = None
        """The listing that was joined last, and its parameters."""
        self._saves = 0

    # What changes

    def changed(self, bucket: str) -> None:
        """Note that the bucket is about to change; "" for the list of buckets."""
        self._changes[bucket] += 1

    def wrote(self, bucket: str, changes: Iterable[Change] | None) -> None:
        """Note how the bucket has changed; None: it is not known how."""
        self._changes[bucket] += 1
        found = None if changes is None else list(changes)
        if bucket not in self._listed:
            return
        if found is None or self._kept_changes[bucket] + len(found) > _MAX_CHANGES:
            self._drop(bucket)
            return
        self._kept_changes[bucket] += len(found)
        for change in found:
            self._seq += 1
            row = bucket, change.key, self._seq, _encode(change._asdict())
            self._catalog.rows.drop(partial(catalog_rows.save_change, row=row))

    def seen(self, bucket: str, key: str, row: Members | None) -> None:
        """The remote has shown an object to the write queue: so ends a push whose answer was lost.
        row: None when the object is absent."""
        self.wrote(bucket, [Change(key, row)])

    def created(self, bucket: str) -> None:
        self.wrote("", [Change(bucket, self._bucket(bucket))])

    def deleted(self, bucket: str) -> None:
        self.wrote("", [Change(bucket, None)])
        self._drop(bucket)

    def _bucket(self, name: str) -> Members:
        return {"Name": name, "CreationDate": last_listing.date(self._clock())}

    def _drop(self, bucket: str) -> None:
        self._listed.discard(bucket)
        self._kept_changes.pop(bucket, None)
        self._catalog.rows.drop(partial(catalog_rows.drop_pages, bucket=bucket))

    # What is asked

    @operation("ListBuckets", "ListObjects", "ListObjectsV2")
    def list(self, request: S3Request[Members]) -> Answer:
        after = own_token(request.input)
        if request.context.bypass_cache or not self._freshness.serve_stale:
            return self._inner.call(request if after is None else _from(request, after))
        return self._list(request, after)

    async def _list(self, request: S3Request[Members], after: str | None) -> S3Response[Any]:
        is_listed, was_away = request.bucket in self._listed, self._outage.is_active
        if is_listed and was_away and (stale := await self._stale(request)) is not None:
            return stale
        patience = OUTAGE_TIMEOUT if was_away else _TIMEOUT if is_listed else None
        asking = asyncio.get_running_loop().create_task(
            self._ask(request if after is None else _from(request, after)), name="cache listing"
        )
        try:
            await asyncio.wait((asking,), timeout=patience)
            error = asking.exception() if asking.done() else None
            if asking.done() and not (isinstance(error, S3Error) and is_outage(error)):
                return asking.result()
            stale = await self._stale(request) if is_listed and not was_away else None
            if stale is not None or asking.done():
                self._outage.begin()
            if stale is None and was_away and not asking.done():
                raise self._outage.error("", _NO_LISTING)
            return await asking if stale is None else stale
        finally:
            asking.cancel()

    async def _ask(self, request: S3Request[Members]) -> S3Response[Any]:
        bucket, seq = request.bucket, self._seq
        changes = self._changes[bucket]
        response = await self._inner.call(request)
        page, response = await _kept(response)
        if page is not None:
            self._outage.end()
            if changes == self._changes[bucket]:
                self._save(request, {**page, "seq": seq})
        return response

    def _save(self, request: S3Request[Members], page: Members) -> None:
        bucket, chain = request.bucket, chain_of(request.input)
        self._listed.add(bucket)
        self._saves += 1
        if chain is not None and request.op.name != "ListBuckets":
            start = start_of(request.input)
            page |= {"chain": chain, "start": start, "op": request.op.name}
        row = _exact(request), bucket, _encode(page)
        self._catalog.index.post(partial(catalog_rows.save_page, row=row)).add_done_callback(
            log_failed_save
        )

    # What is given while the remote is away

    async def _stale(self, request: S3Request[Members]) -> S3Response[Any] | None:
        try:
            await self._catalog.rows.committed()  # The rows are written behind the answers.
            exact = self._as_it_was(request)
            return exact or await self._joined_answer(request)
        except (S3Error, DAMAGE) as error:
            fields = subject_fields(request)
            logger.info("cannot read the last listing: %s", error, extra=fields)
            return None

    def _as_it_was(self, request: S3Request[Members]) -> S3Response[Any] | None:
        """The stored page, if nothing has changed since."""
        look, bucket = self._catalog.index.read_inline, request.bucket
        found = look(lambda reader: catalog_rows.page(reader, _exact(request)))
        if found is None:
            return None
        page = _decode(found)
        newest = look(
            lambda reader: max((s for s, _ in catalog_rows.changes(reader, bucket)), default=0)
        )
        if newest > page.get("seq", 0):
            return None
        if "output" in page:
            return S3Response(page["output"], headers={STALE_HEADER: "1"})
        headers = tuple((name, value) for name, value in page["headers"])
        wire = WireResponse(200, (*headers, (STALE_HEADER, "1")))
        return S3Response({}, BytesBody(page["body"]), 200, wire)

    async def _joined_answer(self, request: S3Request[Members]) -> S3Response[Any] | None:
        if request.op.name == "ListBuckets":
            output = await self._catalog.index.read_in_thread(
                partial(_buckets, input=request.input)
            )
        else:
            output = await self._part(request)
        return None if output is None else S3Response(output, headers={STALE_HEADER: "1"})

    async def _part(self, request: S3Request[Members]) -> Members | None:
        requested = chain_of(request.input)
        if requested is None:
            return None
        key = requested, self._seq, self._saves
        if self._joined is None or self._joined[0] != key:
            found = await self._catalog.index.read_in_thread(partial(_join, requested=requested))
            if found is None:
                return None
            self._joined = key, found
        return last_listing.answer(request.op.name, request.input, self._joined[1])


def _from(request: S3Request[Members], after: str) -> S3Request[Members]:
    """Fail for a token of a stored listing, which the remote does not know."""
    input = {**request.input, "StartAfter": after}
    del input["ContinuationToken"]
    return request.replace(input=input)


def _exact(request: S3Request[Members]) -> str:
    return _name([request.op.name, request.wire is not None, request.input]).decode()


def _join(reader: Reader, requested: Chain) -> last_listing.LastListing | None:
    """In a thread."""
    chains: dict[Chain, dict[str, Members]] = {}
    for raw in catalog_rows.pages(reader, requested.bucket):
        page = _decode(raw)
        if "chain" in page and (chain := Chain(*page["chain"])).serves(*requested[1:]):
            chains.setdefault(chain, {})[page["start"]] = page
    changes = [(seq, _change(raw)) for seq, raw in catalog_rows.changes(reader, requested.bucket)]
    for chain in sorted(chains, key=lambda chain: chain != requested):
        pages = chains[chain]
        oldest = min(page["seq"] for page in pages.values())
        outputs = {start: _output(page) for start, page in pages.items()}
        since = [change for seq, change in changes if seq > oldest]
        found = last_listing.join(outputs, chain, since)
        if found is not None:
            return found
    return None


def _buckets(reader: Reader, input: Mapping[str, Any]) -> Members | None:
    """The list of buckets. In a thread."""
    changes = [(seq, _change(raw)) for seq, raw in catalog_rows.changes(reader, "")]
    for raw in reversed(list(catalog_rows.pages(reader, ""))):
        page = {"op": "ListBuckets", **_decode(raw)}
        since = [change for seq, change in changes if seq > page.get("seq", 0)]
        found = last_listing.buckets(_output(page), input, since)
        if found is not None:
            return found
    return None


def _change(raw: bytes) -> Change:
    return Change(**_decode(raw))


def _output(page: Members) -> Members:
    if "output" in page:
        output: Members = page["output"]
        return output
    op = operations()[page["op"]]
    try:
        return dict(parse_output(op, 200, page["headers"], page["body"]))
    except ValueError:
        return {"IsTruncated": True}  # It cannot be read: so the listing is not complete.


async def _kept(response: S3Response[Any]) -> tuple[Members | None, S3Response[Any]]:
    """The page to store of a response, if it has one, and the response with its body in memory."""
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
