"""The journal of a mount: what fsync() has confirmed and no store has yet, and renames.

Only a file that was synced, or that could not be handed over, has a record; any other staging file
is removed at the start, since nobody was promised its bytes. A file and its record together are the
content: the file has the written bytes, the record says which they are and what they replace.

    folder/journal.sqlite   the records (SQLite, in WAL mode, synced with each commit)
    folder/ID               the staging files
    folder/uploads          the part maps of uploads (object_patcher.py)

Layout number: PRAGMA user_version. A file with a higher number than ours is refused.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from s3d.agent.frontends.fuse.byte_ranges import Range
from s3d.agent.frontends.fuse.hand_over import ObjectName
from s3d.agent.frontends.fuse.written_attributes import WrittenAttributes
from s3d.agent.s3.messages import ListedObject
from s3d.agent.storage.sqlite_file import transaction, upgrade
from s3d.shared.atomic_file import sync_folder
from s3d.shared.errors import S3dError

JOURNAL = "journal.sqlite"
UPLOADS = "uploads"
"""Subfolder of the part maps of uploads that have begun."""

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
_RENAMED_OBJECTS = """
-- The objects of a rename that are still to be moved, and what a listing has shown of them; etag
-- NULL: nothing. Renames that layout 1 has begun have none.
CREATE TABLE renamed_objects(id INTEGER, key BLOB, etag TEXT, size INTEGER, modified REAL,
    PRIMARY KEY(id, key)) WITHOUT ROWID;
ALTER TABLE renames ADD COLUMN has_objects INTEGER NOT NULL DEFAULT 0;
-- 1: the objects that were moved get their old keys again; those of the row are exchanged.
ALTER TABLE renames ADD COLUMN is_undone INTEGER NOT NULL DEFAULT 0;
"""
_LAYOUTS = (_TABLES, _RENAMED_OBJECTS)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(WrittenAttributes).decode


def has_leftovers(folder: Path) -> bool:
    """Whether there is anything that an earlier run has not handed over: a staging file, a record,
    a rename, or an upload of parts. folder: of the staging files, which may be missing."""
    try:
        names = set(os.listdir(folder))
    except FileNotFoundError:
        return False
    if any(name.isdigit() for name in names) or any((folder / UPLOADS).glob("*")):
        return True
    if JOURNAL not in names:
        return False
    query = "SELECT EXISTS(SELECT 1 FROM files) OR EXISTS(SELECT 1 FROM renames)"
    with closing(sqlite3.connect(folder / JOURNAL)) as db:
        try:
            (layout,) = db.execute("PRAGMA user_version").fetchone()
            # Another layout is to be upgraded, or refused.
            return layout != len(_LAYOUTS) or bool(db.execute(query).fetchone()[0])
        except sqlite3.DatabaseError:  # whoever opens the journal says what is wrong with it
            return True


class StagingRecord(NamedTuple):
    """What is known of a staging file beside its bytes."""

    id: int
    """The name of the file."""
    place: ObjectName
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


RenamedObjects = Mapping[str, ListedObject | None]
"""By key, what a listing has shown of each; None: nothing."""


class BegunRename(NamedTuple):
    """A rename that an earlier run has begun."""

    id: int
    rename: Rename
    objects: RenamedObjects | None
    """Those that are still to be moved; None: an s3d of layout 1 has not recorded them."""
    is_undone: bool
    """It has failed half-way, and the objects get their old keys again: old is the new one."""


class StagingJournal:
    """Called by several threads at once. Any method raises OSError where the disk fails."""

    def __init__(self, folder: Path) -> None:
        """Open the journal of a folder, or create both. Raises S3dError for a file that is damaged
        or cannot be opened, UsageError for a newer layout, OSError."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / JOURNAL
        is_new = not path.exists()
        self._lock = threading.Lock()
        try:
            self._db = _open(path)
        except sqlite3.Error as error:
            raise S3dError(
                f"cannot open {path}, the journal of the mounts",
                str(error),
                f"if it is damaged, move the folder {folder} away: its other files are what "
                "programs have written and no bucket has",
            ) from error
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

    def begin_rename(self, rename: Rename, objects: RenamedObjects) -> int:
        """Record that a rename of these objects has begun, durably; its id."""
        with self._transaction() as db:
            row = (rename.bucket, rename.old.encode(), rename.new.encode())
            query = "INSERT INTO renames(bucket, old, new, has_objects) VALUES (?, ?, ?, 1)"
            id = int(db.execute(query, row).lastrowid or 0)
            _put_objects(db, id, objects)
            return id

    def note_moved(self, id: int, keys: Iterable[str]) -> None:
        """These objects have their new keys."""
        with self._transaction() as db:
            rows = [(id, key.encode()) for key in keys]
            db.executemany("DELETE FROM renamed_objects WHERE id = ? AND key = ?", rows)

    def turn_back(self, id: int, objects: RenamedObjects) -> None:
        """The rename is undone: these objects, with their new keys, get the old ones again."""
        with self._transaction() as db:
            query = "UPDATE renames SET old = new, new = old, is_undone = 1 WHERE id = ?"
            db.execute(query, (id,))
            db.execute("DELETE FROM renamed_objects WHERE id = ?", (id,))
            _put_objects(db, id, objects)

    def end_rename(self, id: int) -> None:
        """It has ended."""
        with self._transaction() as db:
            db.execute("DELETE FROM renames WHERE id = ?", (id,))
            db.execute("DELETE FROM renamed_objects WHERE id = ?", (id,))

    def renames(self) -> list[BegunRename]:
        """Those that have begun, in order."""
        with self._transaction() as db:
            query = "SELECT id, bucket, old, new, has_objects, is_undone FROM renames ORDER BY id"
            return [
                BegunRename(
                    id,
                    Rename(bucket, old.decode(), new.decode()),
                    _objects(db, id) if has_objects else None,
                    is_undone=bool(is_undone),
                )
                for id, bucket, old, new, has_objects, is_undone in db.execute(query).fetchall()
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


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        upgrade(db, path, "the journal", _LAYOUTS)
    except BaseException:
        db.close()
        raise
    return db


def _record(
    id: int, bucket: str, key: bytes, replaces: str, old_end: int, attributes: bytes
) -> StagingRecord:
    return StagingRecord(
        id, ObjectName(bucket, key.decode()), replaces, old_end, _decode(attributes)
    )


def _put_objects(db: sqlite3.Connection, id: int, objects: RenamedObjects) -> None:
    rows = [(id, key.encode(), *(shown or (None, None, None))) for key, shown in objects.items()]
    db.executemany("INSERT INTO renamed_objects VALUES (?, ?, ?, ?, ?)", rows)


def _objects(db: sqlite3.Connection, id: int) -> RenamedObjects:
    query = "SELECT key, etag, size, modified FROM renamed_objects WHERE id = ? ORDER BY key"
    return {
        key.decode(): None if etag is None else ListedObject(etag, size, modified)
        for key, etag, size, modified in db.execute(query, (id,))
    }


def _ranges(db: sqlite3.Connection, id: int) -> list[Range]:
    return db.execute("SELECT start, end FROM ranges WHERE id = ?", (id,)).fetchall()


def _reason(error: sqlite3.Error) -> tuple[int, str]:
    import errno

    code = getattr(error, "sqlite_errorcode", None)
    number = errno.ENOSPC if code == sqlite3.SQLITE_FULL else errno.EIO
    return number, f"the journal of the mount: {error}"
