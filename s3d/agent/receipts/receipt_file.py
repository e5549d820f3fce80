"""The file of the receipts: SQLite, in the state folder of a remote.

A commit is synced before it returns (synchronous = FULL), so what a commit says survives a power
cut: callers evict only what a commit of this file covers. Layout number: PRAGMA user_version; a
file with a higher number is refused. Calls block: use them in a thread.

Tables: receipt has the signed receipts; owed has the uploads without a receipt; due has the cached
objects to evict, with the time.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from s3d.agent.core import failpoint
from s3d.agent.storage.sqlite_file import layout_of, transaction, upgrade
from s3d.shared.receipts import Receipt, SignedReceipt

NAME = "receipts.sqlite"
LAYOUT = 1
_WHAT = "the file of receipts"
MAX_RECEIPTS = 1_000_000
"""The oldest receipts above this number are removed."""
_PRUNE_EVERY = 1_000
FAILURE: type[Exception] = sqlite3.Error
"""What any call may raise."""

_TABLES = """
CREATE TABLE receipt(sequence INTEGER PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL,
    etag TEXT NOT NULL, size INT NOT NULL, verified REAL NOT NULL, payload BLOB NOT NULL,
    signature BLOB NOT NULL);
CREATE INDEX receipt_place ON receipt(bucket, key, etag);
CREATE TABLE owed(bucket TEXT NOT NULL, key TEXT NOT NULL, etag TEXT NOT NULL, size INT NOT NULL,
    content_etag TEXT NOT NULL, algorithm TEXT NOT NULL, checksum TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY(bucket, key)) WITHOUT ROWID;
CREATE TABLE due(bucket TEXT NOT NULL, key TEXT NOT NULL, etag TEXT NOT NULL, at REAL NOT NULL,
    uploaded REAL NOT NULL, PRIMARY KEY(bucket, key)) WITHOUT ROWID;
"""


class Upload(NamedTuple):
    """An upload that the remote has acknowledged, and what its copy has to agree with."""

    bucket: str
    key: str
    etag: str
    """The remote's."""
    size: int
    content_etag: str
    """The ETag that S3 gives these bytes: their MD5, or that of their parts."""
    algorithm: str = ""
    """Of the checksum, as S3 names it; "" without one."""
    checksum: str = ""
    at: float = 0.0
    """When it was acknowledged, Unix seconds."""


class Due(NamedTuple):
    """A cached object that has a receipt, and is to be evicted at a time (Unix seconds)."""

    bucket: str
    key: str
    etag: str
    at: float
    uploaded: float


class StoredReceipt(NamedTuple):
    """What is known of a receipt without its payload."""

    sequence: int
    size: int
    verified: float


Sign = Callable[[int, str], SignedReceipt]
"""Makes a receipt of its sequence number and the digest of the one before it."""


