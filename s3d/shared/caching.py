"""The control API's types for the read cache: what is in it, pins, prefetching.

Part of control.py in every respect but the file.
"""

from __future__ import annotations

import msgspec

from s3d.shared.transfers import Share


class CacheStatus(msgspec.Struct, frozen=True):
    """GET /v1/cache: numbers since the start of the agent, and what is there now."""

    path: str
    size: int
    """Bytes on the disk, those that fills under way have claimed included."""
    files: int
    max_size: int
    max_files: int
    max_age: float
    """Seconds after which the remote is asked."""
    pins: int = 0
    trouble: str = ""
    """Why nothing is kept just now; "" while all is well."""
    hits: int = 0
    misses: int = 0
    stale: int = 0
    """Answers that could not be checked, since the remote was away."""
    revalidated: int = 0
    hit_bytes: int = 0
    """Served from here and not fetched: what was saved of egress."""
    fetched_bytes: int = 0
    fills: int = 0
    in_flight: int = 0
    """Fills under way."""
    evictions: int = 0
    corrupt: int = 0
    """Bytes found wrong, on the disk or as they came: none of them was served."""


class CacheChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """PATCH /v1/cache: limits until the next start; what is not named stays."""

    max_size: int | msgspec.UnsetType = msgspec.UNSET
    max_files: int | msgspec.UnsetType = msgspec.UNSET


class CacheEntry(msgspec.Struct, frozen=True):
    """One object of which something is here."""

    bucket: str
    key: str
    size: int
    held: int
    """Bytes of it that are here."""
    etag: str
    checked: float
    """When the remote said last that it is so, in Unix seconds; 0: not since it was pushed."""
    pinned: bool = False


class CacheList(msgspec.Struct, frozen=True):
    """GET /v1/cache/entries: one page, in the order of names; cursor is empty on the last."""

    entries: list[CacheEntry]
    cursor: str = ""


class CachePlace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of POST /v1/cache:evict, :pin, :unpin. key: an object; else all whose keys begin so."""

    bucket: str
    key: str = ""
    prefix: str = ""


class Verified(msgspec.Struct, frozen=True):
    """POST /v1/cache:verify: one page of entries was read; cursor is empty on the last."""

    checked: Share
    wrong: list[CacheEntry]
    """Whose bytes had changed on the disk; they are not there any more."""
    cursor: str = ""


class Pin(msgspec.Struct, frozen=True):
    """What is always to be here."""

    bucket: str
    key: str = ""
    """One object; "": all whose keys begin with prefix."""
    prefix: str = ""
    tag: bool = False
    """Only since the tag s3d.cache=pin of the object says so."""

    def covers(self, bucket: str, key: str) -> bool:
        if bucket != self.bucket:
            return False
        return key == self.key if self.key else key.startswith(self.prefix)


class PinStatus(msgspec.Struct, frozen=True):
    """A pin, and how far it is kept."""

    pin: Pin
    total: Share = Share()
    """What the remote has of it, as of the last look."""
    cached: Share = msgspec.field(name="kept", default=Share())
    """What of that is here."""
    error: str = ""
    """Why not all of it is."""
    looked: float | None = None


class PinList(msgspec.Struct, frozen=True):
    """GET /v1/cache/pins."""

    pins: list[PinStatus]


class PrefetchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/cache:prefetch."""

    bucket: str
    prefix: str = ""
    bandwidth: int | None = None
    """Bytes a second, at most."""


class PrefetchStatus(msgspec.Struct, frozen=True):
    """GET /v1/cache/prefetches/{id}: how far it is, or how it ended."""

    id: str
    bucket: str
    prefix: str
    state: str = "running"
    """running, done, failed (something could not be had) or cancelled."""
    listed: Share = msgspec.field(name="found", default=Share())
    """What was listed so far."""
    done: Share = Share()
    """What of it is here."""
    failed: int = 0
    error: str = ""
    """Of the first that failed."""


class CacheState(msgspec.Struct, frozen=True):
    """What is here of one object, in GET /v1/status?bucket=&key=."""

    held: int
    """Bytes."""
    size: int
    pinned: bool
    checked: float | None = None
