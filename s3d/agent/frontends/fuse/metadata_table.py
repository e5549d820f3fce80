"""Times, modes and link targets of files, and inode numbers, in a file, to survive a restart.

Listings have no metadata. Without this file, every file that a program has written would show
another time after a restart, until it is opened: rsync would copy all of them again.

A row names the ETag that it is of, so a row that is outdated is harmless. So is the loss of the
newest ones, which a thread of this table writes a tenth of a second later, and does not sync. If
the file cannot be used, the mount goes on without it.

Layout number: PRAGMA user_version. A file with a higher number than ours is left alone.
"""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from s3d.agent.core.log_limit import LimitedLogger
from s3d.agent.storage.sqlite_file import transaction, upgrade
from s3d.shared.errors import UsageError

logger = LimitedLogger(logging.getLogger(__name__))

MAX_ROWS = 200_000
"""Rows; those that were written first are removed first."""
_DELAY = 0.1
"""Seconds for which rows are gathered, so that many files share a transaction."""
_TRIMMED_AFTER = 1_000
"""Rows by which the table may be larger for a while."""
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_TABLES = """
CREATE TABLE files(id INTEGER PRIMARY KEY, folder BLOB NOT NULL, name BLOB NOT NULL,
    etag TEXT NOT NULL, mtime_ns INTEGER, mode INTEGER, link BLOB, UNIQUE(folder, name));
"""
_INODES = """
CREATE TABLE inodes(id INTEGER PRIMARY KEY, bucket TEXT NOT NULL, key BLOB NOT NULL,
    number INTEGER NOT NULL, UNIQUE(bucket, key));
"""


class FileMetadata(NamedTuple):
    """What the metadata of one version say; None: nothing."""

    etag: str
    mtime_ns: int | None = None
    mode: int | None = None
    """Permissions."""
    link: str | None = None
    """The target of a symbolic link."""


_ObjectName = tuple[str, str]
"""Bucket and key."""


