"""GetObject and HeadObject of the cache: served from the disk, revalidated, filled, or forwarded.

The steps of a read are in layer.py. Everything in this module runs on the event loop, but for
EntryFiles.prove(), which reads blocks in a thread, and for the bodies, which read files in threads.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from cachetools import LRUCache

from s3d.agent.core.log_limit import LimitedLogger
from s3d.agent.core.store import Answer, Completed, ObjectStore, operation
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import same_etag
from s3d.agent.s3.messages import Body, BytesBody, Members, S3Request, S3Response
from s3d.agent.storage.blobs import INLINE
from s3d.agent.stores.answerer import Answerer, who_answers_read
from s3d.agent.stores.read_cache.catalog.cache_counters import Source
from s3d.agent.stores.read_cache.catalog.catalog import Catalog
from s3d.agent.stores.read_cache.catalog.entry import (
    Entry,
    direct,
    is_refused,
    is_simple_range,
    select_response,
)
from s3d.agent.stores.read_cache.fill.fill_coordinator import FillCoordinator, Uncached
from s3d.agent.stores.read_cache.fill.partial_body import FillBody
from s3d.agent.stores.read_cache.fill.task_scope import TaskScope
from s3d.agent.stores.read_cache.invalidation import Invalidation
from s3d.agent.stores.read_cache.listings import STALE_HEADER
from s3d.agent.stores.read_cache.revalidate import (
    OUTAGE_TIMEOUT,
    RemoteOutage,
    Revalidator,
    is_unreachable,
)
from s3d.shared.logs import log_fields

logger = LimitedLogger(logging.getLogger(__name__))

_NO_FILL = ("SlowDown", "PreconditionFailed")
"""Errors of a fill that are the cache's own, or that say that the object is another one by now."""
_MAX_NEGATIVE = 10_000
"""Maximum number of keys that are remembered as absent at the remote."""

Name = tuple[str, str]


