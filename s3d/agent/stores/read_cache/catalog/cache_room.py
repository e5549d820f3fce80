"""The limits of the cache, and the eviction of entries when it exceeds them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

from s3d.agent.storage.disk import Disk
from s3d.agent.stores.read_cache.catalog.s3_fifo import Fifo, Retention

SLICE = 200
"""Maximum evictions in one call: these take some milliseconds of the loop."""
_SLACK = 32 << 20
"""Bytes of the limit that are reserved for the WAL file of the index."""
_FLOOR, _FLOOR_SHARE = 5 << 30, 0.1
"""Fills leave at least the smaller of these free on the disk."""


@dataclass(frozen=True, slots=True)
class Limits:
    """size: bytes on the disk; files: entries."""

    size: int = 10 << 30
    files: int = 100_000

    @property
    def room(self) -> int:
        """Bytes for entries."""
        return self.size - min(_SLACK, self.size // 8)


class CacheRoom:
    """The limits of the cache and of the disk, and eviction. Belongs to the loop."""

    def __init__(
        self,
        fifo: Fifo,
        limits: Limits,
        disk: Disk,
        *,
        retention: Callable[[int], Retention],
        evicted: Callable[[int], None],
    ) -> None:
        """retention: the Retention of the entry of a slot. evicted: called with the slot of
        each evicted entry."""
        self.limits = limits
        self._fifo = fifo
        self._disk = disk
        self._retention = retention
        self._evicted = evicted
        self._claimed = 0

    @property
    def used(self) -> int:
        """Bytes on the disk, and those that running fills have reserved."""
        return self._fifo.size + self._claimed

    @property
    def has_disk_room(self) -> bool:
        """Whether the disk has enough free space for the cache."""
        return self._disk_has(0)

    def make(self, size: int) -> bool:
        """Evict until one more entry of this size fits; False when that is impossible."""
        if size > self.limits.room or not self._disk_has(size):
            return False
        while self._is_full(size):
            slot = self._fifo.evict(self._retention)
            if slot is None:
                return False
            self._evicted(slot)
        return True

    async def make_slowly(self, size: int) -> None:
        """Like make(), but let other tasks run between evictions."""
        for number in itertools.count(1):
            if size > self.limits.room or not self._is_full(size):
                return
            slot = self._fifo.evict(self._retention)
            if slot is None:
                return
            self._evicted(slot)
            if not number % SLICE:
                await asyncio.sleep(0)

    def claim(self, size: int) -> bool:
        """Reserve room for a fill; call unclaim() when its bytes are stored, or the fill has
        failed."""
        if not self.make(size):
            return False
        self._claimed += size
        return True

    def unclaim(self, size: int) -> None:
        self._claimed -= size

    def pins_changed(self) -> None:
        """Entries that were pinned may be evicted now."""
        self._fifo.pins_changed()

    async def set_limits(self, **changes: int) -> None:
        """Replace limits, and evict down to them as far as that is possible."""
        self.limits = replace(self.limits, **changes)
        await self.make_slowly(0)

    def _is_full(self, size: int) -> bool:
        return self.used + size > self.limits.room or self._fifo.count >= self.limits.files

    def _disk_has(self, size: int) -> bool:
        try:
            return self._disk.has_free(size, _FLOOR, _FLOOR_SHARE)
        except OSError:
            return False
