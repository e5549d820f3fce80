"""Routes of the read cache: status, limits, entries, eviction, pins and prefetches."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from s3d.agent.core.client import S3Client
from s3d.agent.frontends.control.control_call import Call, Route, answer, page_of
from s3d.agent.frontends.control.problems import ControlError
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.named_objects import check_bucket_name
from s3d.agent.stores.read_cache.cache_status import (
    CacheParts,
    cache_entry,
    cache_status,
    entries_after,
    prefetch_status,
)
from s3d.shared import control
from s3d.shared.caching import (
    CacheChanges,
    CacheEntry,
    CacheList,
    CachePlace,
    Pin,
    PinList,
    PinStatus,
    PrefetchRequest,
    Verified,
)
from s3d.shared.transfers import Count, Totals

if TYPE_CHECKING:
    from s3d.agent.stores.read_cache.layer import Cache
    from s3d.agent.stores.read_cache.prefetch import PinManager, PrefetchJob

VERIFY_PAGE = 64 << 20
"""Bytes after which one call of verify responds."""


class CacheRoutes:
    """Without a cache each call is refused."""

    def __init__(self, cache: CacheParts | None, objects: S3Client) -> None:
        """objects: finds out whether a bucket exists."""
        self._maybe = cache
        self._objects = objects

    def routes(self) -> list[Route]:
        place = frozenset({"bucket", "prefix", "cursor", "limit"})
        return [
            Route("GET", "/v1/cache", self.show),
            Route("PATCH", "/v1/cache", self.change),
            Route("GET", "/v1/cache/entries", self.entries, place | {"contains", "lacks"}),
            Route("POST", "/v1/cache:evict", self.evict),
            Route("POST", "/v1/cache:clear", self.clear),
            Route("POST", "/v1/cache:verify", self.verify, frozenset({"cursor"})),
            Route("GET", "/v1/cache/pins", self.pins),
            Route("POST", "/v1/cache:pin", self.pin),
            Route("POST", "/v1/cache:unpin", self.unpin),
            Route("POST", "/v1/cache:prefetch", self.prefetch),
            Route("GET", "/v1/cache/prefetches/{id}", self.job, frozenset({"wait"})),
            Route("POST", "/v1/cache/prefetches/{id}:cancel", self.cancel),
        ]

    @property
    def _layer(self) -> Cache:
        return self._require()[0]

    @property
    def _pin_manager(self) -> PinManager:
        return self._require()[1]

    def _require(self) -> tuple[Cache, PinManager]:
        cache = self._maybe
        if cache is None:
            hint = "set S3D_REMOTE, and S3D_READ_CACHE must not be off"
            raise ControlError(409, control.NO_REMOTE, "there is no read cache", hint)
        if cache.layer is None or cache.pin_manager is None:
            hint = "fix this, and restart the agent"
            raise ControlError(409, control.WRONG_STATE, cache.trouble, hint)
        return cache.layer, cache.pin_manager

    async def show(self, call: Call) -> web.Response:
        self._require()
        assert self._maybe is not None
        return answer(cache_status(self._maybe))

    async def change(self, call: Call) -> web.Response:
        """Change limits until the next start; entries above them are evicted at once."""
        changes = await call.body(CacheChanges)
        names = {"max_size": "size", "max_files": "files"}
        given = {
            name: value
            for field, name in names.items()
            if (value := getattr(changes, field)) is not msgspec.UNSET
        }
        if any(value < 1 for value in given.values()):
            raise S3Error("InvalidArgument", "A limit is at least 1.")
        await self._layer.catalog.room.set_limits(**given)
        return await self.show(call)

    async def entries(self, call: Call) -> web.Response:
        """One page, in the order of the names; of those that match a filter, if there is one."""
        limit, query = call.page_limit, call.query
        place = query.get("bucket", ""), query.get("prefix", "")
        matches = _name_test(query.get("contains", ""), query.get("lacks", ""))
        entries = entries_after(self._layer, place, query.get("cursor", ""), limit + 1, matches)
        page, cursor = page_of(entries, limit, lambda entry: f"{entry.bucket}/{entry.key}")
        return answer(CacheList([cache_entry(entry, self._pin_manager) for entry in page], cursor))

    async def evict(self, call: Call) -> web.Response:
        """Evict objects of a bucket. Pinned ones are evicted too, and then fetched again."""
        place = _checked(await call.body(CachePlace))
        catalog = self._layer.catalog
        if place.key:
            return answer(Count(int(catalog.forget(place.bucket, place.key))))
        return answer(Count(await catalog.clear(place.bucket, place.prefix)))

    async def clear(self, call: Call) -> web.Response:
        return answer(Count(await self._layer.catalog.clear()))

    async def verify(self, call: Call) -> web.Response:
        """Read some entries and compare them with their checksums; the cursor continues."""
        layer, pin_manager = self._require()
        wrong: list[CacheEntry] = []
        checked, cursor = Totals(), ""
        for entry in entries_after(layer, ("", ""), call.query.get("cursor", ""), control.MAX_PAGE):
            if checked.size >= VERIFY_PAGE:
                return answer(Verified(checked, wrong, cursor))
            checked = Totals(checked.files + 1, checked.size + entry.held)
            cursor = f"{entry.bucket}/{entry.key}"
            described = cache_entry(entry, pin_manager)  # verify() may drop the entry
            if not await layer.verify(entry):
                wrong.append(described)
        is_last = checked.files < control.MAX_PAGE
        return answer(Verified(checked, wrong, "" if is_last else cursor))

    async def pins(self, call: Call) -> web.Response:
        return answer(PinList(self._pin_manager.pinned()))

    async def pin(self, call: Call) -> web.Response:
        """Fetch an object or prefix, and never evict it. Raises NoSuchBucket.

        A pin does not need the remote: while it is away, the pin waits for it.
        """
        pin_manager, pin = self._pin_manager, _pin_of(await call.body(CachePlace))
        try:
            await self._read_first(pin.bucket, pin.key or pin.prefix)
        except S3Error as error:
            if error.code == "NoSuchBucket":
                raise
        _persist(lambda: pin_manager.pins.add(pin))
        return answer(PinStatus(pin), 202)

    async def unpin(self, call: Call) -> web.Response:
        """Remove a pin, so that its objects may be evicted. Count 0: it was not pinned."""
        pin_manager, pin = self._pin_manager, _pin_of(await call.body(CachePlace))
        return answer(Count(int(_persist(lambda: pin_manager.pins.remove(pin)))))

    async def prefetch(self, call: Call) -> web.Response:
        """Start a prefetch. Raises NoSuchBucket, and ServiceUnavailable while the remote is
        away."""
        pin_manager, request = self._pin_manager, await call.body(PrefetchRequest)
        check_bucket_name(request.bucket)
        if request.bandwidth is not None and request.bandwidth < 1:
            raise S3Error("InvalidArgument", "bandwidth is at least 1 byte a second.")
        await self._read_first(request.bucket, request.prefix)
        return answer(prefetch_status(pin_manager.prefetch(request)), 202)

    async def _read_first(self, bucket: str, prefix: str) -> None:
        """Read the first name below a prefix. Raises S3Error; NoSuchBucket names the bucket."""
        try:
            await self._objects.page(bucket, prefix, limit=1)
        except S3Error as error:
            if error.code == "NoSuchBucket":
                raise S3Error("NoSuchBucket", BucketName=bucket) from error
            raise

    async def job(self, call: Call) -> web.Response:
        """The status; wait: respond when the prefetch has ended."""
        job = self._job(call)
        await call.wait_for(job.ended.wait)
        return answer(prefetch_status(job))

    async def cancel(self, call: Call) -> web.Response:
        job = self._job(call)
        if not job.ended.is_set():
            await self._pin_manager.prefetches.cancel(job)
        return answer(prefetch_status(job))

    def _job(self, call: Call) -> PrefetchJob:
        job = self._pin_manager.prefetches.jobs.get(call.segment("id"))
        if job is None:
            raise ControlError(404, control.NO_SUCH_TRANSFER, "there is no such prefetch")
        return job


def _name_test(contains: str, lacks: str) -> Callable[[str], bool] | None:
    """Whether a BUCKET/KEY has one text and lacks another; None: all do. Case counts only with a
    capital letter."""

    def has(name: str, text: str) -> bool:
        return text in (name.lower() if text == text.lower() else name)

    if not contains and not lacks:
        return None
    return lambda name: has(name, contains) and not (lacks and has(name, lacks))


def _checked(place: CachePlace) -> CachePlace:
    """Raises S3Error."""
    check_bucket_name(place.bucket)
    if place.key and place.prefix:
        raise S3Error("InvalidArgument", "Give key or prefix, and not both.")
    return place


def _pin_of(place: CachePlace) -> Pin:
    return Pin(_checked(place).bucket, place.key, place.prefix)


def _persist(change: Callable[[], bool | None]) -> bool:
    """Change the list of pins. Raises S3Error SlowDown when its file cannot be written."""
    try:
        return bool(change())
    except OSError as error:
        reason = error.strerror or str(error)
        raise S3Error("SlowDown", f"the pins cannot be saved: {reason}") from error
