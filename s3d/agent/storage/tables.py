"""The tables of an index file: how they are made, and brought from older layouts to ours.

Layout number: PRAGMA user_version. A change of the tables raises it and migrates; a file with a
higher number than ours is refused.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from s3d.agent.storage import annotation_rows, event_rows, generation
from s3d.agent.storage.disk import LOST
from s3d.shared.errors import UsageError

LAYOUT = 7
"""2: totals has the generation (generation.py). 3: records name the owners of buckets, objects and
uploads; an s3d that does not know them would enforce no policy, so it must refuse the file. They
name the data keys of encrypted blobs, too. 4: the table of annotations. 5: that of events. 6: an
annotation may be encrypted. 7: the references of blobs leave out those of snapshots."""
_FURTHER = 1_000
"""user_version is LAYOUT + _FURTHER times the layout of the further tables."""

_TABLES = """
CREATE TABLE buckets(name TEXT PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE settings(bucket TEXT, name TEXT, value BLOB NOT NULL, PRIMARY KEY(bucket, name))
    WITHOUT ROWID;
CREATE TABLE totals(bucket TEXT PRIMARY KEY, objects INTEGER NOT NULL, size INTEGER NOT NULL)
    WITHOUT ROWID;
-- The current version of each key, unless it is a delete marker.
CREATE TABLE objects(bucket TEXT, key BLOB, record BLOB NOT NULL, layout BLOB NOT NULL,
    PRIMARY KEY(bucket, key)) WITHOUT ROWID;
-- The other versions, and all delete markers.
CREATE TABLE versions(bucket TEXT, key BLOB, seq INTEGER, is_null INTEGER NOT NULL,
    record BLOB NOT NULL, layout BLOB NOT NULL, PRIMARY KEY(bucket, key, seq DESC)) WITHOUT ROWID;
CREATE INDEX null_versions ON versions(bucket, key) WHERE is_null;
CREATE TABLE uploads(bucket TEXT, key BLOB, id TEXT, record BLOB NOT NULL,
    PRIMARY KEY(bucket, key, id)) WITHOUT ROWID;
CREATE TABLE parts(upload TEXT, number INTEGER, record BLOB NOT NULL,
    PRIMARY KEY(upload, number)) WITHOUT ROWID;
-- data is NULL when the bytes lie in a file named by the id.
CREATE TABLE blobs(id INTEGER PRIMARY KEY, refs INTEGER NOT NULL, size INTEGER NOT NULL, data BLOB);
"""
_UPGRADES = {
    1: generation.UPGRADE,
    2: "",
    3: annotation_rows.UPGRADE,
    4: event_rows.UPGRADE,
    5: "",
    6: "",
}
"""From a layout of _TABLES to the next; a new file takes the same way. Records are positional and
their new fields have defaults, so layouts 3 and 6 change no row."""
_COUNTED_SNAPSHOTS = 6
"""The last layout in which blobs.refs had the references of snapshots, too."""
_LEAVE_OUT_SNAPSHOTS = """
UPDATE blobs SET refs = refs -
    (SELECT COALESCE(SUM(held.refs), 0) FROM snapshot_blobs AS held WHERE held.blob = blobs.id);
"""


class Source(NamedTuple):
    """A table whose rows name bytes."""

    table: str
    key: tuple[str, ...]
    """Columns of its primary key."""
    name: str
    """SQL of the name, BUCKET/KEY."""
    record: str
    """Column of the ObjectRecord; "" for parts, whose record says all."""
    layout: str
    """Column of what has the extents."""


OBJECT_NAME = "bucket || '/' || CAST(key AS TEXT)"
SOURCES = (
    Source("objects", ("bucket", "key"), OBJECT_NAME, "record", "layout"),
    Source("versions", ("bucket", "key", "seq"), OBJECT_NAME, "record", "layout"),
    Source("parts", ("upload", "number"),
           f"(SELECT {OBJECT_NAME} FROM uploads WHERE id = parts.upload)",
           "", "record"),
)  # fmt: skip
"""Of every index; owners of further tables add theirs."""


@dataclass(frozen=True, slots=True)
class Tables:
    """Further tables of a file, for an owner of more than objects: Reader.select, Transaction.run.

    sql: the statements that make them. layout: their number, below 1000, as LAYOUT is ours.
    upgrades: layout -> the statements that make it of the one before it.
    """

    sql: str
    layout: int
    upgrades: Mapping[int, str] = field(default_factory=dict)


def save_log(path: Path) -> None:
    """Rename the -wal file of a missing index: SQLite would remove it."""
    log = path.with_name(f"{path.name}-wal")
    if log.exists():
        lost = path.parent / LOST
        lost.mkdir(mode=0o700, exist_ok=True)
        log.replace(lost / f"{log.name}-{int(time.time())}")


def prepare(connection: sqlite3.Connection, path: Path, tables: Tables | None) -> bool:
    """Make the tables in an empty file, or bring them to our layout; whether the file was empty.

    Raises UsageError for a file whose layout we do not know.
    """
    (number,) = connection.execute("PRAGMA user_version").fetchone()
    further, layout = divmod(number, _FURTHER)
    known = tables.layout if tables is not None else 0
    if layout > LAYOUT or further > known:
        raise UsageError(
            "the store was written by a newer s3d",
            f"{path} has layout {number}, but this s3d supports layouts up to "
            f"{known * _FURTHER + LAYOUT}",
            "install that newer version again",
        )
    steps = [] if layout else [_TABLES]
    steps += [_UPGRADES[old] for old in range(layout or 1, LAYOUT)]
    if 0 < layout <= _COUNTED_SNAPSHOTS and _has_table(connection, "snapshot_blobs"):
        steps.append(_LEAVE_OUT_SNAPSHOTS)
    if tables is not None and not further:
        steps.append(tables.sql)
    elif tables is not None:
        steps += [tables.upgrades[each] for each in range(further + 1, known + 1)]
    if steps:
        number = LAYOUT + known * _FURTHER
        steps = ["BEGIN;", *steps, f"PRAGMA user_version = {number}; COMMIT;"]
        connection.executescript("\n".join(steps))
    return not layout


def _has_table(connection: sqlite3.Connection, name: str) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return connection.execute(query, (name,)).fetchone() is not None
