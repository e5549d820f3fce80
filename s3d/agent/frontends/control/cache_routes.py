"""The read cache: its numbers and limits, what is in it, pins and prefetches."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
from aiohttp import web

from s3d.agent.frontends.control.queue_routes import wait_of
from s3d.agent.frontends.control.routing import Call, ControlError, Route, answer
from s3d.agent.s3.address import check_bucket_name
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.read_cache.entry import Entry
from s3d.agent.stores.read_cache.layer import Cache
from s3d.agent.stores.read_cache.prefetch import PinManager, PrefetchJob, prefetch_status
from s3d.shared import control
from s3d.shared.caching import (
    CacheChanges,
    CacheEntry,
    CacheList,
    CachePlace,
    CacheState,
    CacheStatus,
    Pin,
    PinList,
    PinStatus,
    PrefetchRequest,
    Verified,
)
from s3d.shared.transfers import Count, Totals

VERIFY_PAGE = 64 << 20
"""Bytes that are read in one call of verify, or a little more."""


@dataclass(frozen=True, slots=True)
class ReadCache:
    """The layer and who brings things into it. layer None: there is none, see trouble."""

    layer: Cache | None
    keeper: PinManager | None
    folder: Path
    trouble: str = ""


class CacheRoutes:
    """Routes of the cache; without one each call is refused."""

    def __init__(self, cache: ReadCache | None) -> None:
        self._maybe = cache

    def routes(self) -> list[Route]:
        place = frozenset({"bucket", "prefix", "cursor", "limit"})
        return [
            Route("GET", "/v1/cache", self.show),
            Route("PATCH", "/v1/cache", self.change),
            Route("GET", "/v1/cache/entries", self.entries, place),
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
        return self._there()[0]

    @property
    def _keeper(self) -> PinManager:
        return self._there()[1]

    def _there(self) -> tuple[Cache, PinManager]:
        cache = self._maybe
        if cache is None:
            hint = "set S3D_REMOTE, and S3D_READ_CACHE is not to be off"
            raise ControlError(409, control.NO_REMOTE, "there is no read cache", hint)
        if cache.layer is None or cache.keeper is None:
            hint = "mend that, and start the agent again"
            raise ControlError(409, control.WRONG_STATE, cache.trouble, hint)
        return cache.layer, cache.keeper

    async def show(self, call: Call) -> web.Response:
        self._there()
        assert self._maybe is not None
        return answer(cache_status(self._maybe))

    async def change(self, call: Call) -> web.Response:
        """Limits, until the next start; what is too much goes at once."""
        wanted = await call.body(CacheChanges)
        names = {"max_size": "size", "max_files": "files"}
        given = {
            name: value
            for field, name in names.items()
            if (value := getattr(wanted, field)) is not msgspec.UNSET
        }
        if any(value < 1 for value in given.values()):
            raise S3Error("InvalidArgument", "A limit is at least 1.")
        await self._layer.catalog.room.set_limits(**given)
        return await self.show(call)

    async def entries(self, call: Call) -> web.Response:
        """One page, by name."""
        limit = call.number("limit", control.MAX_PAGE, control.MAX_PAGE)
        bucket, prefix = call.query.get("bucket", ""), call.query.get("prefix", "")
        page = _page(self._layer, (bucket, prefix), call.query.get("cursor", ""), limit + 1)
        more = f"{page[limit - 1].bucket}/{page[limit - 1].key}" if len(page) > limit else ""
        found = [entry_of(entry, self._keeper) for entry in page[:limit]]
        return answer(CacheList(found, more))

    async def evict(self, call: Call) -> web.Response:
        """Objects of a bucket, pinned ones too, which then are brought again."""
        place = _checked(await call.body(CachePlace))
        catalog = self._layer.catalog
        if place.key:
            return answer(Count(int(catalog.forget(place.bucket, place.key))))
        return answer(Count(await catalog.clear(place.bucket, place.prefix)))

    async def clear(self, call: Call) -> web.Response:
        return answer(Count(await self._layer.catalog.clear()))

    async def verify(self, call: Call) -> web.Response:
        """Read what is here and see whether it is as it came, some entries in one call."""
        layer, keeper = self._there()
        wrong: list[CacheEntry] = []
        checked, cursor = Totals(), ""
        for entry in _page(layer, ("", ""), call.query.get("cursor", ""), control.MAX_PAGE):
            if checked.size >= VERIFY_PAGE:
                return answer(Verified(checked, wrong, cursor))
            checked = Totals(checked.files + 1, checked.size + entry.held)
            cursor = f"{entry.bucket}/{entry.key}"
            said = entry_of(entry, keeper)
            if not await layer.verify(entry):
                wrong.append(said)
        is_last = checked.files < control.MAX_PAGE
        return answer(Verified(checked, wrong, "" if is_last else cursor))

    async def pins(self, call: Call) -> web.Response:
        return answer(PinList(self._keeper.pinned()))

    async def pin(self, call: Call) -> web.Response:
        """Have it brought, and keep it."""
        keeper, pin = self._keeper, _pin_of(await call.body(CachePlace))
        _kept(lambda: keeper.pins.add(pin))
        return answer(PinStatus(pin), 202)

    async def unpin(self, call: Call) -> web.Response:
        """It may go from now on: Count 0 when it was not pinned."""
        keeper, pin = self._keeper, _pin_of(await call.body(CachePlace))
        return answer(Count(int(_kept(lambda: keeper.pins.remove(pin)))))

    async def prefetch(self, call: Call) -> web.Response:
        wanted = await call.body(PrefetchRequest)
        check_bucket_name(wanted.bucket)
        if wanted.bandwidth is not None and wanted.bandwidth < 1:
            raise S3Error("InvalidArgument", "bandwidth is at least 1 byte a second.")
        return answer(prefetch_status(self._keeper.prefetch(wanted)), 202)

    async def job(self, call: Call) -> web.Response:
        """At once; or, with wait, when it has ended or after so many seconds."""
        job = self._job(call)
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_of(call)):
                await job.ended.wait()
        return answer(prefetch_status(job))

    async def cancel(self, call: Call) -> web.Response:
        job = self._job(call)
        if not job.ended.is_set():
            await self._keeper.prefetches.cancel(job)
        return answer(prefetch_status(job))

    def _job(self, call: Call) -> PrefetchJob:
        job = self._keeper.prefetches.jobs.get(call.request.match_info["id"])
        if job is None:
            raise ControlError(404, control.NO_SUCH_TRANSFER, "there is no such prefetch")
        return job


def cache_status(cache: ReadCache) -> CacheStatus:
    """All of it."""
    layer = cache.layer
    if layer is None:
        return CacheStatus(str(cache.folder), 0, 0, 0, 0, 0.0, trouble=cache.trouble)
    limits = layer.catalog.room.limits
    return CacheStatus(
        path=str(cache.folder),
        max_size=limits.size,
        max_files=limits.files,
        max_age=layer.freshness.max_age,
        trouble=layer.trouble,
        **numbers_of(cache),
    )


def numbers_of(cache: ReadCache) -> dict[str, int]:
    """The counts of CacheStatus, by name; none where there is no cache."""
    layer, keeper = cache.layer, cache.keeper
    if layer is None or keeper is None:
        return {}
    return {
        "size": layer.catalog.room.used,
        "files": layer.catalog.count,
        "pins": len(keeper.pins),
        "in_flight": layer.fills.in_flight,
        "revalidated": layer.revalidations,
        **asdict(layer.counts),
    }


def entry_of(entry: Entry, keeper: PinManager) -> CacheEntry:
    return CacheEntry(
        bucket=entry.bucket,
        key=entry.key,
        size=entry.size,
        held=entry.held,
        etag=entry.etag,
        checked=entry.checked,
        pinned=keeper.pins.covers(*entry.name),
    )


def state_of(cache: ReadCache | None, bucket: str, key: str) -> CacheState | None:
    """What is here of one object; None when there is no cache."""
    if cache is None or cache.layer is None or cache.keeper is None:
        return None
    entry = cache.layer.catalog.peek(bucket, key)
    pinned = cache.keeper.pins.covers(bucket, key)
    if entry is None:
        return CacheState(0, 0, pinned)
    return CacheState(entry.held, entry.size, pinned, entry.checked)


def _page(layer: Cache, place: tuple[str, str], after: str, limit: int) -> list[Entry]:
    """The first entries after a name, in order."""
    names = (f"{bucket}/{key}" for bucket, key in layer.catalog.names.of(*place))
    found = heapq.nsmallest(limit, (name for name in names if name > after))
    entries = (layer.catalog.peek(*_split(name)) for name in found)
    return [entry for entry in entries if entry is not None]


def _split(name: str) -> tuple[str, str]:
    bucket, _, key = name.partition("/")
    return bucket, key


def _checked(place: CachePlace) -> CachePlace:
    """Raises S3Error."""
    check_bucket_name(place.bucket)
    if place.key and place.prefix:
        raise S3Error("InvalidArgument", "Give key or prefix, and not both.")
    return place


def _pin_of(place: CachePlace) -> Pin:
    return Pin(_checked(place).bucket, place.key, place.prefix)


def _kept(change: Callable[[], bool | None]) -> bool:
    """Raises S3Error SlowDown when the list of pins cannot be written."""
    try:
        return bool(change())
    except OSError as error:
        reason = error.strerror or str(error)
        raise S3Error("SlowDown", f"the pins cannot be kept: {reason}") from error
