"""Snapshots of everything in an index, and its reset: for stores that are made for tests.

A blob never changes, so a snapshot copies rows and no bytes: the rows of TABLES go to tables of
their own, with the name of the snapshot in front, and snapshot_blobs says how many references the
copied rows have to each blob. blobs.refs are those of the rows in use; a blob without any stays as
long as a snapshot names it. So no snapshot and no reset has to decode a row, and none writes the
rows of blobs again, which contain the bytes of small objects.

Each change is one action of the index, and so one transaction. The tables are made by the first
snapshot; the index of any other store has none of them. Rows of the bucket "" are of the index
itself and stay.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from s3d.agent.core import failpoint
from s3d.agent.storage.reader import Reader, has_snapshots
from s3d.agent.storage.tables import OBJECT_NAME, SOURCES, Source
from s3d.agent.storage.transaction import Transaction

Forget = Callable[[], None]
"""Drops all cached records of the index."""


class _Table(NamedTuple):
    """A table of the index whose rows a snapshot copies."""

    name: str
    columns: str
    key: str
    """Columns of its primary key."""
    where: str = ""
    """Which rows belong to buckets."""


TABLES = (
    _Table("buckets", "name, record", "name"),
    _Table("settings", "bucket, name, value", "bucket, name", "WHERE bucket <> ''"),
    _Table("totals", "bucket, objects, size", "bucket", "WHERE bucket <> ''"),
    _Table("objects", "bucket, key, record, layout", "bucket, key"),
    _Table("versions", "bucket, key, seq, is_null, record, layout", "bucket, key, seq"),
    _Table("uploads", "bucket, key, id, record", "bucket, key, id"),
    _Table("parts", "upload, number, record", "upload, number"),
    _Table("annotations", "bucket, key, seq, name, record, payload", "bucket, key, seq, name"),
)
PREFIX = "snapshot_"
"""A table of copied rows has the name of the table that they are of behind this."""

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS snapshots(name TEXT PRIMARY KEY, created REAL NOT NULL,
        buckets INTEGER NOT NULL, objects INTEGER NOT NULL, size INTEGER NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS snapshot_blobs(blob INTEGER, snapshot TEXT, refs INTEGER NOT NULL,
        PRIMARY KEY(blob, snapshot)) WITHOUT ROWID""",
    *(
        f"""CREATE TABLE IF NOT EXISTS {PREFIX}{table.name}(snapshot TEXT, {table.columns},
            PRIMARY KEY(snapshot, {table.key})) WITHOUT ROWID"""
        for table in TABLES
    ),
)
_IS_HELD = "EXISTS (SELECT 1 FROM snapshot_blobs AS held WHERE held.blob = blobs.id)"
_REFS_OF_SNAPSHOT = """(SELECT COALESCE(SUM(one.refs), 0) FROM snapshot_blobs AS one
              WHERE one.blob = blobs.id AND one.snapshot = ?)"""
"""References that one snapshot has to a blob."""


_UPLOAD = f"""(SELECT {OBJECT_NAME} FROM {PREFIX}uploads AS of_part
              WHERE of_part.snapshot = {PREFIX}parts.snapshot AND id = {PREFIX}parts.upload)"""
"""The name of a copied part, for a check."""


class Snapshot(NamedTuple):
    """A snapshot. created: Unix seconds; objects and size: as StoreTotals."""

    name: str
    created: float
    buckets: int
    objects: int
    size: int


class Removed(NamedTuple):
    """How much a reset has removed."""

    buckets: int
    objects: int


def snapshots(reader: Reader) -> list[Snapshot]:
    """All, by name."""
    if not has_snapshots(reader):
        return []
    query = "SELECT name, created, buckets, objects, size FROM snapshots ORDER BY name"
    return [Snapshot(*row) for row in reader.select(query, ())]


