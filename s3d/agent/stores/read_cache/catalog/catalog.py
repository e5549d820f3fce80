"""The entries of the cache: looked up in memory, stored in the index file, limited in size.

A look-up is one dict access; only entries that were not used recently are read from their rows.
Rows are written after the response is sent, so a crash loses the newest ones. Files without a row
are therefore removed at the start, and a row is trusted only as far as the checksums of its blocks
verify.
"""

from __future__ import annotations

import asyncio
import logging
from array import array
from collections.abc import Callable, Iterator
from functools import partial

from cachetools import LRUCache

from s3d.agent.storage.blobs import INLINE, Blobs
from s3d.agent.storage.blocks import crc
from s3d.agent.storage.index import Index
from s3d.agent.storage.stray_blobs import sweep
from s3d.agent.stores.read_cache.catalog import catalog_rows
from s3d.agent.stores.read_cache.catalog.cache_room import SLICE, CacheRoom, Limits
from s3d.agent.stores.read_cache.catalog.catalog_rows import EntryRows
from s3d.agent.stores.read_cache.catalog.entry import Entry
from s3d.agent.stores.read_cache.catalog.s3_fifo import Fifo, Retention

logger = logging.getLogger(__name__)

_HOT = 8_192
"""Maximum number of entries that are held in memory."""
_HOT_DATA = 16 << 20
"""Maximum bytes of small bodies that are held in memory."""
_PAGE = 4 << 10
"""Bytes of a page of the index and of a block of the file system."""
_ROW = 512
"""Bytes of a row without its variable columns; a generous estimate."""


class EntryNames:
    """The slot of each entry in the queues, by its name BUCKET/KEY."""

    def __init__(self) -> None:
        self.slots: dict[str, int] = {}
        self.of_slot: list[str] = []
        """Slot -> name; "" for a slot that is free."""
        self.blobs = array("q")
        """Slot -> blob."""

    def of(self, bucket: str = "", prefix: str = "") -> Iterator[tuple[str, str]]:
        """(bucket, key) of the entries of a bucket whose keys begin so; of all buckets for ""."""
        begin = f"{bucket}/{prefix}" if bucket else ""
        for name in [name for name in self.slots if name.startswith(begin)]:
            found, _, key = name.partition("/")
            yield found, key

    def enter(self, slot: int, name: str, blob: int) -> None:
        while len(self.of_slot) <= slot:
            self.of_slot.append("")
            self.blobs.append(0)
        self.slots[name] = slot
        self.of_slot[slot] = name
        self.blobs[slot] = blob

    def note_seen(self, bucket: str, key: str, seen: bytearray) -> None:
        """Note in seen, by its slot, that the entry was seen, if there is one."""
        slot = self.slots.get(f"{bucket}/{key}", -1)
        if slot >= len(seen):
            seen.extend(bytes(slot + 1 - len(seen)))
        if slot >= 0:
            seen[slot] = 1

    def unseen_keys(self, bucket: str, prefix: str, seen: bytearray, blob: int) -> list[str]:
        """The keys with this prefix of entries that are older than blob and were not seen."""
        begin = f"{bucket}/{prefix}"
        return [
            name.partition("/")[2]
            for name, slot in self.slots.items()
            if name.startswith(begin) and self.blobs[slot] < blob
            if slot >= len(seen) or not seen[slot]
        ]