class ObjectReads:
    """Handlers of GetObject and HeadObject, with a negative cache of missing keys."""

    def __init__(
        self,
        inner: ObjectStore,
        catalog: Catalog,
        *,
        fills: FillCoordinator,
        revalidator: Revalidator,
        outage: RemoteOutage,
        writes: Invalidation,
        tasks: TaskScope,
        clock: Callable[[], float],
    ) -> None:
        self._inner = inner
        self._catalog = catalog
        self._fills = fills
        self._files = fills.files
        self._counters = fills.counters
        self._revalidator = revalidator
        self._outage = outage
        self._writes = writes
        self._tasks = tasks
        self._clock = clock
        self._negative_cache: LRUCache[Name, float] = LRUCache(_MAX_NEGATIVE)

    def forget_absent(self, bucket: str, key: str = "") -> None:
        """Drop the key (for key "" all keys) from the negative cache: a write may have created
        it."""
        if key:
            self._negative_cache.pop((bucket, key), None)
        else:
            self._negative_cache.clear()

    @operation("GetObject", "HeadObject")
    def read(self, request: S3Request[Members]) -> Answer:
        if request.context.bypass_cache or not self._tasks.is_open:
            return self._inner.call(request)
        input = request.input
        entry = self._catalog.get(input["Bucket"], input["Key"])
        answerer = who_answers_read(input, entry)
        if answerer is Answerer.REMOTE:
            return self._forward(request)
        if entry is not None and answerer is Answerer.LAYER and self._is_current(entry, request):
            answer = self._answer_now(entry, request, Source.LOCAL)
            if answer is not None:
                return answer
        elif entry is None and request.op.name == "HeadObject":
            return self._forward(request)
        return self._read_later(request)

    def _forward(self, request: S3Request[Members]) -> Answer:
        """Forward the request; with a short timeout if the remote was unreachable recently."""
        return (
            self._forward_with_timeout(request)
            if self._outage.is_active
            else self._inner.call(request)
        )

    async def _forward_with_timeout(self, request: S3Request[Members]) -> S3Response[Members]:
        try:
            async with asyncio.timeout(OUTAGE_TIMEOUT):
                response = await self._inner.call(request)
        except TimeoutError:
            self._outage.begin()
            raise self._outage.error(request.key) from None
        self._outage.end()
        return response

    def _is_current(self, entry: Entry, request: S3Request[Members]) -> bool:
        if not self._revalidator.is_fresh(entry):
            return False
        shown = request.context.mount.shown
        if shown and not same_etag(shown, entry.etag):
            return False
        writes = self._writes
        return not writes.under_way or not writes.is_under_way(entry.name)

    def _answer_now(
        self, entry: Entry, request: S3Request[Members], source: Source
    ) -> Completed[Members] | None:
        """The response, if it needs no await."""
        selected = select_response(request.input, entry)
        if selected.span is None or request.op.name == "HeadObject":
            self._counters.answered(source, None)
            return Completed(selected.response())
        start, size = selected.span
        body: Body | None
        if entry.size <= INLINE:
            data = self._catalog.data(entry)
            if data is None:
                self._drop_corrupt(entry)
                return None
            body = BytesBody(data if size == entry.size else data[start : start + size])
        else:
            body = self._files.body(entry, start, size)
            if body is None:
                return None
        self._counters.answered(source, size)
        return Completed(selected.response(body))

    async def _read_later(self, request: S3Request[Members]) -> S3Response[Members]:
        # Looked up again: an answer is awaited in a task that starts later than the call, and
        # another reader may have opened the object meanwhile.
        entry, is_stale = self._catalog.peek(request.bucket, request.key), False
        source = Source.LOCAL
        if entry is not None:
            answerer = who_answers_read(request.input, entry)
            if answerer is Answerer.LAYER_AFTER_REVALIDATION or not self._is_current(
                entry, request
            ):
                force = answerer is Answerer.LAYER_AFTER_REVALIDATION
                entry, is_stale = await self._revalidator.revalidate(
                    entry, request.context, force=force
                )
                source = Source.STALE if is_stale else Source.REVALIDATED
        if entry is None or entry.superseded:
            return await self._fill(request)
        if is_stale and is_refused(request.input, entry):
            message = "The remote is unreachable, and only the remote can evaluate this request."
            raise self._outage.error(request.key, message)
        answer = self._answer_now(entry, request, source)
        response = (
            answer.response
            if answer is not None
            else await self._answer_large(request, entry, source)
        )
        if is_stale:
            self._counters.stale.add()
            response.headers[STALE_HEADER] = "1"
            response.rendered_headers = None
        return response

    async def _fill(self, request: S3Request[Members]) -> S3Response[Members]:
        """Serve an object that is not cached, or whose entry is outdated."""
        name = bucket, key = request.bucket, request.key
        unknown = who_answers_read(request.input, None)
        if request.op.name == "HeadObject" or unknown is Answerer.REMOTE:
            return await self._forward(request)
        until = self._negative_cache.get(name)
        if until is not None and self._clock() < until:
            self._counters.answered(Source.LOCAL, None)
            raise S3Error("NoSuchKey", Key=key)
        header = request.input.get("Range") or ""
        if header and not is_simple_range(header):
            return await self._inner.call(request)
        self._counters.misses.add()
        writes = self._writes.count
        try:
            async with asyncio.timeout(OUTAGE_TIMEOUT if self._outage.is_active else None):
                entry = await self._fills.open(bucket, key, header, request.context)
            self._outage.end()
        except Uncached as answer:
            if answer.response is None:
                return await self._inner.call(request)
            output = direct(request.input, answer.response.output)
            return S3Response(output, answer.response.body)
        except S3Error as error:
            if error.code == "InvalidRange":
                return await self._inner.call(request)
            if error.code == "NoSuchKey" and writes == self._writes.count:
                ttl = self._revalidator.freshness.negative_ttl
                self._negative_cache[name] = self._clock() + ttl
            elif is_unreachable(error):
                self._outage.begin()
            raise
        except TimeoutError:
            self._outage.begin()
            raise self._outage.error(key) from None
        if entry.size <= INLINE:
            ready = self._answer_now(entry, request, Source.FILLED)
            return ready.response if ready is not None else await self._inner.call(request)
        return await self._answer_large(request, entry, Source.FILLED)

    async def _answer_large(
        self, request: S3Request[Members], entry: Entry, source: Source
    ) -> S3Response[Members]:
        """Answer from a large entry, some of whose blocks have to be fetched or verified first."""
        selected = select_response(request.input, entry)
        if selected.span is None or request.op.name == "HeadObject":
            self._counters.answered(source, None)
            return selected.response()
        start, size = selected.span
        if entry.covers(start, size):
            if await self._files.prove(entry, start, size):
                body = self._files.body(entry, start, size)
                if body is not None:
                    self._counters.answered(source, size)
                    return selected.response(body)
            else:
                self._counters.corrupt.add()
                self._catalog.update(entry)
        if source is not Source.FILLED:
            self._counters.misses.add()  # of an entry that has not all that is asked for
        try:
            filling = FillBody(self._fills, entry, start, size, context=request.context)
        except S3Error:
            self._drop_corrupt(entry)
            return await self._inner.call(request)
        try:
            await filling.begin()
        except S3Error as error:
            await filling.aclose()
            if error.code not in _NO_FILL:
                raise
            return await self._inner.call(request)
        return selected.response(filling)

    async def verify(self, entry: Entry) -> bool:
        """Verify all cached bytes of an entry; False when some are damaged, which drops the
        entry."""
        if entry.size <= INLINE:
            await self._catalog.rows.committed()  # Else there is no row yet to be read.
            self._catalog.cool(entry)
            is_right = self._catalog.data(entry) is not None
        else:
            entry.verified = 0
            is_right = await self._files.prove(entry, 0, entry.size)
        if not is_right and not entry.superseded:
            self._drop_corrupt(entry)
        return is_right

    def _drop_corrupt(self, entry: Entry) -> None:
        self._counters.corrupt.add()
        fields = log_fields(bucket=entry.bucket, key=entry.key)
        logger.warning("a cached object is damaged", extra=fields)
        self._catalog.forget(*entry.name)
