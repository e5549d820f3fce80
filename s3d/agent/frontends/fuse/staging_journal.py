"""The journal of a mount: what fsync() has confirmed and no store has yet, and renames.

Only a file that was synced, or that could not be handed over, has a record; any other staging file
is removed at the start, since nobody was promised its bytes. A file and its record together are the
content: the file has the written bytes, the record says which they are and what they replace.

    folder/journal.sqlite   the records (SQLite, in WAL mode, synced with each commit)
    folder/ID               the staging files

Layout number: PRAGMA user_version. A file with a higher number than ours is refused.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from s3d.agent.frontends.fuse.byte_ranges import Range
from s3d.agent.frontends.fuse.hand_over import Place
from s3d.agent.frontends.fuse.written_attributes import WrittenAttributes
from s3d.agent.storage.sqlite_file import transaction, upgrade
from s3d.shared.atomic_file import sync_folder

JOURNAL = "journal.sqlite"

_TABLES = """
CREATE TABLE files(id INTEGER PRIMARY KEY, bucket TEXT NOT NULL, key BLOB NOT NULL,
    replaces TEXT NOT NULL, old_end INTEGER NOT NULL, attributes BLOB NOT NULL);
-- The bytes before old_end that the staging file has.
CREATE TABLE ranges(id INTEGER, start INTEGER, end INTEGER);
CREATE INDEX ranges_of_file ON ranges(id);
-- Renames that have begun. A folder's keys end with a slash.
CREATE TABLE renames(id INTEGER PRIMARY KEY, bucket TEXT NOT NULL, old BLOB NOT NULL,
    new BLOB NOT NULL);
"""
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(WrittenAttributes).decode


class StagingRecord(NamedTuple):
    """What is known of a staging file beside its bytes."""

    id: int
    """The name of the file."""
    place: Place
    replaces: str
    """The ETag of the object that the file was made from; "" for a new file."""
    old_end: int
    """Up to where bytes of that object may be missing in the file."""
    attributes: WrittenAttributes


class Rename(NamedTuple):
    """Of an object, or of a folder, whose keys end with a slash."""

    bucket: str
    old: str
    new: str

    @property
    def is_folder(self) -> bool:
        return self.old.endswith("/")


class StagingJournal:
    """Called by several threads at once. Any method raises OSError where the disk fails."""

    def __init__(self, folder: Path) -> None:
        """Open the journal of a folder, or create both. Raises UsageError for a newer layout."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / JOURNAL
        is_new = not path.exists()
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            _prepare(self._db, path)
        except BaseException:
            self._db.close()
            raise
        if is_new:
            sync_folder(folder)

    def save(self, record: StagingRecord, ranges: Iterable[Range] = ()) -> None:
        """Insert or replace a record, durably; ranges: further ones that the file has."""
        place = record.place
        row = (record.id, place.bucket, place.key.encode(), record.replaces, record.old_end)
        with self._transaction() as db:
            db.execute(
                "REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)", (*row, _encode(record.attributes))
            )
            if not record.old_end:
                db.execute("DELETE FROM ranges WHERE id = ?", (record.id,))
            else:
                rows = [(record.id, *each) for each in ranges]
                db.executemany("INSERT INTO ranges VALUES (?, ?, ?)", rows)

    def remove(self, ids: Sequence[int]) -> None:
        """Remove records, durably; those that do not exist are ignored."""
        with self._transaction() as db:
            for id in ids:
                db.execute("DELETE FROM files WHERE id = ?", (id,))
                db.execute("DELETE FROM ranges WHERE id = ?", (id,))

    def load(self) -> list[tuple[StagingRecord, list[Range]]]:
        """All records, in the order of their files."""
        with self._transaction() as db:
            rows = db.execute("SELECT * FROM files ORDER BY id").fetchall()
            return [(_record(*row), _ranges(db, row[0])) for row in rows]

    def begin_rename(self, rename: Rename) -> int:
        """Record that a rename has begun, durably; its id."""
        with self._transaction() as db:
            row = (rename.bucket, rename.old.encode(), rename.new.encode())
            cursor = db.execute("INSERT INTO renames(bucket, old, new) VALUES (?, ?, ?)", row)
            return int(cursor.lastrowid or 0)

    def end_rename(self, id: int) -> None:
        """It has ended."""
        with self._transaction() as db:
            db.execute("DELETE FROM renames WHERE id = ?", (id,))

    def renames(self) -> list[tuple[int, Rename]]:
        """Those that have begun, with their ids, in order."""
        with self._transaction() as db:
            rows = db.execute("SELECT * FROM renames ORDER BY id").fetchall()
            return [
                (id, Rename(bucket, old.decode(), new.decode())) for id, bucket, old, new in rows
            ]

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                with transaction(self._db) as db:
                    yield db
            except sqlite3.Error as error:
                raise OSError(*_reason(error)) from error


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    upgrade(db, path, "the journal", (_TABLES,))


def _record(
    id: int, bucket: str, key: bytes, replaces: str, old_end: int, attributes: bytes
) -> StagingRecord:
    return StagingRecord(id, Place(bucket, key.decode()), replaces, old_end, _decode(attributes))


def _ranges(db: sqlite3.Connection, id: int) -> list[Range]:
    return db.execute("SELECT start, end FROM ranges WHERE id = ?", (id,)).fetchall()


def _reason(error: sqlite3.Error) -> tuple[int, str]:
    import errno

    code = getattr(error, "sqlite_errorcode", None)
    number = errno.ENOSPC if code == sqlite3.SQLITE_FULL else errno.EIO
    return number, f"the journal of the mount: {error}"
