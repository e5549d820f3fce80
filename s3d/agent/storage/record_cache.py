"""Hot records and small bodies in memory, in front of the index. Belongs to the event loop."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from s3d.agent.storage.records import BucketRecord, Stored

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_RECORDS = 8_192
"""Maximum weight of the cached objects: one for each, and one for each further extent and part."""
_DATA = 8 << 20
"""Maximum bytes of cached small bodies."""


class LRUCache(Generic[K, V]):
    """A dict of bounded weight; what was not used for longest goes first."""

    def __init__(self, limit: int, weigh: Callable[[V], int]) -> None:
        self._limit = limit
        self._weigh = weigh
        self._weight = 0
        self._entries: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._entries[key] = entry
        return entry

    def put(self, key: K, value: V) -> None:
        self.forget(key)
        self._entries[key] = value
        self._weight += self._weigh(value)
        while self._weight > self._limit:
            self.forget(next(iter(self._entries)))

    def forget(self, key: K) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._weight -= self._weigh(entry)

    def clear(self) -> None:
        self._entries.clear()
        self._weight = 0


class RecordCache:
    """Cached records of the committed state, until a commit changes them."""

    def __init__(self) -> None:
        self.buckets: dict[str, BucketRecord] = {}
        self.objects: LRUCache[tuple[str, bytes], Stored] = LRUCache(_RECORDS, _weigh)
        self.of_buckets: list[dict[str, Any]] = []
        """Values made of the record and the settings of a bucket, by its name; one dict for each
        kind of value. All are dropped when the record or a setting changes."""
        self.data: LRUCache[int, bytes] = LRUCache(_DATA, len)
        """By blob; a blob never changes, so these go for want of room only."""

    def forget_bucket(self, name: str) -> None:
        """Drop what its record and its settings have made."""
        self.buckets.pop(name, None)
        for known in self.of_buckets:
            known.pop(name, None)

    def clear(self) -> None:
        """Drop all cached records that may be outdated."""
        self.buckets.clear()
        for known in self.of_buckets:
            known.clear()
        self.objects.clear()


def _weigh(stored: Stored) -> int:
    return max(1, len(stored.layout.extents)) + len(stored.layout.parts)
