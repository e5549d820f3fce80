"""What is brought into the cache before it is read: pins, again and again; prefetches, once."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress

from msgspec.structs import replace

from s3d.agent.core.client import S3Client
from s3d.agent.core.token_bucket import TokenBucket
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.read_cache.cache_tag import PIN
from s3d.agent.stores.read_cache.entry import UNASKED
from s3d.agent.stores.read_cache.layer import Cache
from s3d.agent.stores.read_cache.pin_schedule import SHORTEST, PinSchedule
from s3d.agent.stores.read_cache.pins import Pins
from s3d.agent.stores.read_cache.revalidate import is_away
from s3d.shared.caching import Pin, PinStatus, PrefetchStatus
from s3d.shared.control import ObjectInfo
from s3d.shared.transfers import Share

logger = logging.getLogger(__name__)

AT_ONCE = 4
"""Objects that are brought at the same time."""
_STEP = 8 << 20
"""Bytes of a large object that are asked for at a time, when there is a limit to their rate."""
_KEPT_JOBS = 100

FULL = (
    "the cache has no room for it: raise S3D_READ_CACHE_MAX_SIZE or _MAX_FILES, or unpin something"
)


class Keeper:
    """Run run() beside the cache's own."""

    def __init__(
        self,
        cache: Cache,
        pins: Pins,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.pins = pins
        self.jobs: dict[str, Job] = {}
        """By id, those of this run."""
        self._cache = cache
        self._objects = S3Client(cache)
        self._clock = clock
        self._steady = steady
        self._found: dict[Pin, PinStatus] = {}
        self._schedule = PinSchedule(cache.freshness.max_age, steady)
        self._brought = 0
        """Objects that were not here, or not as the listing says."""
        self._changed = asyncio.Event()
        self._wanted: asyncio.Queue[Job] = asyncio.Queue(_KEPT_JOBS)
        self._ids = itertools.count(1)
        cache.catalog.is_pinned = pins.covers
        cache.on_mark = self._marked
        pins.on_change = self._changed.set

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep(), name="cache pins")
            while True:
                job = await self._wanted.get()
                if job.status.state == "running":
                    job.task = tasks.create_task(self._carry_out(job), name=f"prefetch {job.id}")

    def pinned(self) -> list[PinStatus]:
        return [self._found.get(pin, PinStatus(pin)) for pin in self.pins]

    def look(self) -> None:
        """Look after all pins now."""
        self._schedule.all_due()
        self._changed.set()

    def _marked(self, bucket: str, key: str, mark: str) -> None:
        """The tag of an object pins it, or does so no more; a pin of a person's stays."""
        pin = self.pins.has(bucket, key)
        try:
            if mark == PIN and pin is None:
                self.pins.add(Pin(bucket, key, tag=True))
            elif mark != PIN and pin is not None and pin.tag:
                self.pins.remove(pin)
        except OSError as error:
            logger.warning("a pin cannot be kept: %s key=%s", error, key)

    # Prefetch

    def prefetch(self, bucket: str, prefix: str, bandwidth: int | None) -> Job:
        """Begin one. Raises S3Error SlowDown when too many wait."""
        job = Job(str(next(self._ids)), bucket, prefix, bandwidth)
        try:
            self._wanted.put_nowait(job)
        except asyncio.QueueFull:
            raise S3Error("SlowDown", "Too many prefetches are waiting.") from None
        self.jobs[job.id] = job
        while len(self.jobs) > _KEPT_JOBS:
            ended = next((id for id, each in self.jobs.items() if each.ended.is_set()), None)
            if ended is None:
                break
            del self.jobs[ended]
        return job

    async def _carry_out(self, job: Job) -> None:
        try:
            await self._bring_all(job)
            job.end("failed" if job.status.failed else "done")
        except* S3Error as errors:
            error = errors.exceptions[0]
            why = error.message if isinstance(error, S3Error) else str(error)
            job.status = replace(job.status, error=why)
            job.end("failed")
        finally:
            if not job.ended.is_set():
                job.end("cancelled")

    async def _bring_all(self, job: Job) -> None:
        """Everything below the prefix, a few at a time."""
        room = asyncio.Semaphore(AT_ONCE)
        throttle = _Throttle(job.bandwidth, self._steady)
        async with asyncio.TaskGroup() as tasks:
            listing = self._objects.list(job.bucket, job.prefix)
            async with aclosing(listing):  # type: ignore[type-var]
                async for row in listing:
                    assert isinstance(row, ObjectInfo)
                    job.found(row)
                    await room.acquire()
                    work = self._bring_one(job, row, throttle, room)
                    tasks.create_task(work, name=f"prefetch {job.id} object")

    async def _bring_one(
        self, job: Job, row: ObjectInfo, throttle: _Throttle, room: asyncio.Semaphore
    ) -> None:
        try:
            error = await self._bring(row, throttle)
            if error:
                job.failed(f"{row.key}: {error}")
            else:
                job.brought(row)
        finally:
            room.release()

    # Pins

    async def _keep(self) -> None:
        while True:
            self._changed.clear()
            self._cache.catalog.pins_changed()
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
                    if is_away(error):
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
        """Bring what is missing or has changed, forget what is gone; whether there was any.

        Memory: a byte for each entry of the cache, however long the listing is.
        """
        catalog, at = self._cache.catalog, self._clock()
        total, kept, error, brought = Share(), Share(), "", self._brought
        begun, seen = catalog.blobs.new_id(), bytearray()
        throttle = _Throttle(None, self._steady)
        async with aclosing(self._rows(pin)) as rows:
            async for row in rows:
                total = _more(total, row)
                failed = await self._bring(row, throttle, at)
                catalog.mark(row.bucket, row.key, seen)
                if failed:
                    error = error or f"{row.key}: {failed}"
                else:
                    kept = _more(kept, row)
                self._found[pin] = PinStatus(pin, total, kept, error, self._clock())
        self._found[pin] = PinStatus(pin, total, kept, error, self._clock())
        gone = catalog.unmarked(pin.bucket, pin.key or pin.prefix, seen, begun)
        gone = [key for key in gone if pin.covers(pin.bucket, key)]
        for key in gone:
            self._cache.forget(pin.bucket, key)
        return bool(gone or error or brought != self._brought)

    async def _rows(self, pin: Pin) -> AsyncGenerator[ObjectInfo, None]:
        """As the remote has them now: a listing that was kept would make what is old look new."""
        remote = S3Client(self._cache.inner)
        if pin.key:
            found = await remote.head(pin.bucket, pin.key)
            if found is not None:
                yield found
            return
        async for row in remote.list(pin.bucket, pin.prefix):
            if isinstance(row, ObjectInfo):
                yield row

    async def _bring(self, row: ObjectInfo, throttle: _Throttle, at: float | None = None) -> str:
        """Have all of an object here, as the listing says it is; why that could not be, or "".

        at: Unix seconds at which the remote was asked for the listing, if it was.
        """
        catalog, name = self._cache.catalog, (row.bucket, row.key)
        entry = catalog.peek(*name)
        if entry is not None and entry.etag != row.etag:
            self._cache.forget(*name)
        elif entry is not None:
            if at is not None and entry.checked != UNASKED:
                entry.checked = max(entry.checked, at)
            if entry.is_whole:
                return ""
        self._brought += 1
        try:
            await self._read(row, throttle)
        except S3Error as error:
            if is_away(error):
                raise
            return error.message
        entry = catalog.peek(*name)
        return "" if entry is not None and entry.is_whole else FULL

    async def _read(self, row: ObjectInfo, throttle: _Throttle) -> None:
        """Read it through the cache, which keeps it."""
        steps = [(0, row.size)]
        if throttle.is_limited:
            steps = [(at, min(_STEP, row.size - at)) for at in range(0, row.size, _STEP)] or steps
        for start, size in steps:
            await throttle.admit(size)
            part = f"bytes={start}-{start + size - 1}" if size < row.size else ""
            _, body = await self._objects.get(row.bucket, row.key, byte_range=part)
            async with aclosing(body):
                async for _ in body:
                    pass


