"""The tables of a baseline for the trash and the history. See baseline.py for its transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from s3d.agent.sync.path_state import Signature

HISTORY = 10_000
"""Maximum number of rows of the history."""

EVICTED = "evicted"
"""The reason of a file whose upload has a receipt: the trash keeps it for a minute only."""

Statement = tuple[str, tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class TrashEntry:
    """A file in the trash, by the id that is its name there."""

    id: str
    path: str
    signature: Signature
    """Without ctime, which the move has changed."""
    reason: str
    at: float
    age: float = 0.0
    """Of the trash when it came there, see trash.py."""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One row of the history. trash: where the file is that it replaced or removed."""

    id: int
    at: float
    action: str
    path: str
    detail: str
    trash: str


class TrashTable:
    """The rows of files in the trash, by id."""

    def __init__(self, db: sqlite3.Connection, write: Callable[..., None]) -> None:
        """write: executes statements in one transaction."""
        self._db, self._write = db, write

    def add(self, row: TrashEntry) -> None:
        size, mtime_ns, _, ino = row.signature
        values = (row.id, row.path, size, mtime_ns, ino, row.reason, row.at, row.age)
        self._write(("INSERT OR REPLACE INTO trash VALUES (?,?,?,?,?,?,?,?)", values))

    def rows(
        self, *, since: float = float("-inf"), before: float = float("inf"), limit: int = -1
    ) -> list[TrashEntry]:
        """The oldest rows first. since, before: age of the trash when they were added, in
        seconds."""
        query = "SELECT * FROM trash WHERE age >= ? AND age < ? ORDER BY age, at LIMIT ?"
        return [_trashed(row) for row in self._db.execute(query, (since, before, limit))]

    def evicted(self, *, before: float) -> list[TrashEntry]:
        """The evicted files that came here before this age of the trash, the oldest first."""
        query = "SELECT * FROM trash WHERE age < ? AND reason = ? ORDER BY age LIMIT 1000"
        return [_trashed(row) for row in self._db.execute(query, (before, EVICTED))]

    def count(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM trash").fetchone()[0])

    def get(self, id: str) -> TrashEntry | None:
        row = self._db.execute("SELECT * FROM trash WHERE id = ?", (id,)).fetchone()
        return _trashed(row) if row else None

    def remove(self, id: str) -> None:
        self._write(("DELETE FROM trash WHERE id = ?", (id,)))


class HistoryTable:
    """The history of changed paths; only the newest rows are stored."""

    def __init__(self, db: sqlite3.Connection, write: Callable[..., None]) -> None:
        """write: executes statements in one transaction."""
        self._db, self._write = db, write

    def add(self, at: float, action: str, path: str, detail: str = "", trash: str = "") -> None:
        """Append rows, and delete the oldest ones beyond the limit."""
        query = "INSERT INTO history(at, action, path, detail, trash) VALUES (?,?,?,?,?)"
        number = self._db.execute(query, (at, action, path, detail, trash)).lastrowid or 0
        if number % 1000 == 0:
            self._write(("DELETE FROM history WHERE id <= ?", (number - HISTORY,)))

    def last_trashed(self, *, id: int = 0, path: str = "") -> HistoryEntry | None:
        """The newest row whose file is still in the trash, by id or path."""
        query = (
            "SELECT history.* FROM history JOIN trash ON trash.id = history.trash "
            "WHERE history.trash <> '' AND ? IN (0, history.id) AND ? IN ('', history.path) "
            "ORDER BY history.id DESC LIMIT 1"
        )
        row = self._db.execute(query, (id, path)).fetchone()
        return HistoryEntry(*row) if row else None

    def rows(self, limit: int, *, path: str = "") -> list[HistoryEntry]:
        """The newest rows first; optionally of one path."""
        query = "SELECT * FROM history WHERE ? IN ('', path) ORDER BY id DESC LIMIT ?"
        return [HistoryEntry(*row) for row in self._db.execute(query, (path, limit))]


def _trashed(row: tuple[object, ...]) -> TrashEntry:
    id, path, size, mtime_ns, ino, reason, at, age = row
    return TrashEntry(id, path, Signature(size, mtime_ns, 0, ino), reason, at, age)  # type: ignore[arg-type]
