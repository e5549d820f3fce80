"""The read cache: serves reads from the local disk, and fetches missing bytes once.

One GetObject, on the event loop unless a step names a thread:
1. ObjectReads.read looks the entry up (Catalog.get) and who_answers_read decides, as a table,
   whether the cache may answer, must revalidate, or must forward the request.
2. An entry that is fresh (checked less than max_age ago, and with no write under way) is answered
   at once: select_response makes the members and the range; Catalog.data has the bytes of a small
   object, EntryFiles.body opens the file of a large one, whose bytes BlobBody reads in threads.
3. Otherwise Revalidator.revalidate asks the remote by the ETag, with one HeadObject for all readers
   that wait. A condition that the entry does not meet is sent again for each request. An entry that
   has changed at the remote is dropped.
4. What is not cached is fetched: FillCoordinator.open sends one GetObject for all readers. Fetch
   writes the bytes in a thread, and FillBody gives them to each reader as they arrive.
5. Blocks of a file that were not verified since the start are verified before they are given
   (EntryFiles.prove, in a thread). A wrong block is fetched again.

A write (fallback) passes through Invalidation.pass_on: entries of the keys that it changes are
dropped, and their rows with them, before its success is passed on. Listings are in listings.py.

When the remote is unreachable, a cached object is served and marked as stale; a condition that only
the remote can evaluate gets a 503. A stale response may be older than the writes of another client,
but never older than an acknowledged write of this agent, because the row of the replaced version is
deleted first, and because the write queue serves its pending writes itself. This holds after a kill
as well: committed rows survive the process (entry.AFTER_KILL). A power cut may lose the newest
commits, so after one an entry is served only when the remote has confirmed it
(entry.AFTER_POWER_CUT).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from s3d.agent.core.store import Answer, Layer, ObjectStore
from s3d.agent.core.telemetry import Registry
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.selection.use_policy import UsePolicy
from s3d.agent.stores.read_cache.catalog.adopt_pushed import Pushed, adopt, row_of
from s3d.agent.stores.read_cache.catalog.cache_counters import CacheCounters
from s3d.agent.stores.read_cache.catalog.catalog import Catalog
from s3d.agent.stores.read_cache.catalog.entry import Entry
from s3d.agent.stores.read_cache.catalog.verify import EntryFiles
from s3d.agent.stores.read_cache.eligibility import Eligibility, cache_tag_in
from s3d.agent.stores.read_cache.fill.fill_coordinator import FillCoordinator
from s3d.agent.stores.read_cache.fill.task_scope import TaskScope
from s3d.agent.stores.read_cache.invalidation import (
    HARMLESS,
    Invalidation,
    listing_changes,
    row_of_head,
    unknown_listing_changes,
)
from s3d.agent.stores.read_cache.last_listing import Change
from s3d.agent.stores.read_cache.listings import ListOps
from s3d.agent.stores.read_cache.object_reads import ObjectReads
from s3d.agent.stores.read_cache.revalidate import (
    Freshness,
    RemoteOutage,
    Revalidator,
)

logger = logging.getLogger(__name__)


class Cache(Layer):
    """The layer. run() has to run while the layer is in use: it owns the tasks of fills."""

    def __init__(
        self,
        inner: ObjectStore,
        catalog: Catalog,
        freshness: Freshness,
        clock: Callable[[], float] = time.time,
        *,
        use_policy: UsePolicy | None = None,
        registry: Registry | None = None,
    ) -> None:
        """use_policy: which objects are cached; None: all. registry: counts what happens."""
        self.catalog = catalog
        self.counters = CacheCounters(registry or Registry())
        self.freshness = freshness
        self.on_cache_tag: Callable[[str, str, str], None] = lambda bucket, key, mark: None
        """Called with the tag s3d.cache of an object ("" for none) when it is seen or changed."""
        self.eligibility = Eligibility(inner, lambda *mark: self.on_cache_tag(*mark))
        self.eligibility.rules = use_policy
        self._clock = clock
        self._tasks = TaskScope()
        outage = RemoteOutage(clock)
        spawn = self._tasks.spawn
        self.fills = FillCoordinator(
            catalog,
            EntryFiles(catalog.blobs),
            inner,
            spawn,
            self.counters,
            self.eligibility.admits,
            clock=clock,
        )
        self._revalidator = Revalidator(
            inner,
            catalog,
            freshness,
            outage,
            spawn,
            clock,
            self._changed_at_remote,
            self.counters.revalidations,
        )
        catalog.on_evicted = self._evicted
        self._lists = ListOps(inner, catalog, freshness, outage, clock)
        self._writes = Invalidation(inner, self, self._written, self._outcome_unknown)
        self._reads = ObjectReads(
            inner,
            catalog,
            fills=self.fills,
            revalidator=self._revalidator,
            outage=outage,
            writes=self._writes,
            tasks=self._tasks,
            clock=clock,
        )
        super().__init__(inner, self._reads, self._lists)

    async def run(self) -> None:
        """Until cancelled."""
        async with self._tasks.open():
            await self.catalog.sweep()
            await asyncio.Event().wait()

    def begin_outage(self) -> None:
        """Answer what is cached without the remote for a while: it was seen not to answer."""
        self._revalidator.outage.begin()

    # Writes

    def fallback(self, request: S3Request[Any]) -> Answer:
        if request.op.access in ("read", "list"):
            return self.inner.call(request)
        if request.op.name == "CreateBucket":
            return self._create_bucket(request)
        if request.op.name in HARMLESS:
            return self.inner.call(request)
        return self._write(request)

    def push(self, request: S3Request[Any]) -> Answer:
        """A request of the write queue, which is no read of an object."""
        if request.op.access in ("read", "list") or request.op.name in (*HARMLESS, "CreateBucket"):
            return self.call(request)
        return self._write(request, is_pending=True)

    def _write(self, request: S3Request[Any], *, is_pending: bool = False) -> Answer:
        self._lists.changed(request.bucket)
        return self._writes.pass_on(request, is_pending=is_pending)

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
        mark = cache_tag_in(request)
        if mark is not None:
            self.on_cache_tag(request.bucket, request.key, mark)

    def _outcome_unknown(self, request: S3Request[Any]) -> None:
        self._lists.wrote(request.bucket, unknown_listing_changes(request))

    def seen_at_remote(self, bucket: str, key: str, row: Members | None) -> None:
        """Note the state of an object at the remote. row: of a listing; None: there is no
        object."""
        self._lists.seen(bucket, key, row)

    def changed_by_others(self, bucket: str, key: str) -> None:
        """Note that another writer may have changed an object at the remote."""
        self.mark_stale(bucket, key)
        self._reads.forget_absent(bucket, key)

    async def adopt(self, pushed: Pushed) -> None:
        """Cache a write that has been pushed, from its staged bytes."""
        self._lists.wrote(pushed.bucket, [Change(pushed.key, row_of(pushed))])
        if not self._tasks.is_open or self.fills.is_resting:
            return
        if await self.eligibility.takes_pushed(pushed.bucket, pushed.key, pushed.stored):
            self.forget(pushed.bucket, pushed.key)
            await adopt(self.catalog, pushed)

    def forget(self, bucket: str, key: str = "") -> None:
        """Invalidate the object, or for key "" all objects of the bucket."""
        if key:
            self.catalog.forget(bucket, key)
        else:
            self.catalog.forget_all(bucket)
        self.superseded(bucket, key)

    def mark_stale(self, bucket: str, key: str = "") -> None:
        """Have the object, or for key "" the whole bucket, revalidated before its next use."""
        self._revalidator.mark_stale(bucket, key)

    def superseded(self, bucket: str, key: str = "") -> None:
        """Let requests to the remote that are in progress get no further readers."""
        if key:
            self.fills.supersede(bucket, key)
        else:
            self.fills.supersede_all(bucket)
        self._reads.forget_absent(bucket, key)
        self._revalidator.forget(bucket, key)

    async def committed(self) -> None:
        """Return when no forgotten entry can reappear after a crash."""
        await self.catalog.rows.forgotten()

    # Status

    @property
    def trouble(self) -> str:
        """Why nothing new is cached at the moment; "" when everything works."""
        if self.fills.is_resting:
            return "the disk of the cache failed recently: nothing new is cached for now"
        if not self.catalog.room.has_disk_room:
            return "the disk is nearly full: nothing new is cached"
        return ""

    async def verify(self, entry: Entry) -> bool:
        """Verify all cached bytes of an entry; False when some are damaged, and the entry is
        dropped."""
        return await self._reads.verify(entry)

    def _evicted(self, count: int) -> None:
        self.counters.evictions.add(count)

    def _changed_at_remote(self, bucket: str, key: str) -> None:
        """Handle an object that has changed at the remote, or has been deleted there."""
        self.forget(bucket, key)


_READS = ("GetObject", "HeadObject")


class CacheBypass:
    """Reads go to the remote; writes pass through the cache, which invalidates what they change.

    The cache also uses the result of each read: it may show that a push whose response was lost has
    taken effect, which ends the write for the queue. So the replaced entry and its row are deleted,
    and the stored listing is updated, before the response is returned.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def call(self, request: S3Request[Any]) -> Answer:
        if request.op.name not in _READS:
            return self._cache.push(request)
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
        """etag: of the current object, if the response has it."""
        entry = self._cache.catalog.peek(request.bucket, request.key)
        if entry is None or (is_there and etag in ("", entry.etag)):
            return
        self._cache.forget(request.bucket, request.key)
        await self._cache.committed()