def save(tx: Transaction, name: str, now: float) -> Snapshot:
    """Take a snapshot; one of the same name is replaced. now: Unix seconds."""
    tx.settle()  # the totals of earlier actions of the group, which are still in memory
    for statement in _SCHEMA:
        tx.run(statement, ())
    tx.note_snapshot()
    _drop(tx, name)
    for table in TABLES:
        tx.run(
            f"""INSERT INTO {PREFIX}{table.name}(snapshot, {table.columns})
                SELECT ?, {table.columns} FROM {table.name} {table.where}""",
            (name,),
        )
    failpoint.hit("snapshot.copied")
    tx.run(
        """INSERT INTO snapshot_blobs(blob, snapshot, refs)
           SELECT id, ?, refs FROM blobs WHERE refs > 0""",
        (name,),
    )
    found = Snapshot(name, now, _count_buckets(tx), *tx.totals())
    tx.run("INSERT INTO snapshots(name, created, buckets, objects, size) VALUES (?, ?, ?, ?, ?)",
           found)  # fmt: skip
    return found


def restore(tx: Transaction, name: str, forget: Forget) -> Snapshot | None:
    """Make the content of the index that of a snapshot, which stays; None: there is none."""
    found = next((each for each in snapshots(tx) if each.name == name), None)
    if found is None:
        return None
    _empty(tx, forget)
    failpoint.hit("snapshot.emptied")
    for table in TABLES:
        tx.run(
            f"""INSERT INTO {table.name}({table.columns})
                SELECT {table.columns} FROM {PREFIX}{table.name} WHERE snapshot = ?""",
            (name,),
        )
    tx.run(
        f"UPDATE blobs SET refs = {_REFS_OF_SNAPSHOT} WHERE refs <> {_REFS_OF_SNAPSHOT}",
        (name, name),
    )
    return found


def drop(tx: Transaction, name: str) -> bool:
    """Remove a snapshot, and the blobs that only it has named; False: there is none."""
    if all(each.name != name for each in snapshots(tx)):
        return False
    _drop(tx, name)
    return True


def reset(tx: Transaction, forget: Forget) -> Removed:
    """Remove all buckets with all that is in them; what was removed. Snapshots stay."""
    tx.settle()
    removed = Removed(_count_buckets(tx), tx.totals().objects)
    _empty(tx, forget)
    failpoint.hit("snapshot.emptied")
    if has_snapshots(tx):
        tx.run("UPDATE blobs SET refs = 0 WHERE refs <> 0", ())
    return removed


def _empty(tx: Transaction, forget: Forget) -> None:
    """Remove the rows in use, and the blobs that no snapshot names. The references of the others
    are the caller's to set. Events that wait for their delivery are of changes that never happened
    now, so they go as well, and no snapshot has any."""
    for table in TABLES:
        tx.run(f"DELETE FROM {table.name} {table.where}", ())
    tx.run("DELETE FROM events", ())
    of_none = f"AND NOT {_IS_HELD}" if has_snapshots(tx) else ""
    files = tx.select(f"SELECT id FROM blobs WHERE data IS NULL {of_none}", ())
    tx.effects.freed += [blob for (blob,) in files]
    tx.run(f"DELETE FROM blobs {of_none.replace('AND', 'WHERE', 1)}", ())
    tx.forget_buckets()
    tx.on_commit(forget)


def _drop(tx: Transaction, name: str) -> None:
    """Nothing for a snapshot that does not exist."""
    for table in TABLES:
        tx.run(f"DELETE FROM {PREFIX}{table.name} WHERE snapshot = ?", (name,))
    tx.run("DELETE FROM snapshot_blobs WHERE snapshot = ?", (name,))
    unnamed = f"refs = 0 AND NOT {_IS_HELD}"
    files = tx.select(f"SELECT id FROM blobs WHERE {unnamed} AND data IS NULL", ())
    tx.effects.freed += [blob for (blob,) in files]
    tx.run(f"DELETE FROM blobs WHERE {unnamed}", ())
    tx.run("DELETE FROM snapshots WHERE name = ?", (name,))


def _count_buckets(tx: Transaction) -> int:
    return int(tx.select("SELECT count(*) FROM buckets", ()).fetchone()[0])


def check_sources(reader: Reader) -> list[Source]:
    """The tables whose rows name bytes, with those of snapshots if there are any."""
    if not has_snapshots(reader):
        return list(SOURCES)
    return [*SOURCES, *map(_copied, SOURCES)]


def _copied(source: Source) -> Source:
    name = _UPLOAD if source.table == "parts" else source.name
    return source._replace(
        table=PREFIX + source.table,
        key=("snapshot", *source.key),
        name=f"'snapshot ' || snapshot || ': ' || {name}",
    )
