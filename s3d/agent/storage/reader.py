"""The queries of the index, each one SQL statement, and the hot records that need none.

A Reader is bound to one connection. Bucket names are str, keys are bytes (UTF-8), so that SQLite's
comparison of blobs (memcmp) is the order in which S3 lists keys.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cachetools import LRUCache

from s3d.agent.storage.blocks import StoredDataCorrupt, sums_of
from s3d.agent.storage.records import (
    NULL_VERSION,
    BucketRecord,
    Extent,
    ObjectRecord,
    ObjectRow,
    PartRecord,
    Remembered,
    Stored,
    StoreTotals,
    UploadRecord,
    decode_bucket,
    decode_layout,
    decode_object,
    decode_part,
    decode_row,
    decode_upload,
    seq_of,
)

Execute = Callable[[str, tuple[Any, ...]], Any]

_BEYOND = b"\xff"
"""Greater than any UTF-8."""
_NEWEST = (1 << 63) - 1
"""Above every seq: what is current comes before what is not."""
_RECORDS = 8_192
"""Maximum weight of the cached objects: one for each, and one for each further extent and part."""
_DATA = 8 << 20
"""Maximum bytes of cached small bodies."""


class RecordCache:
    """Records of the committed state in memory, until a commit changes them. Of the event loop."""

    def __init__(self) -> None:
        self.buckets: dict[str, BucketRecord] = {}
        self.objects: LRUCache[tuple[str, bytes], Stored] = LRUCache(_RECORDS, _weigh)
        self.of_buckets: list[dict[str, Any]] = []
        """Values made of the record and the settings of a bucket, by its name; one dict for each
        kind of value. All are dropped when the record or a setting changes."""
        self.data: LRUCache[int, bytes] = LRUCache(_DATA, len)
        """By blob; a blob never changes, so these go for want of room only."""

    def add(self, bucket: str, key: bytes, stored: Stored) -> None:
        """Cache the current version of a key, unless it is heavier than all the room."""
        if _weigh(stored) <= _RECORDS:
            self.objects[bucket, key] = stored

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


class Reader:
    """Reads the state as last committed; with a cache, hot answers come from memory."""

    def __init__(self, execute: Execute, cache: RecordCache | None = None) -> None:
        self._execute = execute
        self._cache = cache

    # Buckets

    def bucket(self, name: str) -> BucketRecord | None:
        cache = self._cache
        if cache is not None and (known := cache.buckets.get(name)) is not None:
            return known
        row = self._one("SELECT record FROM buckets WHERE name = ?", (name,))
        if row is None:
            return None
        record = decode_bucket(row[0])
        if cache is not None:
            cache.buckets[name] = record
        return record

    def buckets(self) -> list[BucketRecord]:
        """All, by name."""
        rows = self._execute("SELECT record FROM buckets ORDER BY name", ())
        return [decode_bucket(record) for (record,) in rows]

    def setting(self, bucket: str, name: str) -> bytes | None:
        row = self._one("SELECT value FROM settings WHERE bucket = ? AND name = ?", (bucket, name))
        return None if row is None else bytes(row[0])

    def settings(self, bucket: str) -> dict[str, bytes]:
        return dict(self._execute("SELECT name, value FROM settings WHERE bucket = ?", (bucket,)))

    def totals(self, bucket: str | None = None) -> StoreTotals:
        """Number and size of the objects of one bucket, or of all."""
        query = "SELECT COALESCE(SUM(objects), 0), COALESCE(SUM(size), 0) FROM totals"
        if bucket is None:
            return StoreTotals(*self._one(query, ()))
        return StoreTotals(*self._one(query + " WHERE bucket = ?", (bucket,)))

    def is_empty(self, bucket: str) -> bool:
        """True if the bucket has neither objects nor versions nor delete markers."""
        query = """SELECT EXISTS(SELECT 1 FROM objects WHERE bucket = ?)
                       OR EXISTS(SELECT 1 FROM versions WHERE bucket = ?)"""
        return not self._one(query, (bucket, bucket))[0]

    # Objects

    def object(self, bucket: str, key: bytes) -> ObjectRecord | None:
        """The current version; None when there is none or when it is a delete marker."""
        stored = self.current(bucket, key)
        return None if stored is None else stored.record

    def current(self, bucket: str, key: bytes) -> Stored | None:
        """The current version with the place of its bytes; None as for object()."""
        cache = self._cache
        if cache is not None:
            try:
                return cache.objects[bucket, key]  # get() takes half as long again
            except KeyError:
                pass
        row = self._one(
            "SELECT record, layout FROM objects WHERE bucket = ? AND key = ?", (bucket, key)
        )
        if row is None:
            return None
        stored = _stored(*row)
        if cache is not None:
            stored = Remembered(*stored)
            cache.add(bucket, key, stored)
        return stored

    def version(self, bucket: str, key: bytes, version_id: str) -> Stored | None:
        """The version or delete marker of that id, current or not."""
        current = self.current(bucket, key)
        if current is not None and current.record.version_id == version_id:
            return current
        if version_id == NULL_VERSION:
            row = self._one(
                "SELECT record, layout FROM versions WHERE bucket = ? AND key = ? AND is_null",
                (bucket, key),
            )
        else:
            row = self._one(
                """SELECT record, layout FROM versions
                   WHERE bucket = ? AND key = ? AND seq = ? AND NOT is_null""",
                (bucket, key, seq_of(version_id)),
            )
        return None if row is None else _stored(*row)

    def newest_version(self, bucket: str, key: bytes) -> Stored | None:
        """The newest of those that are not current; when nothing is, a marker stands before it."""
        row = self._one(
            """SELECT record, layout FROM versions
               WHERE bucket = ? AND key = ? ORDER BY seq DESC LIMIT 1""",
            (bucket, key),
        )
        return None if row is None else _stored(*row)

    def page(
        self, bucket: str, prefix: bytes, after: bytes, limit: int, *, whole: bool = False
    ) -> Sequence[ObjectRow]:
        """Current objects whose keys have the prefix and are greater than after, in order.

        whole: whether each row is a complete ObjectRecord, which takes longer.
        """
        decode = decode_object if whole else decode_row
        rows = self._execute(
            """SELECT record FROM objects WHERE bucket = ? AND key > ? AND key >= ? AND key < ?
               ORDER BY key LIMIT ?""",
            (bucket, after, prefix, prefix + _BEYOND, limit),
        )
        return [decode(record) for (record,) in rows]

    def version_page(
        self,
        bucket: str,
        prefix: bytes,
        after: tuple[bytes, int],
        limit: int,
        *,
        whole: bool = False,
    ) -> list[tuple[ObjectRow, bool]]:
        """Versions and markers with True for the latest of their key: by key, newest first.

        after: key and seq of the last one known; seq 0 stands behind all versions of that key.
        whole: as for page().
        """
        decode = decode_object if whole else decode_row
        key, seq = after
        end = prefix + _BEYOND
        beyond = (bucket, key, prefix, end, limit)
        rows: list[tuple[bytes, int, bytes]] = [
            *self._execute(
                """SELECT key, -seq, record FROM versions
                   WHERE bucket = ? AND key = ? AND seq < ? AND key >= ? AND key < ?
                   ORDER BY seq DESC LIMIT ?""",
                (bucket, key, seq, prefix, end, limit),
            ),
            *self._execute(
                f"""SELECT key, {-_NEWEST}, record FROM objects
                   WHERE bucket = ? AND key > ? AND key >= ? AND key < ? ORDER BY key LIMIT ?""",
                beyond,
            ),
            *self._execute(
                """SELECT key, -seq, record FROM versions
                   WHERE bucket = ? AND key > ? AND key >= ? AND key < ?
                   ORDER BY key, seq DESC LIMIT ?""",
                beyond,
            ),
        ]
        current = self._one(
            "SELECT record FROM objects WHERE bucket = ? AND key = ?", (bucket, key)
        )
        # The last one known was removed if an older one is current now: that one is not known yet.
        if current is not None and key.startswith(prefix) and decode(current[0]).seq < seq:
            rows.append((key, -_NEWEST, current[0]))
        rows.sort(key=lambda row: row[:2])
        return _with_latest(rows[:limit], key, decode)

    # Multipart uploads

    def upload(self, bucket: str, key: bytes, upload_id: str) -> UploadRecord | None:
        row = self._one(
            "SELECT record FROM uploads WHERE bucket = ? AND key = ? AND id = ?",
            (bucket, key, upload_id),
        )
        return None if row is None else decode_upload(row[0])

    def upload_page(
        self, bucket: str, prefix: bytes, after: tuple[bytes, str], limit: int
    ) -> list[UploadRecord]:
        """Uploads greater than after, by key and then in the order of their beginning."""
        rows = self._execute(
            """SELECT record FROM uploads
               WHERE bucket = ? AND (key, id) > (?, ?) AND key >= ? AND key < ?
               ORDER BY key, id LIMIT ?""",
            (bucket, *after, prefix, prefix + _BEYOND, limit),
        )
        return [decode_upload(record) for (record,) in rows]

    def parts(self, upload_id: str, after: int = 0, limit: int = -1) -> list[PartRecord]:
        """Parts by number, beginning behind after."""
        rows = self._execute(
            "SELECT record FROM parts WHERE upload = ? AND number > ? ORDER BY number LIMIT ?",
            (upload_id, after, limit),
        )
        return [decode_part(record) for (record,) in rows]

    def part(self, upload_id: str, number: int) -> PartRecord | None:
        row = self._one(
            "SELECT record FROM parts WHERE upload = ? AND number = ?", (upload_id, number)
        )
        return None if row is None else decode_part(row[0])

    # Blobs

    def data(self, extent: Extent) -> bytes | None:
        """The bytes of a blob that lies in the index; None when it does not.

        Checked whenever they come from the disk. Raises StoredDataCorrupt.
        """
        cache, blob = self._cache, extent.blob
        if cache is not None:
            try:
                return cache.data[blob]
            except KeyError:
                pass
        row = self._one("SELECT data FROM blobs WHERE id = ?", (blob,))
        data: bytes | None = None if row is None else row[0]
        if data is not None and extent.sums and sums_of(data) != extent.sums:
            raise StoredDataCorrupt("its row does not have its checksum")
        if data is not None and cache is not None:
            cache.data[blob] = data
        return data

    # Further tables

    def select(self, query: str, arguments: tuple[Any, ...]) -> Any:
        """Query a further table (index.Tables); return the cursor."""
        return self._execute(query, arguments)

    def _one(self, query: str, arguments: tuple[Any, ...]) -> Any:
        return self._execute(query, arguments).fetchone()


def highest_blob(reader: Reader) -> int:
    """The highest id of a blob in use, 0 when there is none."""
    return int(reader.select("SELECT COALESCE(MAX(id), 0) FROM blobs", ()).fetchone()[0])


def has_snapshots(reader: Reader) -> bool:
    """Whether a snapshot was ever made in this index (snapshots.py)."""
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'snapshots'"
    return reader.select(query, ()).fetchone() is not None


def known_blobs(reader: Reader, ids: list[int]) -> set[int]:
    """Return the ids of a list that a row names."""
    query = "SELECT 1 FROM blobs WHERE id = ?"
    return {blob for blob in ids if reader.select(query, (blob,)).fetchone() is not None}


def _weigh(stored: Stored) -> int:
    return max(1, len(stored.layout.extents)) + len(stored.layout.parts)


def _stored(record: bytes, layout: bytes) -> Stored:
    return Stored(decode_object(record), decode_layout(layout))


def _with_latest(
    rows: list[tuple[bytes, int, bytes]], seen: bytes, decode: Callable[[bytes], ObjectRow]
) -> list[tuple[ObjectRow, bool]]:
    """A row is the latest of its key when it is current or the first of its key.

    seen: the key before the page.
    """
    found = []
    for key, order, record in rows:
        found.append((decode(record), key != seen or order == -_NEWEST))
        seen = key
    return found