class Catalog:
    """The entries. Belongs to the loop."""

    def __init__(
        self, index: Index, blobs: Blobs, limits: Limits, distrust: float | None = None
    ) -> None:
        """Read the entries of earlier runs. distrust: AFTER_KILL or AFTER_POWER_CUT for all of
        them. Raises index.DAMAGE."""
        self.index = index
        self.blobs = blobs
        self.is_pinned: Callable[[str, str], bool] = lambda bucket, key: False
        """Whether the entry of a bucket and key must not be evicted."""
        self.on_evicted: Callable[[int], None] = lambda size: None
        self.note: Callable[[str, str], None] = lambda what, name: None
        """Called with "cached" or "evicted", and BUCKET/KEY."""
        self._fifo = Fifo()
        self.room = CacheRoom(
            self._fifo, limits, blobs.disk, retention=self._retention, evicted=self._evicted
        )
        self.names = EntryNames()
        self._hot: LRUCache[str, Entry] = LRUCache(_HOT)
        self._data: LRUCache[int, bytes] = LRUCache(_HOT_DATA, len)
        self._busy: dict[str, list[Entry]] = {}
        self.rows = EntryRows(index, distrust)
        self._load()

    # What is there

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
        try:
            return self._hot[name]  # get() takes half as long again
        except KeyError:
            slot = self.names.slots.get(name)
        if slot is None:
            return None
        entry = (
            self._busy[name][-1] if name in self._busy else self.rows.read(self.names.blobs[slot])
        )
        if entry is None or entry.name != (bucket, key):
            self._leave(name, slot)
            return None
        entry.slot = slot
        self._hot[name] = entry
        return entry

    def data(self, entry: Entry) -> bytes | None:
        """The verified bytes of a small object; None when they are damaged."""
        if not entry.size:
            return b""
        try:
            return self._data[entry.blob]
        except KeyError:
            data = self.rows.body(entry.blob)
        if data is None or len(data) != entry.size or crc(data) != entry.sums[0]:
            return None
        self._data[entry.blob] = data
        return data

    def cool(self, entry: Entry) -> None:
        """Drop the body of an entry from memory; the next read comes from the disk."""
        self._data.pop(entry.blob, None)

    # What comes

    def add(self, entry: Entry, data: bytes | None = None) -> None:
        """Add an entry, replacing any other of its name. data: the whole body of a small object."""
        self.forget(entry.bucket, entry.key)
        name = _name(entry)
        entry.slot = slot = self._fifo.add(weight(entry), hash(name))
        self.names.enter(slot, name, entry.blob)
        self._hot[name] = entry
        if data is not None:
            self._data[entry.blob] = data
        self.rows.save(entry, data)
        self.note("cached", name)

    def update(self, entry: Entry) -> None:
        """Save an entry whose blocks or members have changed."""
        if entry.superseded or entry.slot < 0:
            return
        self._fifo.resize(entry.slot, weight(entry))
        self.rows.save(entry)

    def begin(self, entry: Entry) -> None:
        """Protect an entry that is being filled from eviction and from a second Entry object."""
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
        """Drop an entry that is outdated or not needed; False when there is none."""
        name = f"{bucket}/{key}"
        slot = self.names.slots.get(name)
        if slot is None:
            return False
        self._fifo.drop(slot)
        self._leave(name, slot)
        return True

    def forget_all(self, bucket: str = "", prefix: str = "") -> int:
        """Forget all entries with this key prefix; return their number."""
        return sum([self.forget(*name) for name in self.names.of(bucket, prefix)])

    async def clear(self, bucket: str = "", prefix: str = "") -> int:
        """Forget all entries with this key prefix, and let other tasks run meanwhile; return their
        number."""
        count = 0
        for number, name in enumerate(self.names.of(bucket, prefix), 1):
            count += self.forget(*name)
            if not number % SLICE:
                await asyncio.sleep(0)
        return count

    async def sweep(self) -> int:
        """Remove files of earlier runs that no entry references; return their number."""

        async def referenced(blobs: list[int]) -> set[int]:
            return await self.index.read_in_thread(partial(catalog_rows.known, blobs=blobs))

        return await sweep(self.blobs, referenced)

    def _load(self) -> None:
        for blob, bucket, key, held, size in self.index.read_inline(catalog_rows.names):
            name = f"{bucket}/{key.decode()}"
            old = self.names.slots.get(name)
            if old is not None:  # a crash came between its end and the beginning of this one
                self._fifo.drop(old)
                self._leave(name, old)
            slot = self._fifo.add(_weight(held, size), hash(name), known=True)
            self.names.enter(slot, name, blob)
        self.blobs.reserve_ids_above(self.index.read_inline(catalog_rows.highest))

    def _leave(self, name: str, slot: int) -> None:
        """Remove an entry from everything but the queues."""
        entry, unsaved = self._hot.get(name), self.rows.unsaved(self.names.blobs[slot])
        busy = self._busy.get(name, ())
        for each in (entry, unsaved, *busy):
            if each is not None and each.blob == self.names.blobs[slot]:
                each.superseded, each.slot = True, -1
        self._hot.pop(name, None)
        del self.names.slots[name]
        blob = self.names.blobs[slot]
        self.names.of_slot[slot] = ""
        self._data.pop(blob, None)
        self.rows.drop(partial(catalog_rows.drop, blobs=[blob]))
        if not any(each.blob == blob for each in busy):
            self.blobs.remove([blob])

    def _evicted(self, slot: int) -> None:
        name = self.names.of_slot[slot]
        logger.debug("evicted name=%s", name)
        self.on_evicted(1)
        self.note("evicted", name)
        self._leave(name, slot)

    def _retention(self, slot: int) -> Retention:
        name = self.names.of_slot[slot]
        if name in self._busy or self.blobs.is_leased(self.names.blobs[slot]):
            return Retention.IN_USE
        bucket, _, key = name.partition("/")
        return Retention.PINNED if self.is_pinned(bucket, key) else Retention.NO

    def _is_busy(self, entry: Entry) -> bool:
        return any(each.blob == entry.blob for each in self._busy.get(_name(entry), ()))


def weight(entry: Entry) -> int:
    """Bytes that an entry takes on the disk."""
    return _weight(entry.held, entry.size)


def _weight(held: int, size: int) -> int:
    if size <= INLINE:
        return size + _ROW if size < _PAGE // 2 else -(-(size + _ROW) // _PAGE) * _PAGE
    return -(-held // _PAGE) * _PAGE + _ROW


def _name(entry: Entry) -> str:
    return f"{entry.bucket}/{entry.key}"