class MetadataTable:
    """Used by FUSE threads and the loop. No method raises; put() does not wait for the disk."""

    def __init__(self, path: Path) -> None:
        """The file is made at its first use."""
        self._path = path
        self._db: sqlite3.Connection | None = None
        self._using = threading.Lock()
        """Held while the file is read or written."""
        self._changed = threading.Condition()
        self._waiting: dict[_ObjectName, FileMetadata | None] = {}
        self._waiting_numbers: dict[_ObjectName, int | None] = {}
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._is_useless = False
        """Whether to go on without the file."""
        self._written = 0
        """Rows since the table was trimmed."""

    def folder(self, bucket: str, prefix: str) -> Mapping[str, FileMetadata]:
        """What is known of the files in a folder, by their keys. prefix: "" or with a slash."""
        query = "SELECT name, etag, mtime_ns, mode, link FROM files WHERE folder = ?"
        with self._using:
            try:
                db = self._open()
                rows = (
                    [] if db is None else db.execute(query, (_folder(bucket, prefix),)).fetchall()
                )
            except (sqlite3.Error, OSError) as error:
                self._give_up(error)
                return {}
        return {prefix + name.decode(): _metadata(*values) for name, *values in rows}

    def numbers(self) -> Mapping[_ObjectName, int]:
        """The inode numbers that were put, the newest ones at the end."""
        query = "SELECT bucket, key, number FROM inodes ORDER BY id"
        with self._using:
            try:
                db = self._open()
                rows = [] if db is None else db.execute(query).fetchall()
            except (sqlite3.Error, OSError) as error:
                self._give_up(error)
                return {}
        return {(bucket, key.decode()): number for bucket, key, number in rows}

    def put(self, bucket: str, key: str, metadata: FileMetadata | None) -> None:
        """Remember the metadata of a file; None: nothing is to be remembered."""
        with self._changed:
            self._waiting[bucket, key] = metadata
            self._wake()

    def put_number(self, bucket: str, key: str, number: int | None) -> None:
        """Remember the inode number of a file or folder; None: none is to be remembered."""
        with self._changed:
            self._waiting_numbers[bucket, key] = number
            self._wake()

    def _wake(self) -> None:
        if self._is_closed:
            return
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name="s3d mount metadata", daemon=True
            )
            self._thread.start()
        elif len(self._waiting) + len(self._waiting_numbers) == 1:
            self._changed.notify()

    def close(self) -> None:
        """Write what is waiting."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
        with self._using:
            if self._db is not None:
                self._db.close()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._has_work or self._is_closed)
                self._changed.wait_for(lambda: self._is_closed, _DELAY)
                rows, self._waiting = self._waiting, {}
                numbers, self._waiting_numbers = self._waiting_numbers, {}
            if not rows and not numbers:
                return
            with self._using:
                try:
                    db = self._open()
                    if db is not None:
                        self._write(db, rows, numbers)
                except (sqlite3.Error, OSError) as error:
                    self._give_up(error)

    @property
    def _has_work(self) -> bool:
        return bool(self._waiting or self._waiting_numbers)

    def _write(
        self,
        db: sqlite3.Connection,
        rows: Mapping[_ObjectName, FileMetadata | None],
        numbers: Mapping[_ObjectName, int | None],
    ) -> None:
        gone = [_name(*row) for row, metadata in rows.items() if metadata is None]
        noted = [(*_name(*row), *_values(each)) for row, each in rows.items() if each is not None]
        self._written += len(noted)
        with transaction(db):
            db.executemany("DELETE FROM files WHERE folder = ? AND name = ?", gone)
            # A row that is replaced gets a new id, so the lowest ids are those noted first.
            db.executemany(
                "REPLACE INTO files(folder, name, etag, mtime_ns, mode, link) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                noted,
            )
            _write_numbers(db, numbers)
            if self._written >= _TRIMMED_AFTER:
                self._written = 0
                db.execute(
                    "DELETE FROM files WHERE id <= (SELECT max(id) FROM files) - ?", (MAX_ROWS,)
                )

    def _open(self) -> sqlite3.Connection | None:
        """None: the file cannot be used. Raises sqlite3.Error, OSError."""
        if self._db is None and not self._is_useless:
            try:
                self._db = _connect(self._path)
            except sqlite3.Error as error:
                if getattr(error, "sqlite_errorcode", None) not in _DAMAGE:
                    raise
                logger.warning("replacing a damaged file path=%s error=%s", self._path, error)
                for suffix in ("", "-wal", "-shm"):
                    Path(f"{self._path}{suffix}").unlink(missing_ok=True)
                self._db = _connect(self._path)
            self._is_useless = self._db is None
        return self._db

    def _give_up(self, error: Exception) -> None:
        """Go on without these rows if the disk is full, else without the file."""
        logger.warning("times and modes of files will not survive a restart path=%s error=%s",
                       self._path, error)  # fmt: skip
        self._is_useless = not _is_full(error)
        if self._db is not None:
            self._db.close()
            self._db = None


def _is_full(error: Exception) -> bool:
    """Whether the disk is full, which may pass."""
    code = getattr(error, "sqlite_errorcode", None)
    return code == sqlite3.SQLITE_FULL or getattr(error, "errno", None) == errno.ENOSPC


def _connect(path: Path) -> sqlite3.Connection | None:
    """None: the file is of a newer s3d."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        upgrade(db, path, "the metadata table", (_TABLES, _INODES))
    except UsageError as error:
        db.close()
        logger.warning("times and modes of files will not survive a restart error=%s", error)
        return None
    except BaseException:
        db.close()
        raise
    return db


def _write_numbers(db: sqlite3.Connection, numbers: Mapping[_ObjectName, int | None]) -> None:
    keys = [(bucket, key.encode()) for bucket, key in numbers]
    db.executemany("DELETE FROM inodes WHERE bucket = ? AND key = ?", keys)
    put = [(b, key.encode(), number) for (b, key), number in numbers.items() if number is not None]
    db.executemany("INSERT INTO inodes(bucket, key, number) VALUES (?, ?, ?)", put)


def _folder(bucket: str, prefix: str) -> bytes:
    return f"{bucket}/{prefix}".encode()


def above(key: str) -> str:
    """The prefix of the folder that an object is in. A folder's own marker is in that above it."""
    return key[: key.rstrip("/").rfind("/") + 1]


def _name(bucket: str, key: str) -> tuple[bytes, bytes]:
    """The columns folder and name."""
    prefix = above(key)
    return _folder(bucket, prefix), key[len(prefix) :].encode()


def _values(metadata: FileMetadata) -> tuple[str, int | None, int | None, bytes | None]:
    etag, mtime_ns, mode, link = metadata
    return etag, mtime_ns, mode, None if link is None else os.fsencode(link)


def _metadata(
    etag: str, mtime_ns: int | None, mode: int | None, link: bytes | None
) -> FileMetadata:
    return FileMetadata(etag, mtime_ns, mode, None if link is None else os.fsdecode(link))