class ReceiptFile:
    """The open file. Its calls exclude one another, from whatever thread."""

    def __init__(self, path: Path, *, is_read_only: bool = False) -> None:
        """Open the file, made when it does not exist. Raises UsageError, sqlite3.Error."""
        self._lock = threading.Lock()
        if is_read_only:
            name, is_uri = f"{path.absolute().as_uri()}?mode=ro", True
        else:
            name, is_uri = str(path), False
        self._db = sqlite3.connect(name, isolation_level=None, check_same_thread=False, uri=is_uri)
        try:
            self._prepare(path, is_read_only=is_read_only)
        except BaseException:
            self._db.close()
            raise

    def _prepare(self, path: Path, *, is_read_only: bool) -> None:
        if is_read_only:
            layout_of(self._db, path, _WHAT, LAYOUT)
            return
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        upgrade(self._db, path, _WHAT, (_TABLES,))

    def close(self) -> None:
        with self._lock:
            self._db.close()

    # Uploads without a receipt

    def note_upload(self, upload: Upload) -> None:
        """Note that an upload has no receipt yet."""
        self._write([("INSERT OR REPLACE INTO owed VALUES (?,?,?,?,?,?,?,?)", upload)])

    def without_receipt(
        self, limit: int, *, newest_first: bool = False, after: float = 0.0
    ) -> list[Upload]:
        """The oldest or the newest uploads without a receipt. after: those noted since then."""
        order = "DESC" if newest_first else "ASC"
        query = f"SELECT * FROM owed WHERE at >= ? ORDER BY at {order} LIMIT ?"
        with self._lock:
            return [Upload(*row) for row in self._db.execute(query, (after, limit))]

    def count_without_receipt(self) -> int:
        with self._lock:
            return int(self._db.execute("SELECT count(*) FROM owed").fetchone()[0])

    def waive(self, uploads: Iterable[Upload]) -> None:
        """Remove uploads that get no receipt."""
        self._write([_forget(upload) for upload in uploads])

    # Receipts

    def append(self, signs: Iterable[tuple[Upload, float, Sign]], due: Iterable[Due] = ()) -> None:
        """Sign and store receipts of uploads, in one commit that is synced.

        Each with the time of its verification. due: what may be evicted with them.
        """
        with self._lock:
            sequence, digest = self._last()
            statements: list[tuple[str, tuple[object, ...]]] = []
            for upload, verified, sign in signs:
                sequence += 1
                signed = sign(sequence, digest)
                digest = signed.digest
                row = (sequence, *upload[:4], verified, signed.payload, signed.signature)
                statements.append(("INSERT INTO receipt VALUES (?,?,?,?,?,?,?,?)", row))
                statements.append(_forget(upload))
                if sequence % _PRUNE_EVERY == 0:
                    oldest = sequence - MAX_RECEIPTS
                    statements.append(("DELETE FROM receipt WHERE sequence <= ?", (oldest,)))
            statements += [("INSERT OR REPLACE INTO due VALUES (?,?,?,?,?)", each) for each in due]
            failpoint.hit("receipts.append")
            self._commit(statements)
            failpoint.hit("receipts.appended")

    def find(self, bucket: str, key: str, etag: str) -> StoredReceipt | None:
        """The newest receipt of a version of an object."""
        query = (
            "SELECT sequence, size, verified FROM receipt WHERE bucket = ? AND key = ? "
            "AND etag = ? ORDER BY sequence DESC LIMIT 1"
        )
        with self._lock:
            row = self._db.execute(query, (bucket, key, etag)).fetchone()
        return None if row is None else StoredReceipt(*row)

    def receipts(self, bucket: str = "", prefix: str = "") -> Iterator[SignedReceipt]:
        """The receipts of a bucket and prefix, the oldest first; of all buckets for ""."""
        query = (
            "SELECT CAST(payload AS BLOB), CAST(signature AS BLOB) FROM receipt "
            "WHERE ? IN ('', bucket) AND substr(key, 1, ?) = ? ORDER BY sequence"
        )
        with self._lock:
            rows = self._db.execute(query, (bucket, len(prefix), prefix))
        for payload, signature in rows:
            yield SignedReceipt(payload, signature)

    def newest(self, bucket: str, key: str, limit: int) -> list[Receipt]:
        """The newest receipts of an object, whatever its version, the newest first."""
        query = (
            "SELECT CAST(payload AS BLOB) FROM receipt WHERE bucket = ? AND key = ? "
            "ORDER BY sequence DESC LIMIT ?"
        )
        with self._lock:
            rows = self._db.execute(query, (bucket, key, limit)).fetchall()
        return [SignedReceipt(payload, b"").receipt() for (payload,) in rows]

    def count(self) -> int:
        with self._lock:
            return int(self._db.execute("SELECT count(*) FROM receipt").fetchone()[0])

    # Evictions

    def due(self, now: float, limit: int, *, newest_first: bool = False) -> list[Due]:
        """What is to be evicted by now."""
        order = "DESC" if newest_first else "ASC"
        query = f"SELECT * FROM due WHERE at <= ? ORDER BY uploaded {order} LIMIT ?"
        with self._lock:
            return [Due(*row) for row in self._db.execute(query, (now, limit))]

    def done(self, evicted: Iterable[Due]) -> None:
        """Remove what was evicted, or is to be kept."""
        query = "DELETE FROM due WHERE bucket = ? AND key = ? AND etag = ?"
        self._write([(query, each[:3]) for each in evicted])

    def _last(self) -> tuple[int, str]:
        """The number and the digest of the newest receipt; 0 and "" without one."""
        query = "SELECT sequence, payload, signature FROM receipt ORDER BY sequence DESC LIMIT 1"
        row = self._db.execute(query).fetchone()
        return (0, "") if row is None else (row[0], SignedReceipt(row[1], row[2]).digest)

    def _write(self, statements: list[tuple[str, tuple[object, ...]]]) -> None:
        with self._lock:
            self._commit(statements)

    def _commit(self, statements: list[tuple[str, tuple[object, ...]]]) -> None:
        if not statements:
            return
        with transaction(self._db) as db:
            for statement in statements:
                db.execute(*statement)


def receipts_in(path: Path, bucket: str = "", prefix: str = "") -> Iterator[SignedReceipt]:
    """The receipts of a file that an agent may be using. Raises UsageError, sqlite3.Error."""
    with closing(ReceiptFile(path, is_read_only=True)) as file:
        yield from file.receipts(bucket, prefix)


def _forget(upload: Upload) -> tuple[str, tuple[object, ...]]:
    query = "DELETE FROM owed WHERE bucket = ? AND key = ? AND etag = ?"
    return query, upload[:3]