class Job:
    """One prefetch."""

    def __init__(self, id: str, bucket: str, prefix: str, bandwidth: int | None) -> None:
        self.id = id
        self.bucket, self.prefix = bucket, prefix
        self.bandwidth = bandwidth
        self.status = PrefetchStatus(id, bucket, prefix)
        self.ended = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def cancel(self) -> None:
        """What has been brought stays."""
        if self.task is not None:
            self.task.cancel()
        elif not self.ended.is_set():
            self.end("cancelled")

    def end(self, state: str) -> None:
        self.status = replace(self.status, state=state)
        self.ended.set()

    def found(self, row: ObjectInfo) -> None:
        self.status = replace(self.status, listed=_more(self.status.listed, row))

    def brought(self, row: ObjectInfo) -> None:
        self.status = replace(self.status, done=_more(self.status.done, row))

    def failed(self, why: str) -> None:
        error = self.status.error or why
        self.status = replace(self.status, failed=self.status.failed + 1, error=error)


class _Throttle:
    """Lets bytes pass at a rate. rate None: at once."""

    def __init__(self, rate: int | None, steady: Callable[[], float]) -> None:
        self._rate = rate
        self._steady = steady
        self._bucket = TokenBucket()

    @property
    def is_limited(self) -> bool:
        return self._rate is not None

    async def admit(self, size: int) -> None:
        wait = self._bucket.take(size, self._rate, self._steady())
        if wait > 0:
            await asyncio.sleep(wait)


def _more(share: Share, row: ObjectInfo) -> Share:
    return Share(share.files + 1, share.size + row.size)
