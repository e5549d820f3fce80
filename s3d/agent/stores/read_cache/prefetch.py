"""Fetches objects into the cache before they are read: pins repeatedly, prefetches once."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from s3d.agent.core.bandwidth import Throttle
from s3d.agent.core.client import S3Client
from s3d.agent.core.job import ItemProgress, Job, JobFailure, JobState
from s3d.agent.core.jobs import JobEngine, JobPolicy
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.part_sizes import is_in_parts
from s3d.agent.stores.read_cache.catalog.entry import UNCHECKED
from s3d.agent.stores.read_cache.eligibility import PIN
from s3d.agent.stores.read_cache.pins import SHORTEST, Pins, PinSchedule
from s3d.agent.stores.read_cache.revalidate import is_outage
from s3d.shared.caching import Pin, PinStatus, PrefetchRequest
from s3d.shared.control import ObjectInfo
from s3d.shared.logs import log_fields
from s3d.shared.transfers import Totals

if TYPE_CHECKING:
    from s3d.agent.stores.read_cache.layer import Cache

logger = logging.getLogger(__name__)

CONCURRENCY = 4
"""Objects of one prefetch that are read at the same time."""
_STEP = 8 << 20
"""Bytes of a large object that are fetched at a time."""
MAX_QUEUED = 100
"""Maximum number of waiting prefetches, and of ended ones that stay listed."""

PrefetchJob = Job[PrefetchRequest]

FULL = "the cache has no room: raise S3D_READ_CACHE_MAX_SIZE or _MAX_FILES, or unpin something"


class NotCached(Exception):
    """An object was not cached: str() says why."""


class PinManager:
    """Keeps pinned objects cached, and runs prefetches. run() has to run beside that of the
    cache."""

    def __init__(
        self,
        cache: Cache,
        pins: Pins,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.pins = pins
        policy = JobPolicy(
            kind="prefetch",
            concurrency=CONCURRENCY,
            is_limit_per_job=True,
            expected=(S3Error, NotCached),
            describe=_describe,
            is_temporary=lambda error: isinstance(error, S3Error) and is_outage(error),
            max_ended=MAX_QUEUED,
            is_resumed=False,
        )
        self.prefetches: JobEngine[PrefetchRequest] = JobEngine(
            self._prefetch_all, policy, clock=clock, registry=cache.counters.registry
        )
        self._cache = cache
        self._objects = S3Client(cache)
        self._clock = clock
        self._steady = steady
        self._found: dict[Pin, PinStatus] = {}
        self._schedule = PinSchedule(cache.freshness.max_age, steady)
        self._brought = 0
        """Objects that were missing from the cache or differed from the listing."""
        self._changed = asyncio.Event()
        self._ids = itertools.count(1)
        cache.catalog.is_pinned = pins.covers
        cache.on_cache_tag = self._marked
        pins.on_change = self._changed.set

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep(), name="cache pins")
            await self.prefetches.run()

    def pinned(self) -> list[PinStatus]:
        return [self._found.get(pin, PinStatus(pin)) for pin in self.pins]

    def wake(self) -> None:
        """Check all pins now."""
        self._schedule.all_due()
        self._changed.set()

    def _marked(self, bucket: str, key: str, mark: str) -> None:
        """Pin or unpin an object by its tag; a pin that the user has set stays."""
        pin = self.pins.has(bucket, key)
        try:
            if mark == PIN and pin is None:
                self.pins.add(Pin(bucket, key, tag=True))
            elif mark != PIN and pin is not None and pin.tag:
                self.pins.remove(pin)
        except OSError as error:
            fields = log_fields(bucket=bucket, key=key)
            logger.warning("cannot pin an object: %s", error, extra=fields)

    # Prefetch

    def prefetch(self, request: PrefetchRequest) -> PrefetchJob:
        """Start a prefetch. Raises S3Error SlowDown if too many wait."""
        queued = sum(job.state is JobState.QUEUED for job in self.prefetches.jobs.values())
        if queued >= MAX_QUEUED:
            raise S3Error("SlowDown", "Too many prefetches are waiting.")
        job = Job(str(next(self._ids)), request, self._clock())
        self.prefetches.add(job)
        return job

    async def _prefetch_all(self, job: PrefetchJob) -> None:
        """Read all objects below the prefix into the cache."""
        throttle = Throttle(job.request.bandwidth, self._steady)

        async def bring(row: ObjectInfo, moved: ItemProgress) -> None:
            reason = await self._bring(row, throttle)
            if reason:
                raise NotCached(reason)
            moved.complete(row.size)

        rows = _objects(self._objects, job.request)
        await self.prefetches.for_each(job, rows, bring, lambda row: (row.bucket, row.key))

    # Pins

    async def _keep(self) -> None:
        while True:
            self._changed.clear()
            self._cache.catalog.room.pins_changed()
            self._schedule.keep_only(self.pins)
            for pin in self.pins:
                if not self._schedule.is_due(pin):
                    continue
                try:
                    changed = await self._keep_one(pin)
                except S3Error as error:
                    before = self._found.get(pin, PinStatus(pin))
                    self._found[pin] = replace(before, error=error.message)
                    self._schedule.done(pin, changed=True)
                    if is_outage(error):
                        break
                else:
                    self._schedule.done(pin, changed=changed)
            pause = self._schedule.wait(self.pins)
            if pause == 0.0:  # The remote is away: the others are not tried.
                pause = SHORTEST
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._changed.wait()

    async def _keep_one(self, pin: Pin) -> bool:
        """Fetch missing or changed objects, forget deleted ones; return whether there were any.

        Memory: a byte for each entry of the cache, however long the listing is.
        """
        catalog, at = self._cache.catalog, self._clock()
        total, kept, error, brought = Totals(), Totals(), "", self._brought
        begun, seen = catalog.blobs.new_id(), bytearray()
        throttle = Throttle(None, self._steady)
        async with aclosing(self._rows(pin)) as rows:
            async for row in rows:
                total = _more(total, row)
                failed = await self._bring(row, throttle, at)
                catalog.names.note_seen(row.bucket, row.key, seen)
                if failed:
                    error = error or f"{row.key}: {failed}"
                else:
                    kept = _more(kept, row)
                self._found[pin] = PinStatus(pin, total, kept, error, self._clock())
        self._found[pin] = PinStatus(pin, total, kept, error, self._clock())
        gone = catalog.names.unseen_keys(pin.bucket, pin.key or pin.prefix, seen, begun)
        gone = [key for key in gone if pin.covers(pin.bucket, key)]
        for key in gone:
            self._cache.forget(pin.bucket, key)
        return bool(gone or error or brought != self._brought)

    async def _rows(self, pin: Pin) -> AsyncGenerator[ObjectInfo, None]:
        """Rows of a fresh listing: a stored listing would make outdated entries look current."""
        remote = S3Client(self._cache.inner)
        if pin.key:
            found = await remote.head(pin.bucket, pin.key)
            if found is not None:
                yield found
            return
        async for row in remote.list(pin.bucket, pin.prefix):
            if isinstance(row, ObjectInfo):
                yield row

    async def _bring(self, row: ObjectInfo, throttle: Throttle, at: float | None = None) -> str:
        """Cache the whole object in the version of the listing; return why that failed, or "".

        at: Unix seconds of the request for the listing, if there was one.
        """
        catalog, name = self._cache.catalog, (row.bucket, row.key)
        entry = catalog.peek(*name)
        if entry is not None and entry.etag != row.etag:
            self._cache.forget(*name)
        elif entry is not None:
            if at is not None and entry.checked != UNCHECKED:
                entry.checked = max(entry.checked, at)
            if entry.is_whole:
                return ""
        self._brought += 1
        try:
            await self._read(row, throttle)
        except S3Error as error:
            if is_outage(error):
                raise
            return error.message
        entry = catalog.peek(*name)
        return "" if entry is not None and entry.is_whole else FULL

    async def _read(self, row: ObjectInfo, throttle: Throttle) -> None:
        """Read the object through the cache, which stores it.

        A large object in parts is read in steps, each of which survives a crash. One whose ETag is
        an MD5 is read at once, so that its bytes are compared with that.
        """
        steps = [(0, row.size)]
        if throttle.is_limited or (is_in_parts(row.size) and "-" in row.etag):
            steps = [(at, min(_STEP, row.size - at)) for at in range(0, row.size, _STEP)] or steps
        for start, size in steps:
            await throttle.admit(size)
            part = f"bytes={start}-{start + size - 1}" if size < row.size else ""
            _, body = await self._objects.get(row.bucket, row.key, byte_range=part)
            async with aclosing(body):
                async for _ in body:
                    pass


async def _objects(client: S3Client, request: PrefetchRequest) -> AsyncGenerator[ObjectInfo, None]:
    async for row in client.list(request.bucket, request.prefix):
        if isinstance(row, ObjectInfo):
            yield row


def _describe(error: Exception, bucket: str, key: str) -> JobFailure:
    message = error.message if isinstance(error, S3Error) else str(error)
    return JobFailure("Prefetch", message, bucket=bucket, key=key)


def _more(share: Totals, row: ObjectInfo) -> Totals:
    return Totals(share.files + 1, share.size + row.size)
