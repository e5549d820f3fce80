"""What a baseline knows of evictions: which files have receipts, were evicted, or came back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

from s3d.agent.sync.path_state import BaselineEntry, Residence, Signature


class EvictionTable:
    """The columns of the agreements that are about evictions."""

    def __init__(self, db: sqlite3.Connection, write: Callable[..., None]) -> None:
        """write: executes statements in one transaction."""
        self._db, self._write = db, write

    def candidates(self, *, newest_first: bool, has_receipt: bool) -> Iterator[BaselineEntry]:
        """The files that are in the folder, and were never evicted, by the time of their last
        change. has_receipt: those whose upload was verified; else those that are to be."""
        order = "DESC" if newest_first else "ASC"
        query = (
            "SELECT * FROM base WHERE residence = 0 AND substr(path, -1) <> '/' "
            f"AND receipt {'> 0' if has_receipt else '= 0'} ORDER BY l_mtime_ns {order}, path"
        )
        return (entry_of(row) for row in self._db.execute(query))

    def note_receipt(self, path: str, etag: str, verified: float) -> None:
        """The upload of this version was verified at this time; -1: it cannot be."""
        query = "UPDATE base SET receipt = ? WHERE path = ? AND etag = ?"
        self._write((query, (verified, path, etag)))

    def mark_evicted(self, path: str) -> None:
        """The file was removed from the folder: remember that, and drop its intent."""
        self._write(
            ("UPDATE base SET residence = 1 WHERE path = ?", (path,)),
            ("DELETE FROM intent WHERE path = ?", (path,)),
        )

    def mark_restored(self, path: str) -> None:
        """The file is back because the user has asked for it."""
        self._write(("UPDATE base SET residence = 2 WHERE path = ?", (path,)))

    def paths(self, under: str = "") -> list[str]:
        """The paths of the evicted files below a folder, or of the one with this path."""
        query = (
            "SELECT path FROM base INDEXED BY base_evicted WHERE residence = 1 "
            "AND (path = ? OR substr(path, 1, ?) = ?) ORDER BY path"
        )
        return [row[0] for row in self._db.execute(query, (under, len(under), under))]

    def count(self) -> int:
        query = "SELECT count(*) FROM base INDEXED BY base_evicted WHERE residence = 1"
        return int(self._db.execute(query).fetchone()[0])


def entry_of(row: tuple[Any, ...]) -> BaselineEntry:
    """The agreement of a row with all its columns."""
    path, size, mtime, ctime, ino, mode, sha256, etag, bytes_, racy, residence, receipt = row
    signature = Signature(size, mtime, ctime, ino)
    where = Residence(residence)
    return BaselineEntry(path, signature, mode, sha256, etag, bytes_, bool(racy), where, receipt)
