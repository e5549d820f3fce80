"""The tables of the cache, in an index file of its own: their statements, and nothing else.

entries   one row an object: blob names its file, or its row in data. bits: which blocks are
          here, NULL for all; sums: CRC32C of each block, 0 where it is not here.
bodies    the bytes of small objects, which get no file.
pages     answers to listings, compressed.
changes   what writes have made of keys since pages were given.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from s3d.agent.storage.blocks import block_count, mask
from s3d.agent.storage.index import DAMAGE, Index, Tables
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.read_cache.catalog.entry import AFTER_POWER_CUT, Entry

logger = logging.getLogger(__name__)

_CHANGES = """
CREATE TABLE IF NOT EXISTS changes(bucket TEXT, key BLOB, seq INTEGER NOT NULL,
    change BLOB NOT NULL, PRIMARY KEY(bucket, key)) WITHOUT ROWID;
"""

TABLES = Tables(
    """
CREATE TABLE entries(blob INTEGER PRIMARY KEY, bucket TEXT NOT NULL, key BLOB NOT NULL,
    size INTEGER NOT NULL, held INTEGER NOT NULL, checked REAL NOT NULL, said BLOB NOT NULL,
    bits BLOB, sums BLOB NOT NULL);
CREATE INDEX entry_names ON entries(bucket, key);
CREATE TABLE bodies(blob INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE pages(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE,
    bucket TEXT NOT NULL, page BLOB NOT NULL);
"""
    + _CHANGES,
    layout=1,
)
"""For Index.open."""

PAGES = 512
"""Maximum number of stored pages of listings."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, Any]).decode


def names(reader: Reader) -> Iterator[tuple[int, str, bytes, int, int]]:
    """blob, bucket, key, held bytes and size of all entries, those that came first at first."""
    query = "SELECT blob, bucket, key, held, size FROM entries ORDER BY blob"
    found: Iterator[tuple[int, str, bytes, int, int]] = reader.select(query, ())
    return found


def find(reader: Reader, blob: int) -> Entry | None:
    """The entry; None when it has no row."""
    query = "SELECT bucket, key, size, checked, said, bits, sums FROM entries WHERE blob = ?"
    row = reader.select(query, (blob,)).fetchone()
    if row is None:
        return None
    bucket, key, size, checked, members, bits, sums = row
    entry = Entry((bucket, key.decode()), _decode(members), size, blob, checked)
    entry.sums = array("I", sums)
    entry.present = mask(0, block_count(size)) if bits is None else int.from_bytes(bits, "little")
    return entry


def body(reader: Reader, blob: int) -> bytes | None:
    """The bytes of a small object; None when they have no row."""
    row = reader.select("SELECT data FROM bodies WHERE blob = ?", (blob,)).fetchone()
    return None if row is None else bytes(row[0])


def known(reader: Reader, blobs: list[int]) -> set[int]:
    """Return the blobs of a list that an entry references."""
    query = "SELECT 1 FROM entries WHERE blob = ?"
    return {blob for blob in blobs if reader.select(query, (blob,)).fetchone() is not None}


def highest(reader: Reader) -> int:
    """The highest blob number, 0 without entries."""
    return int(reader.select("SELECT COALESCE(MAX(blob), 0) FROM entries", ()).fetchone()[0])


def row_of(entry: Entry) -> tuple[Any, ...]:
    """A snapshot of the entry for save()."""
    bits = None if entry.is_whole else entry.present.to_bytes(len(entry.sums) // 8 + 1, "little")
    members = _encode({**entry.output, **entry.checksums})
    place = entry.blob, entry.bucket, entry.key.encode(), entry.size
    return (*place, entry.held, entry.checked, members, bits, entry.sums.tobytes())


def save(tx: Transaction, row: tuple[Any, ...], data: bytes | None = None) -> None:
    """Insert or replace the row of an entry. data: the body of a small object."""
    tx.run("REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    if data is not None:
        tx.run("REPLACE INTO bodies VALUES (?, ?)", (row[0], data))


def drop(tx: Transaction, blobs: list[int]) -> None:
    """Delete the rows of these entries, with the bodies of small ones."""
    for blob in blobs:
        tx.run("DELETE FROM entries WHERE blob = ?", (blob,))
        tx.run("DELETE FROM bodies WHERE blob = ?", (blob,))


def mark_after_stop(tx: Transaction, checked: float) -> None:
    """Set checked of all entries to AFTER_KILL or AFTER_POWER_CUT, which also drops all pages.

    Entries that are AFTER_POWER_CUT or UNCHECKED already stay so.
    """
    tx.run(_CHANGES, ())  # A file of the first layout has none.
    if checked == AFTER_POWER_CUT:
        tx.run("UPDATE entries SET checked = ?", (checked,))
        tx.run("DELETE FROM pages", ())
        tx.run("DELETE FROM changes", ())
    else:
        tx.run("UPDATE entries SET checked = ? WHERE checked > 0", (checked,))


def page(reader: Reader, name: str) -> bytes | None:
    """The stored page of a listing."""
    row = reader.select("SELECT page FROM pages WHERE name = ?", (name,)).fetchone()
    return None if row is None else zlib.decompress(row[0])


def pages(reader: Reader, bucket: str) -> Iterator[bytes]:
    """All pages of a bucket, the oldest first."""
    query = "SELECT page FROM pages WHERE bucket = ? ORDER BY id"
    return (zlib.decompress(page) for (page,) in reader.select(query, (bucket,)))


def listed(reader: Reader) -> set[str]:
    """The buckets of which there are pages; "" for the list of buckets itself."""
    return {bucket for (bucket,) in reader.select("SELECT DISTINCT bucket FROM pages", ())}


def save_page(tx: Transaction, row: tuple[str, str, bytes]) -> None:
    """Store (name, bucket, page), and delete the oldest page beyond the limit."""
    name, bucket, page = row
    values = name, bucket, zlib.compress(page, 1)
    tx.run("REPLACE INTO pages(name, bucket, page) VALUES (?, ?, ?)", values)
    tx.run("DELETE FROM pages WHERE id <= (SELECT MAX(id) FROM pages) - ?", (PAGES,))


def drop_pages(tx: Transaction, bucket: str) -> None:
    """Forget those of a bucket, or the list of buckets, and what has changed since."""
    tx.run("DELETE FROM pages WHERE bucket = ?", (bucket,))
    drop_changes(tx, bucket, 1 << 62)


def save_change(tx: Transaction, row: tuple[str, str, int, bytes]) -> None:
    """Store (bucket, key, seq, change): the effect of a write on a key of a listing."""
    bucket, key, seq, change = row
    tx.run("REPLACE INTO changes VALUES (?, ?, ?, ?)", (bucket, key.encode(), seq, change))


def drop_changes(tx: Transaction, bucket: str, seq: int) -> None:
    """Delete the changes of a bucket up to a seq. The highest stays, so that seq only grows."""
    newest = "(SELECT MAX(seq) FROM changes)"
    tx.run(f"DELETE FROM changes WHERE bucket = ? AND seq <= ? AND seq < {newest}", (bucket, seq))


def changes(reader: Reader, bucket: str) -> Iterator[tuple[int, bytes]]:
    """(seq, change) of a bucket, the oldest first."""
    query = "SELECT seq, change FROM changes WHERE bucket = ? ORDER BY seq"
    return ((seq, bytes(change)) for seq, change in reader.select(query, (bucket,)))


def highest_change(reader: Reader) -> int:
    """The highest seq, 0 without changes."""
    return int(reader.select("SELECT COALESCE(MAX(seq), 0) FROM changes", ()).fetchone()[0])


@dataclass(slots=True)
class _Unsaved:
    """An entry whose row is not committed yet. data: the body of a small object, when it is new."""

    entry: Entry
    data: bytes | None
    saves: int = 0
    """Number of commits in progress."""


class EntryRows:
    """Belongs to the loop."""

    def __init__(self, index: Index, distrust: float | None) -> None:
        """distrust: AFTER_KILL or AFTER_POWER_CUT for all rows that are there."""
        self.on_row_left: Callable[[], None] = lambda: None
        """Deleting the row of a forgotten entry has failed."""
        self._index = index
        self._unsaved: dict[int, _Unsaved] = {}
        """By blob, the entries whose rows are not committed yet."""
        self._dropping: asyncio.Future[Any] | None = None
        """The last of the rows that go."""
        self._distrust = distrust
        if distrust is not None:
            distrusted = index.post(partial(mark_after_stop, checked=distrust))
            distrusted.add_done_callback(self._distrusted)

    @property
    def is_after_power_cut(self) -> bool:
        """Whether the tables may lack their newest changes and are not marked so yet."""
        return self._distrust == AFTER_POWER_CUT

    def unsaved(self, blob: int) -> Entry | None:
        """The entry, if its row is not written yet."""
        unsaved = self._unsaved.get(blob)
        return None if unsaved is None else unsaved.entry

    def read(self, blob: int) -> Entry | None:
        """The entry as its committed or pending row describes it; None without a row."""
        unsaved = self.unsaved(blob)
        if unsaved is not None:
            return unsaved
        try:
            entry = self._index.read_inline(lambda reader: find(reader, blob))
        except DAMAGE as error:
            _damaged(error)
            return None
        distrust = self._distrust  # Its row does not say so yet.
        if entry and distrust is not None and (entry.checked > 0.0 or distrust == AFTER_POWER_CUT):
            entry.checked = distrust
        return entry

    def body(self, blob: int) -> bytes | None:
        """The bytes of a small object."""
        unsaved = self._unsaved.get(blob)
        if unsaved is not None and unsaved.data is not None:
            return unsaved.data
        try:
            return self._index.read_inline(lambda reader: body(reader, blob))
        except DAMAGE as error:
            _damaged(error)
            return None

    def save(self, entry: Entry, data: bytes | None = None) -> None:
        """Write the row of an entry. data: the body of a small object, when it is new."""
        unsaved = self._unsaved.setdefault(entry.blob, _Unsaved(entry, data))
        unsaved.saves += 1
        action = partial(save, row=row_of(entry), data=data)
        saved = self._index.post(action)
        saved.add_done_callback(log_failed_save)
        saved.add_done_callback(lambda _: self._is_saved(unsaved))

    def drop(self, action: Callable[[Transaction], Any]) -> None:
        """Delete rows of outdated entries; forgotten() waits for the commit."""
        self._dropping = self._index.post(action)
        self._dropping.add_done_callback(self._dropped)

    async def forgotten(self) -> None:
        """Return when the deletions of all forgotten entries are committed."""
        if self._dropping is not None and not self._dropping.done():
            await asyncio.wait((self._dropping,))

    async def committed(self) -> None:
        """Return when the rows are as the entries are now. Raises S3Error."""
        await self._index.write(lambda tx: None)

    def _is_saved(self, unsaved: _Unsaved) -> None:
        unsaved.saves -= 1
        if not unsaved.saves:
            self._unsaved.pop(unsaved.entry.blob, None)

    def _dropped(self, saved: asyncio.Future[Any]) -> None:
        log_failed_save(saved)
        if saved.cancelled() or saved.exception() is not None:
            self.on_row_left()

    def _distrusted(self, saved: asyncio.Future[Any]) -> None:
        self._dropped(saved)
        if not saved.cancelled() and saved.exception() is None:
            self._distrust = None


def log_failed_save(saved: asyncio.Future[Any]) -> None:
    """Log that a row could not be written."""
    if not saved.cancelled() and (error := saved.exception()) is not None:
        logger.warning("cannot commit rows of the cache: %s", error)


def _damaged(error: Exception) -> None:
    logger.error("the index of the cache is damaged and is rebuilt: %s", error)
