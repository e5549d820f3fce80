"""The SQLite file of a baseline: its tables, the upgrade of older layouts, and how it is synced.

The log (WAL) is written without a sync. flush_log() syncs it, as synchronous=FULL does after each
commit, but for many commits at once and in another thread: https://www.sqlite.org/wal.html.
Layout number: PRAGMA user_version. A file with a higher number than ours is refused.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path

from s3d.agent.storage.sqlite_file import layout_of, upgrade
from s3d.shared.atomic_file import sync_file, sync_folder
from s3d.shared.errors import UsageError

_LOG_SIZE = 8 << 20
"""Bytes of the log from which its pages are carried over into the file."""

_TABLES = """
CREATE TABLE root(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE base(
    path TEXT PRIMARY KEY, l_size INT, l_mtime_ns INT, l_ctime_ns INT, l_ino INT, mode INT,
    sha256 TEXT, etag TEXT, size INT, racy INT) WITHOUT ROWID;
CREATE TABLE intent(path TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE trash(id TEXT PRIMARY KEY, path TEXT, size INT, mtime_ns INT, ino INT,
    reason TEXT, at REAL) WITHOUT ROWID;
CREATE TABLE history(id INTEGER PRIMARY KEY, at REAL, action TEXT, path TEXT, detail TEXT,
    trash TEXT);
"""
"""Layout 1, of the first edition."""

_COUNTED = "substr({}.path, -1) <> '/'"
_SECOND = f"""
CREATE TABLE totals(files INT NOT NULL, size INT NOT NULL);
INSERT INTO totals
    SELECT count(*), coalesce(sum(size), 0) FROM base WHERE substr(path, -1) <> '/';
CREATE TRIGGER base_added AFTER INSERT ON base WHEN {_COUNTED.format("NEW")} BEGIN
    UPDATE totals SET files = files + 1, size = size + NEW.size; END;
CREATE TRIGGER base_dropped AFTER DELETE ON base WHEN {_COUNTED.format("OLD")} BEGIN
    UPDATE totals SET files = files - 1, size = size - OLD.size; END;
CREATE TRIGGER base_resized AFTER UPDATE OF size ON base
    WHEN NEW.size <> OLD.size AND {_COUNTED.format("NEW")} BEGIN
    UPDATE totals SET size = size + NEW.size - OLD.size; END;
CREATE INDEX base_conflicts ON base(path) WHERE instr(path, ' (conflict ') > 0;
ALTER TABLE trash ADD COLUMN age REAL NOT NULL DEFAULT 0;
CREATE INDEX trash_age ON trash(age);
CREATE INDEX history_trash ON history(trash) WHERE trash <> '';
UPDATE base SET etag = '"' || trim(etag, '"') || '"' WHERE etag NOT IN ('', '?');
"""
"""Layout 2: totals that are kept, an index for the conflict copies, the age of what is in the trash
on the folder's own clock (see trash.py), and ETags that all have their quotes."""

_THIRD = """
ALTER TABLE base ADD COLUMN residence INT NOT NULL DEFAULT 0;
ALTER TABLE base ADD COLUMN receipt REAL NOT NULL DEFAULT 0;
CREATE INDEX base_evicted ON base(path) WHERE residence = 1;
"""
"""Layout 3: what was evicted from the folder, and what may be."""

_WHAT = "the baseline"
_LAYOUTS = (_TABLES, _SECOND, _THIRD)
"""What leads to each layout from the one before."""


FAILURE: type[Exception] = sqlite3.Error
"""What any call of a Baseline may raise."""


class Damaged(Exception):
    """The file is not a database, or is incomplete. str(): which file, and what to do."""


def damaged(path: Path, why: object) -> Damaged:
    return Damaged(
        f"its baseline {path} is damaged ({why}): s3d sync approve renames the file and starts "
        "a first sync, which deletes nothing"
    )


def connect(path: Path | None) -> sqlite3.Connection:
    """Open the file, made or upgraded where needed; None: in memory, for tests.

    Raises Damaged, UsageError for a newer layout, and sqlite3.Error where the disk does not let us.
    """
    name = ":memory:" if path is None else str(path)
    is_new = path is not None and not path.exists()
    db = sqlite3.connect(name, isolation_level=None, check_same_thread=False)
    try:
        _prepare(db, path)
    except BaseException as error:
        db.close()
        if path is not None and is_damage(error):
            raise damaged(path, error) from error
        raise
    if is_new and path is not None:
        sync_folder(path.parent)
    return db


def _prepare(db: sqlite3.Connection, path: Path | None) -> None:
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA wal_autocheckpoint = 0")  # flush_log does it, not a write on the event loop
    upgrade(db, path, _WHAT, _LAYOUTS)


def is_damage(error: BaseException) -> bool:
    """Whether an error means damage of the file itself, unlike a full disk or a busy lock."""
    if not isinstance(error, sqlite3.DatabaseError):
        return False
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return False
    return code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or (
        type(error) is sqlite3.OperationalError and code == sqlite3.SQLITE_ERROR
    )  # SQLITE_ERROR: a table or a column is not there


def check(path: Path) -> None:
    """Read the whole file, in a thread. Raises Damaged."""
    try:
        with closing(sqlite3.connect(str(path), isolation_level=None)) as db:
            (word,) = db.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        raise damaged(path, error) from error
    if word != "ok":
        raise damaged(path, word)


def put_aside(path: Path) -> Path:
    """Rename a damaged file and its log, so that they can be examined."""
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    for end in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            os.rename(f"{path}{end}", f"{aside}{end}")
    sync_folder(path.parent)
    return aside


def flush_log(path: Path) -> None:
    """Make all that is committed durable, in a thread. Raises OSError, sqlite3.Error."""
    try:
        fd = os.open(f"{path}-wal", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # the last connection has carried it over, and has synced the file
    try:
        sync_file(fd)
        size = os.fstat(fd).st_size
    finally:
        os.close(fd)
    if size > _LOG_SIZE:
        _carry_over(path)


def _carry_over(path: Path) -> None:
    """Move the log's pages into the file, and begin the log again. The first step, which is the
    long one, keeps no writer waiting; the row has the new log's header written and synced here."""
    with closing(sqlite3.connect(str(path), isolation_level=None, timeout=0)) as db:
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        with suppress(sqlite3.OperationalError):  # somebody reads or writes: the next time, then
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            db.execute("INSERT OR REPLACE INTO root VALUES ('carried', '')")


def problem(path: Path) -> str:
    """Check a file that may be in use; return the problem, or "". In a thread."""
    try:
        with closing(sqlite3.connect(str(path), isolation_level=None)) as db:
            layout_of(db, path, _WHAT, len(_LAYOUTS))
        check(path)
    except (Damaged, UsageError, sqlite3.Error) as error:
        return str(error)
    return ""
