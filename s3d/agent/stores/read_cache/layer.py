"""The read cache: answers reads from this disk, and fetches what is missing once.

One GetObject, on the event loop where nothing else is said:
1. ObjectReads.read looks the entry up (Catalog.get) and authority_of_read decides, as a table,
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

When the remote cannot be asked, a cached object is given and marked as stale; a condition that only
the remote can decide is answered by 503. A stale answer may be older than what another client has
written, but never older than an acknowledged write of this agent, because the row of the replaced
version is gone by then, and because the write queue answers for what it has acknowledged. This
holds after a kill as well: committed rows outlive the process (entry.EXPIRED). A power cut may take
the newest commits, so after one an entry is given only when the remote has confirmed it
(entry.UNPROVEN).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from s3d.agent.core.store import Answer, Layer, ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.selection.filter_subject import subject_of_record
from s3d.agent.selection.use_policy import UsePolicy
from s3d.agent.stores.read_cache.adopt_pushed import Pushed, adopt, row_of
from s3d.agent.stores.read_cache.catalog import Catalog
from s3d.agent.stores.read_cache.eligibility import NONE, PIN, TAG, Eligibility, cache_tag_in
from s3d.agent.stores.read_cache.entry import Entry
from s3d.agent.stores.read_cache.fill import Counts, FillCoordinator
from s3d.agent.stores.read_cache.invalidation import (
    HARMLESS,
    Invalidation,
    listing_changes,
    row_of_head,
    unknown_listing_changes,
)
from s3d.agent.stores.read_cache.last_listing import Change
from s3d.agent.stores.read_cache.listings import ListOps
from s3d.agent.stores.read_cache.objects import ObjectReads
from s3d.agent.stores.read_cache.revalidate import (
    Freshness,
    RemoteOutage,
    Revalidator,
)
from s3d.agent.stores.read_cache.task_scope import TaskScope
from s3d.agent.stores.read_cache.verify import EntryFiles

logger = logging.getLogger(__name__)


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
            self.counts,
            self.eligibility.admits,
            clock=clock,
        )
        self._revalidator = Revalidator(
            inner, catalog, freshness, outage, spawn, clock, self._changed_at_remote
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
        """The remote itself has shown the object. row: as a listing has it; None: it is absent."""
        self._lists.seen(bucket, key, row)

    async def adopt(self, pushed: Pushed) -> None:
        """A write has reached the remote, and its bytes are still here."""
        self._lists.wrote(pushed.bucket, [Change(pushed.key, row_of(pushed))])
        if not self._tasks.is_open or self.fills.is_resting:
            return
        mark = pushed.stored.record.description.tags.get(TAG)
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

    def mark_stale(self, bucket: str, key: str = "") -> None:
        """Ask the remote before the object, or all of the bucket, is believed again."""
        self._revalidator.mark_stale(bucket, key)

    def superseded(self, bucket: str, key: str = "") -> None:
        """Requests to the remote that are under way get no further readers."""
        if key:
            self.fills.supersede(bucket, key)
        else:
            self.fills.supersede_all(bucket)
        self._reads.forget_absent(bucket, key)
        self._revalidator.forget(bucket, key)

    async def committed(self) -> None:
        """Return when nothing that was forgotten comes back after a crash."""
        await self.catalog.rows.forgotten()

    # Status

    @property
    def revalidations(self) -> int:
        """Times that the remote has said whether something is still the same."""
        return self._revalidator.revalidations

    @property
    def trouble(self) -> str:
        """Why nothing new is kept just now; "" while all is well."""
        if self.fills.is_resting:
            return "the disk of the cache failed recently: nothing new is cached for now"
        if not self.catalog.room.is_on_disk:
            return "the disk is nearly full: nothing new is cached"
        return ""

    async def verify(self, entry: Entry) -> bool:
        """Read all cached bytes of an entry; False, and it is dropped, when some are wrong."""
        return await self._reads.verify(entry)

    def _evicted(self, count: int) -> None:
        self.counts.evictions += count

    def _changed_at_remote(self, bucket: str, key: str) -> None:
        """The remote has another object there, or none."""
        self.forget(bucket, key)


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
        """etag: of the object that is there, if the answer says it."""
        entry = self._cache.catalog.peek(request.bucket, request.key)
        if entry is None or (is_there and etag in ("", entry.etag)):
            return
        self._cache.forget(request.bucket, request.key)
        await self._cache.committed()
