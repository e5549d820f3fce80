"""Cache: answers reads from this disk, and has what is missing fetched once.

A read takes these steps:
1. authority_of_read decides whether what is here may answer. What may, and is fresh (checked less
   than max_age ago, and not being written), is answered at once.
2. Else the remote is asked by the ETag (revalidate.py), by one question for all readers; a
   condition that is not met here is asked anew each time. What has changed is forgotten.
3. What is not here is fetched (fill.py).

When the remote cannot be asked, what is here is given, and marked as stale; a condition that only
the remote can judge is answered by 503. What is given so may be older than what somebody else has
written, but never older than a write of this agent that was acknowledged: a success is passed on
when the row of the version that it replaced is gone (invalidation.py), and what the queue has
acknowledged it answers itself until then. This holds after a kill as well, since committed rows
outlive the process: what is left is not fresh, but may be given as stale (entry.EXPIRED). A power
cut may take the newest commits, so after one (or when it is not known how the last agent stopped)
an entry is given only when the remote has said that it is right (entry.UNPROVEN).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from s3d.agent.core.store import Answer, Completed, Layer, ObjectStore, operation
from s3d.agent.s3.authority import Authority, authority_of_read
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, BytesBody, Members, S3Request, S3Response
from s3d.agent.selection.filter_subject import subject_of_record
from s3d.agent.selection.use_policy import UsePolicy
from s3d.agent.storage.blobs import INLINE
from s3d.agent.storage.record_cache import Recent
from s3d.agent.stores.read_cache.adopt_pushed import Pushed, adopt, row_of
from s3d.agent.stores.read_cache.cache_tag import NONE, PIN, TAG, mark_by
from s3d.agent.stores.read_cache.cached_response import (
    Found,
    direct,
    find,
    is_refused,
    is_simple_range,
)
from s3d.agent.stores.read_cache.catalog import Catalog
from s3d.agent.stores.read_cache.changes import (
    HARMLESS,
    listing_changes,
    unknown_listing_changes,
)
from s3d.agent.stores.read_cache.eligibility import Eligibility
from s3d.agent.stores.read_cache.entry import Entry
from s3d.agent.stores.read_cache.files import Files
from s3d.agent.stores.read_cache.fill import Counts, Fills, Uncached
from s3d.agent.stores.read_cache.invalidation import Invalidation
from s3d.agent.stores.read_cache.last_listing import Change
from s3d.agent.stores.read_cache.listings import STALE, ListOps
from s3d.agent.stores.read_cache.partial_body import FillBody
from s3d.agent.stores.read_cache.revalidate import (
    AWAY_PATIENCE,
    Away,
    Checks,
    Freshness,
    is_unreachable,
)
from s3d.agent.stores.read_cache.task_scope import Nursery

logger = logging.getLogger(__name__)

_NO_FILL = ("SlowDown", "PreconditionFailed")
"""Errors of a fill that are the cache's own, or that say that the object is another one by now."""

Name = tuple[str, str]


