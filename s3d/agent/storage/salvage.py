"""Copies the readable rows of a damaged index file into a new one.

SQLite finds a row through the pages above it, so rows behind a damaged page can only be read from
the other end of the table; rows between two damaged pages are lost. The new file does not count as
the newest index of its folder, so that files of lost rows are moved to lost+found and not removed.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import msgspec

from s3d.agent.storage.disk import LOST
from s3d.agent.storage.records import decode_part, decode_row
from s3d.agent.storage.tables import Tables, prepare
from s3d.shared.atomic_file import sync_folder

_SIDES = ("", "-wal", "-shm")


def salvage(path: Path, tables: Tables | None) -> int:
    """Replace a damaged index, which is moved to lost+found, by a new one; return the number of
    copied rows.

    No process may have the file open. Raises OSError, UsageError for a file of a newer s3d.
    """
    fresh = path.with_name(f"{path.name}.salvaged")
    fresh.unlink(missing_ok=True)
    with (
        closing(sqlite3.connect(fresh, isolation_level=None)) as new,
        closing(sqlite3.connect(path, isolation_level=None)) as old,
    ):
        with suppress(sqlite3.DatabaseError):
            prepare(old, path, tables)  # an older layout becomes ours first
        prepare(new, fresh, tables)
        new.execute("BEGIN")
        saved = sum(_copy(old, new, name, key) for name, key in _tables(new))
        _count_again(new)
        new.execute("COMMIT")
    _put_aside(path)
    fresh.rename(path)
    sync_folder(path.parent)
    return saved


def _tables(new: sqlite3.Connection) -> list[tuple[str, list[str]]]:
    """Name and columns of the primary key of each table."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    found = []
    for (name,) in new.execute(query).fetchall():
        columns = new.execute(f"PRAGMA table_info({name})").fetchall()
        key = sorted((column[5], column[1]) for column in columns if column[5])
        found.append((name, [column for _, column in key]))
    return found


def _copy(old: sqlite3.Connection, new: sqlite3.Connection, table: str, key: list[str]) -> int:
    """Read a table from both ends."""
    there = set(_columns(old, table))
    columns = ", ".join(shared := [name for name in _columns(new, table) if name in there])
    into = f"INSERT OR REPLACE INTO {table}({columns}) VALUES ({', '.join('?' * len(shared))})"
    for order in (", ".join(key), ", ".join(f"{column} DESC" for column in key)):
        if shared:
            new.executemany(into, _read(old, f"SELECT {columns} FROM {table} ORDER BY {order}"))
    (count,) = new.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(count)


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in _read(connection, f"PRAGMA table_info({table})")]


def _read(old: sqlite3.Connection, query: str) -> Iterator[tuple[Any, ...]]:
    """As far as it goes."""
    with suppress(sqlite3.DatabaseError):
        yield from old.execute(query)


def _count_again(new: sqlite3.Connection) -> None:
    """Make the totals of what is left, with a generation that is older than any."""
    totals: dict[str, list[int]] = {"": [0, 0]}
    uploads = dict(new.execute("SELECT id, bucket FROM uploads"))
    sizes: list[tuple[str, int, bytes, Callable[[bytes], Any]]] = [
        *((b, 1, r, decode_row) for b, r in new.execute("SELECT bucket, record FROM objects")),
        *((b, 0, r, decode_row) for b, r in new.execute("SELECT bucket, record FROM versions")),
        *((uploads.get(u, ""), 0, r, decode_part)
          for u, r in new.execute("SELECT upload, record FROM parts")),
    ]  # fmt: skip
    for bucket, count, record, decode in sizes:
        total = totals.setdefault(bucket, [0, 0])
        total[0] += count
        with suppress(msgspec.DecodeError):
            total[1] += decode(record).size
    new.execute("DELETE FROM totals")
    rows = [(bucket, *total) for bucket, total in totals.items()]
    new.executemany("INSERT INTO totals(bucket, objects, size) VALUES (?, ?, ?)", rows)


def _put_aside(path: Path) -> None:
    lost = path.parent / LOST
    lost.mkdir(mode=0o700, exist_ok=True)
    now = int(time.time())
    for side in _SIDES:
        file = path.with_name(path.name + side)
        if file.exists():
            file.rename(lost / f"{path.name}-damaged-{now}{side}")
