"""The control API's types for the read cache: entries, pins and prefetches.

The version and the compatibility rules of control.py hold for them too.
"""

from __future__ import annotations

import msgspec

from s3d.shared.transfers import Totals


class CacheStatus(msgspec.Struct, frozen=True):
    """GET /v1/cache: the contents, and statistics since the start of the agent."""

    path: str
    size: int
    """Bytes on the disk, including the room reserved by fills in progress."""
    files: int
    max_size: int
    max_files: int
    max_age: float
    """Seconds after which an entry is revalidated."""
    pins: int = 0
    trouble: str = ""
    """Why nothing is cached at the moment; "" when everything works."""
    hits: int = 0
    misses: int = 0
    stale: int = 0
    """Answers that were served stale, because the remote was unreachable."""
    revalidated: int = 0
    hit_bytes: int = 0
    """Bytes served from the cache instead of the remote."""
    fetched_bytes: int = 0
    fills: int = 0
    in_flight: int = 0
    """Fills in progress."""
    evictions: int = 0
    saved_requests: int = 0
    """Requests to the remote that the cache made unnecessary."""
    saved_bytes: int = 0
    """Bytes that were not fetched from the remote again."""
    saved_cost: float | None = None
    """Their price, by the settings read_cache.request_price and traffic_price; None without
    them."""
    corrupt: int = 0
    """How often data was damaged, on the disk or on arrival. Damaged data is never served."""


class CacheChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """PATCH /v1/cache: set limits until the next start. Fields that are unset stay as they are."""

    max_size: int | msgspec.UnsetType = msgspec.UNSET
    max_files: int | msgspec.UnsetType = msgspec.UNSET


class CacheEntry(msgspec.Struct, frozen=True):
    """An object that is cached completely or in part."""

    bucket: str
    key: str
    size: int
    held: int
    """Bytes of it that are cached."""
    etag: str
    checked: float
    """When the remote last confirmed it, in Unix seconds; 0: the agent checks it before its next
    use, for example because it was pushed or because the agent was killed."""
    pinned: bool = False


class CacheList(msgspec.Struct, frozen=True):
    """GET /v1/cache/entries: one page, in the order of names; cursor is empty on the last."""

    entries: list[CacheEntry]
    cursor: str = ""


class CachePlace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of POST /v1/cache:evict, :pin, :unpin: one key, or all keys with a prefix."""

    bucket: str
    key: str = ""
    prefix: str = ""


class Verified(msgspec.Struct, frozen=True):
    """POST /v1/cache:verify: the result for one page of entries; the last has an empty cursor."""

    checked: Totals
    wrong: list[CacheEntry]
    """Entries whose data was damaged; they have been dropped."""
    cursor: str = ""


class Pin(msgspec.Struct, frozen=True):
    """Objects to keep in the cache permanently."""

    bucket: str
    key: str = ""
    """One object; "": all objects with the prefix."""
    prefix: str = ""
    tag: bool = False
    """The object is pinned by its tag s3d.cache=pin."""

    def covers(self, bucket: str, key: str) -> bool:
        """Whether the pin includes a key."""
        if bucket != self.bucket:
            return False
        return key == self.key if self.key else key.startswith(self.prefix)


class PinStatus(msgspec.Struct, frozen=True):
    """A pin, and how much of it is cached."""

    pin: Pin
    total: Totals = Totals()
    """What the remote had of it at the last check."""
    cached: Totals = msgspec.field(name="kept", default=Totals())
    """What of that is cached."""
    error: str = ""
    """Why not all of it is cached."""
    looked: float | None = None
    """When the remote was last checked, in Unix seconds."""


class PinList(msgspec.Struct, frozen=True):
    """GET /v1/cache/pins."""

    pins: list[PinStatus]


class PrefetchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/cache:prefetch."""

    bucket: str
    prefix: str = ""
    bandwidth: int | None = None
    """Maximum bytes per second."""


class PrefetchStatus(msgspec.Struct, frozen=True):
    """GET /v1/cache/prefetches/{id}: the progress or the result."""

    id: str
    bucket: str
    prefix: str
    state: str = "running"
    """running, done, failed (an object could not be fetched) or cancelled."""
    listed: Totals = msgspec.field(name="found", default=Totals())
    """What has been listed so far."""
    done: Totals = Totals()
    """What of it is cached."""
    failed: int = 0
    error: str = ""
    """The error of the first object that failed."""


class CacheState(msgspec.Struct, frozen=True):
    """What is cached of one object, in GET /v1/status?bucket=&key=."""

    held: int
    """Bytes of it that are cached."""
    size: int
    pinned: bool
    checked: float | None = None
    """As in CacheEntry; None: nothing of it is cached."""
