"""The changes that a write can make to the index: rows, and the reference counts of blobs.

A Transaction lives in the writer thread and is used by one action after the other. It also notes
what follows once the group is durable: what the cache must drop and which
files no row names any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from s3d.agent.storage.reader import Execute, Reader, has_snapshots
from s3d.agent.storage.records import (
    NULL_VERSION,
    BucketRecord,
    Extent,
    Layout,
    ObjectRecord,
    PartRecord,
    Stored,
    UploadRecord,
    encode,
)

_DROP = "DELETE FROM blobs WHERE id = ? AND refs = 1"
_DROP_UNLESS_HELD = f"{_DROP} AND NOT EXISTS (SELECT 1 FROM snapshot_blobs WHERE blob = id)"


@dataclass(slots=True)
class Effects:
    """The effects of a group once it is committed."""

    buckets: set[str] = field(default_factory=set)
    """Buckets whose record or settings changed."""
    objects: set[tuple[str, bytes]] = field(default_factory=set)
    """Bucket and key of the objects whose current version changed."""
    freed: list[int] = field(default_factory=list)
    """Blobs in files that no row names any more."""
    names_files: bool = False
    """A row names a new file."""
    callbacks: list[Callable[[], None]] = field(default_factory=list)
    """Called on the loop, in this order, before the callers of the commit wake up."""


class Transaction(Reader):
    """A Reader that sees its own writes, and the only place that changes rows."""

    def __init__(self, execute: Execute) -> None:
        super().__init__(execute)
        self.wrote = False
        """Whether anything was written since it was last set to False."""
        self.effects = Effects()
        self._buckets: dict[str, BucketRecord] = {}
        self._totals: dict[str, list[int]] = {}
        self._bucket_is_gone = False
        """Its row of the totals may have had the highest generation."""
        self._has_snapshots: bool | None = None
        """None: not looked up yet."""

    def roll_back(self) -> None:
        """Drop all notes and cached records after a rollback."""
        self.effects = Effects()
        self._buckets.clear()
        self._totals.clear()
        self._bucket_is_gone = False
        self._has_snapshots = None

    def note_snapshot(self) -> None:
        """From now on, snapshots may name blobs."""
        self._has_snapshots = True

    def forget_buckets(self) -> None:
        """Drop all cached records and totals: statements of the caller have replaced the rows."""
        self._buckets.clear()
        self._totals.clear()
        self._bucket_is_gone = True

    def on_commit(self, follow: Callable[[], None]) -> None:
        """Call follow on the loop once this is durable, before the action's caller wakes up.

        Never called when the commit fails; it must not raise.
        """
        self.effects.callbacks.append(follow)

    def run(self, query: str, arguments: tuple[Any, ...]) -> Any:
        """Execute a statement that changes rows (of a further table, too); the cursor."""
        self.wrote = True
        return self._execute(query, arguments)

    def settle(self, generation: int = 0) -> None:
        """Before a commit: write the totals, once for the whole group.

        generation: of this commit, for the highest one of all rows to be; 0: generations are not
        counted. It goes along with a row that is written anyway, where there is one.
        """
        for bucket, (objects, size) in self._totals.items():
            self._execute(
                """INSERT INTO totals(bucket, objects, size, generation) VALUES (?, ?, ?, ?)
                   ON CONFLICT (bucket) DO UPDATE SET
                   objects = objects + excluded.objects, size = size + excluded.size,
                   generation = excluded.generation""",
                (bucket, objects, size, generation),
            )
        if generation and (self._bucket_is_gone or not self._totals):
            query = "UPDATE totals SET generation = ? WHERE bucket = ''"
            self._execute(query, (generation,))
        self._totals.clear()
        self._bucket_is_gone = False

    # Buckets

    def bucket(self, name: str) -> BucketRecord | None:
        # This thread is the only writer, so its cached records of buckets stay true.
        known = self._buckets.get(name)
        if known is None and (known := super().bucket(name)) is not None:
            self._buckets[name] = known
        return known

    def put_bucket(self, record: BucketRecord) -> None:
        self.run("REPLACE INTO buckets VALUES (?, ?)", (record.name, encode(record)))
        self._buckets[record.name] = record
        self.effects.buckets.add(record.name)

    def delete_bucket(self, name: str) -> None:
        """The bucket and its settings; its objects and uploads must be gone."""
        self.run("DELETE FROM buckets WHERE name = ?", (name,))
        self.run("DELETE FROM settings WHERE bucket = ?", (name,))
        self.run("DELETE FROM totals WHERE bucket = ?", (name,))
        self._totals.pop(name, None)
        self._bucket_is_gone = True
        self._buckets.pop(name, None)
        self.effects.buckets.add(name)

    def put_setting(self, bucket: str, name: str, value: bytes | None) -> None:
        """None removes it."""
        self.effects.buckets.add(bucket)
        if value is None:
            self.run("DELETE FROM settings WHERE bucket = ? AND name = ?", (bucket, name))
        else:
            self.run("REPLACE INTO settings VALUES (?, ?, ?)", (bucket, name, value))

    # Objects

    def put_current(self, bucket: str, stored: Stored, replaced: ObjectRecord | None) -> None:
        """Make a version the current one; replaced: the one whose row it takes."""
        record, layout = stored
        key = record.key.encode()
        self.run(
            "REPLACE INTO objects VALUES (?, ?, ?, ?)",
            (bucket, key, encode(record), encode(layout)),
        )
        self.effects.objects.add((bucket, key))
        if replaced is None:
            self._count(bucket, 1, record.size)
        else:
            self._count(bucket, 0, record.size - replaced.size)

    def drop_current(self, bucket: str, record: ObjectRecord) -> None:
        key = record.key.encode()
        self.run("DELETE FROM objects WHERE bucket = ? AND key = ?", (bucket, key))
        self.effects.objects.add((bucket, key))
        self._count(bucket, -1, -record.size)

    def put_version(self, bucket: str, stored: Stored) -> None:
        """Keep a version that is not current, or a delete marker."""
        record, layout = stored
        is_null = record.version_id == NULL_VERSION
        self.run(
            "REPLACE INTO versions VALUES (?, ?, ?, ?, ?, ?)",
            (bucket, record.key.encode(), record.seq, is_null, encode(record), encode(layout)),
        )
        self._count(bucket, 0, record.size)

    def drop_version(self, bucket: str, record: ObjectRecord) -> None:
        self.run(
            "DELETE FROM versions WHERE bucket = ? AND key = ? AND seq = ?",
            (bucket, record.key.encode(), record.seq),
        )
        self._count(bucket, 0, -record.size)

    # Multipart uploads

    def put_upload(self, bucket: str, record: UploadRecord) -> None:
        self.run(
            "REPLACE INTO uploads VALUES (?, ?, ?, ?)",
            (bucket, record.key.encode(), record.id, encode(record)),
        )

    def drop_upload(self, bucket: str, record: UploadRecord) -> None:
        """The upload and its parts; who holds their bytes now is the caller's business."""
        self._count(bucket, 0, -sum(part.size for part in self.parts(record.id)))
        self.run("DELETE FROM parts WHERE upload = ?", (record.id,))
        self.run(
            "DELETE FROM uploads WHERE bucket = ? AND key = ? AND id = ?",
            (bucket, record.key.encode(), record.id),
        )

    def put_part(
        self, bucket: str, upload_id: str, part: PartRecord, replaced: PartRecord | None
    ) -> None:
        self.run("REPLACE INTO parts VALUES (?, ?, ?)", (upload_id, part.number, encode(part)))
        self._count(bucket, 0, part.size - (replaced.size if replaced is not None else 0))

    # Blobs

    def add_blob(self, blob: int, size: int, data: bytes | None = None) -> None:
        """Enter a new blob with one holder; data: its bytes, None when they lie in a file."""
        self.effects.names_files |= data is None
        self.run("INSERT INTO blobs VALUES (?, 1, ?, ?)", (blob, size, data))

    def incref(self, extents: Iterable[Extent]) -> bool:
        """Add a reference to each extent's blob; False, and no change, if a blob no longer
        exists."""
        wanted = [(extent.blob,) for extent in extents]
        if any(self._one("SELECT 1 FROM blobs WHERE id = ?", blob) is None for blob in wanted):
            return False
        for blob in wanted:
            self.run("UPDATE blobs SET refs = refs + 1 WHERE id = ?", blob)
        return True

    def decref(self, layout: Layout) -> None:
        """Drop one reference to each extent's blob, and each blob that neither a row nor a snapshot
        names any more."""
        if self._has_snapshots is None:
            self._has_snapshots = has_snapshots(self)
        drop = _DROP_UNLESS_HELD if self._has_snapshots else _DROP
        for extent in layout.extents:
            dropped = self.run(drop, (extent.blob,))
            if dropped.rowcount == 0:
                self.run("UPDATE blobs SET refs = refs - 1 WHERE id = ?", (extent.blob,))
            elif not layout.inline:
                self.effects.freed.append(extent.blob)

    def _count(self, bucket: str, objects: int, size: int) -> None:
        totals = self._totals.get(bucket)
        if totals is None:
            self._totals[bucket] = [objects, size]
        else:
            totals[0] += objects
            totals[1] += size