class Cache(Layer):
    """The layer. Run run() as long as it is in use: fills live in there."""

    def __init__(
        self,
        inner: ObjectStore,
        catalog: Catalog,
        freshness: Freshness,
        clock: Callable[[], float] = time.time,
        *,
        use_policy: UsePolicy | None = None,
    ) -> None:
        """use_policy: which objects are cached; None: all."""
        self.catalog = catalog
        self.counts = Counts()
        self.freshness = freshness
        self.on_mark: Callable[[str, str, str], None] = lambda bucket, key, mark: None
        """Told of the tag s3d.cache of an object, "" for none, when it is seen or changed."""
        self.eligibility = Eligibility(inner, lambda *mark: self.on_mark(*mark))
        self.eligibility.rules = use_policy
        self._clock = clock
        self._nursery = Nursery()
        self._away = Away(clock)
        self._files = Files(catalog.blobs)
        spawn = self._nursery.spawn
        self.fills = Fills(
            catalog, self._files, inner, spawn, self.counts, self.eligibility.admits, clock=clock
        )
        self._checks = Checks(inner, catalog, freshness, self._away, spawn, clock, self._gone)
        self._absent: Recent[Name, float] = Recent(10_000, lambda _: 1)
        catalog.on_evicted = self._evicted
        self._lists = ListOps(inner, catalog, freshness, self._away, clock)
        self._writes = Invalidation(inner, self, self._written, self._outcome_unknown)
        super().__init__(inner, self._lists)

    async def run(self) -> None:
        """Until cancelled."""
        async with self._nursery.open():
            await self.catalog.sweep()
            await asyncio.Event().wait()

    # Reads

    @operation("GetObject", "HeadObject")
    def read(self, request: S3Request[Members]) -> Answer:
        if request.context.bypass_cache or not self._nursery.is_open:
            return self.inner.call(request)
        entry = self.catalog.get(request.bucket, request.key)
        authority = authority_of_read(request.input, entry)
        if authority is Authority.FORWARD:
            return self._forward(request)
        if entry is not None and authority is Authority.HERE and self._is_fresh(entry):
            answer = self._at_once(entry, request)
            if answer is not None:
                return answer
        elif entry is None and request.op.name == "HeadObject":
            return self._forward(request)
        return self._read(request)

    def _forward(self, request: S3Request[Members]) -> Answer:
        """The remote's answer; one that was away a moment ago is not waited for long."""
        return self._soon(request) if self._away.is_now else self.inner.call(request)

    async def _soon(self, request: S3Request[Members]) -> S3Response[Members]:
        try:
            async with asyncio.timeout(AWAY_PATIENCE):
                response = await self.inner.call(request)
        except TimeoutError:
            self._away.note()
            raise self._away.error(request.key) from None
        self._away.is_back()
        return response

    def _is_fresh(self, entry: Entry) -> bool:
        return self._checks.is_fresh(entry) and not self._writes.is_under_way(entry.name)

    def _at_once(
        self, entry: Entry, request: S3Request[Members], *, is_hit: bool = True
    ) -> Completed[Members] | None:
        """The answer, if nothing has to be waited for. is_hit: it was here before."""
        found = find(request.input, entry)
        if found.span is None or request.op.name == "HeadObject":
            return Completed(self._response(found, None))
        start, size = found.span
        body: Body | None
        if entry.size <= INLINE:
            data = self.catalog.data(entry)
            if data is None:
                self._rotten(entry)
                return None
            body = BytesBody(data if size == entry.size else data[start : start + size])
        else:
            body = self._files.body(entry, start, size)
            if body is None:
                return None
        if is_hit:
            self.counts.hits += 1
            self.counts.hit_bytes += size
        return Completed(self._response(found, body))

    def _response(self, found: Found, body: Body | None) -> S3Response[Members]:
        return S3Response(found.output, body, found.status, rendered_headers=found.kept)

    async def _read(self, request: S3Request[Members]) -> S3Response[Members]:
        # Looked up again: an answer is awaited in a task that starts later than the call, and
        # another reader may have opened the object meanwhile.
        entry, is_stale = self.catalog.peek(request.bucket, request.key), False
        if entry is not None:
            authority = authority_of_read(request.input, entry)
            if authority is Authority.REVALIDATE or not self._is_fresh(entry):
                anew = authority is Authority.REVALIDATE
                entry, is_stale = await self._checks.checked(entry, request.context, anew=anew)
        if entry is None or entry.is_dead:
            return await self._missed(request)
        if is_stale and is_refused(request.input, entry):
            raise self._away.error(request.key, "The remote is away, and only it can judge this.")
        answer = self._at_once(entry, request)
        response = answer.response if answer is not None else await self._filled(request, entry)
        if is_stale:
            self.counts.stale += 1
            response.headers[STALE] = "1"
            response.rendered_headers = None
        return response

    async def _missed(self, request: S3Request[Members]) -> S3Response[Members]:
        """Of an object that is not here, or is not right any more."""
        name = bucket, key = request.bucket, request.key
        unknown = authority_of_read(request.input, None)
        if request.op.name == "HeadObject" or unknown is Authority.FORWARD:
            return await self._forward(request)
        until = self._absent.get(name)
        if until is not None and self._clock() < until:
            raise S3Error("NoSuchKey", Key=key)
        header = request.input.get("Range") or ""
        if header and not is_simple_range(header):
            return await self.inner.call(request)
        self.counts.misses += 1
        writes = self._writes.count
        try:
            async with asyncio.timeout(AWAY_PATIENCE if self._away.is_now else None):
                entry = await self.fills.open(bucket, key, header, request.context)
            self._away.is_back()
        except Uncached as answer:
            if answer.response is None:
                return await self.inner.call(request)
            output = direct(request.input, answer.response.output)
            return S3Response(output, answer.response.body)
        except S3Error as error:
            if error.code == "InvalidRange":
                return await self.inner.call(request)
            if error.code == "NoSuchKey" and writes == self._writes.count:
                self._absent.put(name, self._clock() + self.freshness.absent)
            elif is_unreachable(error):
                self._away.note()
            raise
        except TimeoutError:
            self._away.note()
            raise self._away.error(key) from None
        if entry.size <= INLINE:
            ready = self._at_once(entry, request, is_hit=False)
            return ready.response if ready is not None else await self.inner.call(request)
        return await self._filled(request, entry)

    async def _filled(self, request: S3Request[Members], entry: Entry) -> S3Response[Members]:
        """Of a large entry, some of whose bytes are to be fetched or to be found right first."""
        found = find(request.input, entry)
        if found.span is None or request.op.name == "HeadObject":
            return self._response(found, None)
        start, size = found.span
        if entry.covers(start, size):
            if await self._files.prove(entry, start, size):
                body = self._files.body(entry, start, size)
                if body is not None:
                    self.counts.hits += 1
                    self.counts.hit_bytes += size
                    return self._response(found, body)
            else:
                self.counts.corrupt += 1
                self.catalog.update(entry)
        try:
            filling = FillBody(self.fills, entry, start, size, context=request.context)
        except S3Error:
            self._rotten(entry)
            return await self.inner.call(request)
        try:
            await filling.begin()
        except S3Error as error:
            await filling.aclose()
            if error.code not in _NO_FILL:
                raise
            return await self.inner.call(request)
        return self._response(found, filling)

    # Writes

    def fallback(self, request: S3Request[Any]) -> Answer:
        if request.op.access in ("read", "list"):
            return self.inner.call(request)
        if request.op.name == "CreateBucket":
            return self._create_bucket(request)
        if request.op.name in HARMLESS:
            return self.inner.call(request)
        self._lists.changed(request.bucket)
        return self._writes.pass_on(request)

    async def _create_bucket(self, request: S3Request[Any]) -> S3Response[Any]:
        self._lists.changed("")
        response = await self.inner.call(request)
        if response.wire is None or response.wire.status < 300:
            self._lists.created(request.bucket)
        return response

    def _written(self, request: S3Request[Any], response: S3Response[Any]) -> None:
        if request.op.name == "DeleteBucket":
            self._lists.deleted(request.bucket)
        else:
            changes = listing_changes(request, response, self._clock())
            self._lists.wrote(request.bucket, changes)
        mark = mark_by(request)
        if mark is not None:
            self.on_mark(request.bucket, request.key, mark)

    def _outcome_unknown(self, request: S3Request[Any]) -> None:
        self._lists.wrote(request.bucket, unknown_listing_changes(request))

    def seen_at_remote(self, bucket: str, key: str, row: Members | None) -> None:
        """The remote itself has shown the object. row: as a listing has it; None: it is absent."""
        self._lists.seen(bucket, key, row)

    async def adopt(self, pushed: Pushed) -> None:
        """A write has reached the remote, and its bytes are still here."""
        self._lists.wrote(pushed.bucket, [Change(pushed.key, row_of(pushed))])
        if not self._nursery.is_open or self.fills.is_resting:
            return
        mark = pushed.stored.record.about.tags.get(TAG)
        subject = subject_of_record(pushed.bucket, pushed.key, pushed.stored)
        if mark != NONE and await self.eligibility.takes(subject, pinned=mark == PIN):
            self.forget(pushed.bucket, pushed.key)
            await adopt(self.catalog, pushed)

    def forget(self, bucket: str, key: str = "") -> None:
        """What is known of the object, or of all of the bucket, may not be true any more."""
        if key:
            self.catalog.forget(bucket, key)
        else:
            self.catalog.forget_all(bucket)
        self.superseded(bucket, key)

    def doubt(self, bucket: str, key: str = "") -> None:
        """Ask the remote before the object, or all of the bucket, is believed again."""
        self._checks.doubt(bucket, key)

    def superseded(self, bucket: str, key: str = "") -> None:
        """What the remote is being asked about it now is kept for nobody."""
        if key:
            self.fills.written(bucket, key)
            self._absent.forget((bucket, key))
        else:
            self.fills.written_all(bucket)
            self._absent.clear()
        self._checks.forget(bucket, key)

    async def committed(self) -> None:
        """Return when nothing that was forgotten comes back after a crash."""
        await self.catalog.rows.forgotten()

    # What else

    @property
    def asked(self) -> int:
        """Times that the remote has said whether something is still the same."""
        return self._checks.asked

    @property
    def trouble(self) -> str:
        """Why nothing new is kept just now; "" while all is well."""
        if self.fills.is_resting:
            return "the disk of the cache has failed lately: nothing new is kept for now"
        if not self.catalog.has_room:
            return "the disk is nearly full: nothing new is kept"
        return ""

    async def verify(self, entry: Entry) -> bool:
        """Read all that is here of it; False when something was wrong, which is then forgotten."""
        if entry.size <= INLINE:
            await self.catalog.rows.committed()  # Else there is no row yet to be read.
            self.catalog.cool(entry)
            is_right = self.catalog.data(entry) is not None
        else:
            entry.proven = 0
            is_right = await self._files.prove(entry, 0, entry.size)
        if not is_right and not entry.is_dead:
            self._rotten(entry)
        return is_right

    def _rotten(self, entry: Entry) -> None:
        self.counts.corrupt += 1
        logger.warning("a cached object is damaged bucket=%s key=%s", entry.bucket, entry.key)
        self.catalog.forget(*entry.name)

    def _evicted(self, count: int) -> None:
        self.counts.evictions += count

    def _gone(self, bucket: str, key: str) -> None:
        """The remote has another object there, or none."""
        self.forget(bucket, key)
