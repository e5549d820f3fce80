"""A dictionary whose entries expire, each after a time of its own, and that has a limited size.

It is cachetools.TLRUCache with two additions: the clock is injected, and a value's time to live is
given when it is stored, because callers cache failures for a shorter time than answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from cachetools import TLRUCache

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class TTLCache(Generic[K, V]):
    """When it is full, the entry that was not used for longest makes room. Belongs to the loop."""

    def __init__(self, size: int, clock: Callable[[], float] = time.monotonic) -> None:
        """size: entries at most. clock: seconds, of any origin."""
        self._clock = clock
        self._entries: TLRUCache[K, tuple[float, V]] = TLRUCache(size, _expiry, timer=clock)
        self._is_unused = True
        """Nothing was ever stored, as in most of these caches: get() is cheap then."""

    def get(self, key: K) -> V | None:
        """The value, unless it has expired or was never stored."""
        if self._is_unused:
            return None
        entry = self._entries.get(key)
        return None if entry is None else entry[1]

    def put(self, key: K, value: V, ttl: float) -> None:
        """Store a value for so many seconds, in the place of an older one."""
        self._is_unused = False
        self._entries.pop(key, None)
        self._entries[key] = self._clock() + ttl, value

    def forget(self, key: K) -> None:
        """Remove one entry, if it is there."""
        self._entries.pop(key, None)

    def clear(self) -> None:
        """Remove all entries."""
        self._entries.clear()


def _expiry(key: K, entry: tuple[float, V], now: float) -> float:
    return entry[0]
