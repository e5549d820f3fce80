"""What is in the cache: found by name in memory, kept in the index file, limited in size.

A look-up is a dict; only what was not used lately is read from its row. Changes are written behind
the answer: a crash loses the newest, so a file that no row names is swept away at the start, and a
row is believed as far as the checksums of its blocks go.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from s3d.agent.storage.blobs import INLINE, Blobs
from s3d.agent.storage.blocks import crc
from s3d.agent.storage.index import Index
from s3d.agent.storage.record_cache import LRUCache
from s3d.agent.storage.stray_blobs import sweep
from s3d.agent.stores.read_cache import catalog_rows
from s3d.agent.stores.read_cache.catalog_rows import EntryRows
from s3d.agent.stores.read_cache.entry import Entry
from s3d.agent.stores.read_cache.s3_fifo import Fifo, Retention

logger = logging.getLogger(__name__)

_HOT = 8_192
"""Entries that are kept ready to be answered from."""
_HOT_DATA = 16 << 20
"""Bytes of small bodies that are kept in memory."""
_PAGE = 4 << 10
"""Bytes of a page of the index and of a block of the file system."""
_ROW = 512
"""Bytes of a row without what it holds; generous."""
_SLACK = 32 << 20
"""Bytes of the limit that are left for the log of the index."""
_SLICE = 200
"""Entries that go before others may run: this takes some milliseconds of the loop."""
_FLOOR, _FLOOR_SHARE = 5 << 30, 0.1
"""No fill leaves less of the disk free than the smaller of these."""


@dataclass(frozen=True, slots=True)
class Limits:
    """size: bytes on the disk; files: entries."""

    size: int = 10 << 30
    files: int = 100_000

    @property
    def room(self) -> int:
        """Bytes for entries."""
        return self.size - min(_SLACK, self.size // 8)


class Catalog:
    """The entries. Belongs to the loop."""

    def __init__(
        self, index: Index, blobs: Blobs, limits: Limits, distrust: float | None = None
    ) -> None:
        """Reads what an earlier run has left. distrust: EXPIRED or UNPROVEN for all of that.
        Raises index.DAMAGE."""
        self.limits = limits
        self.index = index
        self.blobs = blobs
        self.is_pinned: Callable[[str, str], bool] = lambda bucket, key: False
        """Whether a bucket and key must stay."""
        self.on_evicted: Callable[[int], None] = lambda size: None
        self._fifo = Fifo()
        self._slots: dict[str, int] = {}
        self._names: list[str] = []
        self._blobs = array("q")
        self._hot: LRUCache[str, Entry] = LRUCache(_HOT, lambda _: 1)
        self._data: LRUCache[int, bytes] = LRUCache(_HOT_DATA, len)
        self._busy: dict[str, list[Entry]] = {}
        self._reserved = 0
        self.rows = EntryRows(index, distrust)
        self._load()

    # What is there

    @property
    def used(self) -> int:
        """Bytes on the disk, and those that fills under way have claimed."""
        return self._fifo.size + self._reserved

    @property
    def count(self) -> int:
        return self._fifo.count

    def get(self, bucket: str, key: str) -> Entry | None:
        """The entry, which counts as a use."""
        entry = self.peek(bucket, key)
        if entry is not None:
            self._fifo.touch(entry.slot)
        return entry

    def peek(self, bucket: str, key: str) -> Entry | None:
        """The entry, without a use."""
        name = f"{bucket}/{key}"
        entry = self._hot.get(name)
        if entry is not None:
            return entry
        slot = self._slots.get(name)
        if slot is None:
            return None
        entry = self._busy[name][-1] if name in self._busy else self.rows.read(self._blobs[slot])
        if entry is None or entry.name != (bucket, key):
            self._leave(name, slot)
            return None
        entry.slot = slot
        self._hot.put(name, entry)
        return entry

    def data(self, entry: Entry) -> bytes | None:
        """The bytes of a small object, found right; None when they are not."""
        if not entry.size:
            return b""
        data = self._data.get(entry.blob)
        if data is not None:
            return data
        data = self.rows.body(entry.blob)
        if data is None or len(data) != entry.size or crc(data) != entry.sums[0]:
            return None
        self._data.put(entry.blob, data)
        return data

    def cool(self, entry: Entry) -> None:
        """Read its bytes from the disk the next time."""
        self._data.forget(entry.blob)

    @property
    def has_room(self) -> bool:
        """Whether the disk has any for the cache."""
        return self._disk_has(0)

    def names(self, bucket: str = "", prefix: str = "") -> Iterator[tuple[str, str]]:
        """(bucket, key) of the entries of a bucket whose keys begin so; of all buckets for ""."""
        begin = f"{bucket}/{prefix}" if bucket else ""
        for name in [name for name in self._slots if name.startswith(begin)]:
            found, _, key = name.partition("/")
            yield found, key

    def note_seen(self, bucket: str, key: str, seen: bytearray) -> None:
        """Note in seen, by its place here, that the entry was seen, if there is one."""
        slot = self._slots.get(f"{bucket}/{key}", -1)
        if slot >= len(seen):
            seen.extend(bytes(slot + 1 - len(seen)))
        if slot >= 0:
            seen[slot] = 1

    def unseen_keys(self, bucket: str, prefix: str, seen: bytearray, blob: int) -> list[str]:
        """The keys that begin so of the entries that are older than blob and not marked."""
        begin = f"{bucket}/{prefix}"
        return [
            name.partition("/")[2]
            for name, slot in self._slots.items()
            if name.startswith(begin) and self._blobs[slot] < blob
            if slot >= len(seen) or not seen[slot]
        ]

    # What comes

    def room_for(self, size: int) -> bool:
        """Make room for so many bytes of one more entry; False when there is none to be had."""
        if size > self.limits.room or not self._disk_has(size):
            return False
        while self._is_full(size):
            slot = self._fifo.evict(self._retention)
            if slot is None:
                return False
            self._evicted(slot)
        return True

    def pins_changed(self) -> None:
        """is_pinned has other answers now."""
        self._fifo.pins_changed()

    async def free(self, size: int) -> None:
        """Evict what room_for() would, and let others run meanwhile."""
        for number in itertools.count(1):
            if size > self.limits.room or not self._is_full(size):
                return
            slot = self._fifo.evict(self._retention)
            if slot is None:
                return
            self._evicted(slot)
            if not number % _SLICE:
                await asyncio.sleep(0)

    def _is_full(self, size: int) -> bool:
        return self.used + size > self.limits.room or self.count >= self.limits.files

    def claim(self, size: int) -> bool:
        """Room for bytes to come; unclaim() them when they are there, or will not be."""
        if not self.room_for(size):
            return False
        self._reserved += size
        return True

    def unclaim(self, size: int) -> None:
        self._reserved -= size

    def add(self, entry: Entry, data: bytes | None = None) -> None:
        """Enter a new entry in the place of any other of its name. data: all of a small object."""
        self.forget(entry.bucket, entry.key)
        name = _name(entry)
        entry.slot = slot = self._fifo.add(weight(entry), hash(name))
        self._enter(slot, name, entry.blob)
        self._hot.put(name, entry)
        if data is not None:
            self._data.put(entry.blob, data)
        self.rows.save(entry, data)

    def update(self, entry: Entry) -> None:
        """It has other blocks now, or something else was said of it."""
        if entry.superseded or entry.slot < 0:
            return
        self._fifo.resize(entry.slot, weight(entry))
        self.rows.save(entry)

    def begin(self, entry: Entry) -> None:
        """Bytes are on their way into it: there must be no second Entry of it, nor an eviction."""
        self._busy.setdefault(_name(entry), []).append(entry)

    def end(self, entry: Entry) -> None:
        name = _name(entry)
        self._busy[name].remove(entry)
        if not self._busy[name]:
            del self._busy[name]
        if entry.superseded and not self._is_busy(entry):
            self.blobs.remove([entry.blob])

    # What goes

    def forget(self, bucket: str, key: str) -> bool:
        """It is wrong, or not wanted any more; False when it is not there."""
        name = f"{bucket}/{key}"
        slot = self._slots.get(name)
        if slot is None:
            return False
        self._fifo.drop(slot)
        self._leave(name, slot)
        return True

    def forget_all(self, bucket: str = "", prefix: str = "") -> int:
        """All whose keys begin so; how many there were."""
        return sum([self.forget(*name) for name in self.names(bucket, prefix)])

    async def clear(self, bucket: str = "", prefix: str = "") -> int:
        """The same, and let others run meanwhile."""
        count = 0
        for number, name in enumerate(self.names(bucket, prefix), 1):
            count += self.forget(*name)
            if not number % _SLICE:
                await asyncio.sleep(0)
        return count

    async def resized(self, **changes: int) -> None:
        """Other limits from now on, which are made to hold, if they can."""
        self.limits = replace(self.limits, **changes)
        await self.free(0)

    async def sweep(self) -> int:
        """Remove files of earlier runs that no entry names; how many there were."""

        async def referenced(blobs: list[int]) -> set[int]:
            return await self.index.read_in_thread(partial(catalog_rows.known, blobs=blobs))

        return await sweep(self.blobs, referenced)

    def _load(self) -> None:
        for blob, bucket, key, held, size in self.index.read_inline(catalog_rows.names):
            name = f"{bucket}/{key.decode()}"
            old = self._slots.get(name)
            if old is not None:  # a crash came between its end and the beginning of this one
                self._fifo.drop(old)
                self._leave(name, old)
            slot = self._fifo.add(_weight(held, size), hash(name), known=True)
            self._enter(slot, name, blob)
        self.blobs.reserve_ids_above(self.index.read_inline(catalog_rows.highest))

    def _enter(self, slot: int, name: str, blob: int) -> None:
        while len(self._names) <= slot:
            self._names.append("")
            self._blobs.append(0)
        self._slots[name] = slot
        self._names[slot] = name
        self._blobs[slot] = blob

    def _leave(self, name: str, slot: int) -> None:
        """Take it out of everything but the queues."""
        entry, unsaved = self._hot.get(name), self.rows.unsaved(self._blobs[slot])
        busy = self._busy.get(name, ())
        for each in (entry, unsaved, *busy):
            if each is not None and each.blob == self._blobs[slot]:
                each.superseded, each.slot = True, -1
        self._hot.forget(name)
        del self._slots[name]
        blob = self._blobs[slot]
        self._names[slot] = ""
        self._data.forget(blob)
        self.rows.drop(partial(catalog_rows.drop, blobs=[blob]))
        if not any(each.blob == blob for each in busy):
            self.blobs.remove([blob])

    def _evicted(self, slot: int) -> None:
        name = self._names[slot]
        logger.debug("evicted name=%s", name)
        self.on_evicted(1)
        self._leave(name, slot)

    def _retention(self, slot: int) -> Retention:
        name = self._names[slot]
        if name in self._busy or self.blobs.is_leased(self._blobs[slot]):
            return Retention.IN_USE
        bucket, _, key = name.partition("/")
        return Retention.PINNED if self.is_pinned(bucket, key) else Retention.NO

    def _is_busy(self, entry: Entry) -> bool:
        return any(each.blob == entry.blob for each in self._busy.get(_name(entry), ()))

    def _disk_has(self, size: int) -> bool:
        try:
            return self.blobs.disk.has_free(size, _FLOOR, _FLOOR_SHARE)
        except OSError:
            return False


def weight(entry: Entry) -> int:
    """Bytes that it takes on the disk."""
    return _weight(entry.held, entry.size)


def _weight(held: int, size: int) -> int:
    if size <= INLINE:
        return size + _ROW if size < _PAGE // 2 else -(-(size + _ROW) // _PAGE) * _PAGE
    return -(-held // _PAGE) * _PAGE + _ROW


def _name(entry: Entry) -> str:
    return f"{entry.bucket}/{entry.key}"
