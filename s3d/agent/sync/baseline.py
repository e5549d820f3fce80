"""What a folder remembers: agreements, intents, the trash, and a history. One SQLite file a folder.

WAL with synchronous=NORMAL: a killed agent loses nothing. A power cut may take the last rows; then
what was agreed on is older than both sides, which compare equal and agree anew.

Layout 1, in PRAGMA user_version. A file of a newer layout is refused.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from s3d.agent.sync.names import original_of
from s3d.agent.sync.state import Base, Signature
from s3d.shared.errors import UsageError

LAYOUT = 1
HISTORY = 10_000
"""Rows of the history that are kept."""

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


class Intent(msgspec.Struct, frozen=True):
    """What was begun with a path, so that it can be understood after a crash."""

    action: str
    signature: Signature | None = None
    """Of the local file when it began; None: there was none."""
    sha256: str = ""
    etag: str = ""
    stage: str = ""
    """Name of the staged file or the trash entry."""
    staged: Signature | None = None
    """Of the staged file."""
    size: int = 0
    """Of the object."""
    md5: str = ""
    mode: int = 0
    upload: str = ""
    """Upload id of a multipart upload."""


@dataclass(frozen=True, slots=True)
class Trashed:
    """A file in the trash, by the id that is its name there."""

    id: str
    path: str
    signature: Signature
    """Without ctime, which the move has changed."""
    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class Happened:
    """One row of the history. trash: where the file is that it replaced or removed."""

    id: int
    at: float
    action: str
    path: str
    detail: str
    trash: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Intent).decode


class Baseline:
    """The file. Each call is one transaction; iterate rows() of another one to read meanwhile."""

    def __init__(self, path: Path | None) -> None:
        """path None: in memory, for tests. Raises UsageError for a newer layout."""
        self._path = path
        name = ":memory:" if path is None else str(path)
        self._db = sqlite3.connect(name, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA case_sensitive_like = ON")
        (layout,) = self._db.execute("PRAGMA user_version").fetchone()
        if layout > LAYOUT:
            self._db.close()
            raise UsageError(
                "the memory of a sync folder is of a newer s3d", str(path), "update s3d"
            )
        if layout == 0:
            self._db.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {LAYOUT}; COMMIT;")

    def close(self) -> None:
        self._db.close()

    def other(self) -> Baseline:
        """A second connection, for another thread."""
        return self if self._path is None else Baseline(self._path)

    # Of the folder as a whole

    def fact(self, name: str) -> str:
        """ "" when it is not known."""
        row = self._db.execute("SELECT value FROM root WHERE name = ?", (name,)).fetchone()
        return row[0] if row else ""

    def set_facts(self, **facts: str) -> None:
        self._db.executemany("INSERT OR REPLACE INTO root VALUES (?, ?)", list(facts.items()))

    def forget_all(self) -> None:
        """As before the first sync: nothing was agreed on, so nothing can be deleted."""
        self._db.executescript("BEGIN; DELETE FROM base; DELETE FROM intent; COMMIT;")

    # Agreements

    def get(self, path: str) -> Base | None:
        row = self._db.execute("SELECT * FROM base WHERE path = ?", (path,)).fetchone()
        return _base(row) if row else None

    def rows(self) -> Iterator[Base]:
        """All, in the order of their bytes."""
        return map(_base, self._db.execute("SELECT * FROM base ORDER BY path"))

    def signatures(self, under: str = "") -> Iterator[tuple[object, ...]]:
        """Path and signature of all below a folder, in the order of their bytes; of one that was
        young when it was read, a signature that no file has."""
        query = (
            "SELECT path, CASE racy WHEN 0 THEN l_size ELSE -1 END, l_mtime_ns, l_ctime_ns, l_ino "
            "FROM base WHERE path >= ? AND path < ? ORDER BY path"
        )
        return self._db.execute(query, (under, under[:-1] + "0" if under else "\U0010ffff"))

    def identities(self, after: str, last: str | None) -> Iterator[tuple[object, ...]]:
        """Path, ETag and size of all after a path, up to another one or to the end, in the order
        of their bytes."""
        query = (
            "SELECT path, etag, size FROM base WHERE path > ? AND (? IS NULL OR path <= ?) "
            "ORDER BY path"
        )
        return self._db.execute(query, (after, last, last))

    def count(self) -> tuple[int, int]:
        """Files that were agreed on, and their bytes."""
        query = "SELECT count(*), coalesce(sum(size), 0) FROM base WHERE path NOT LIKE '%/'"
        row = self._db.execute(query).fetchone()
        return row[0], row[1]

    def conflicts(self, limit: int) -> list[Base]:
        """Those that are conflict copies by their name."""
        query = "SELECT * FROM base WHERE path LIKE '% (conflict %' ORDER BY path LIMIT ?"
        found = [_base(row) for row in self._db.execute(query, (limit,))]
        return [row for row in found if original_of(row.path)]

    def agree(self, base: Base) -> None:
        """Both sides have it now; what was intended is done."""
        row = (base.path, *base.signature, *base[2:])
        self._both(
            ("INSERT OR REPLACE INTO base VALUES (?,?,?,?,?,?,?,?,?,?)", row),
            ("DELETE FROM intent WHERE path = ?", (base.path,)),
        )

    def drop(self, path: str) -> None:
        """There is no agreement any more; what was intended is done."""
        self._both(
            ("DELETE FROM base WHERE path = ?", (path,)),
            ("DELETE FROM intent WHERE path = ?", (path,)),
        )

    def _both(self, *statements: tuple[str, tuple[object, ...]]) -> None:
        self._db.execute("BEGIN")
        for statement in statements:
            self._db.execute(*statement)
        self._db.execute("COMMIT")

    # Intents

    def intend(self, path: str, intent: Intent) -> None:
        self._db.execute("INSERT OR REPLACE INTO intent VALUES (?, ?)", (path, _encode(intent)))

    def intent(self, path: str) -> Intent | None:
        row = self._db.execute("SELECT value FROM intent WHERE path = ?", (path,)).fetchone()
        return _decode(row[0]) if row else None

    def intents(self) -> list[str]:
        """The paths with one."""
        return [row[0] for row in self._db.execute("SELECT path FROM intent ORDER BY path")]

    def settle(self, path: str) -> None:
        """It is done, or came to nothing."""
        self._db.execute("DELETE FROM intent WHERE path = ?", (path,))

    # Trash and history

    def trash(self, row: Trashed) -> None:
        size, mtime_ns, _, ino = row.signature
        values = (row.id, row.path, size, mtime_ns, ino, row.reason, row.at)
        self._db.execute("INSERT OR REPLACE INTO trash VALUES (?,?,?,?,?,?,?)", values)

    def trashed(self, *, since: float = 0.0, before: float = float("inf")) -> list[Trashed]:
        """The oldest first. since, before: Unix seconds."""
        query = "SELECT * FROM trash WHERE at >= ? AND at < ? ORDER BY at"
        return [_trashed(row) for row in self._db.execute(query, (since, before))]

    def trash_of(self, id: str) -> Trashed | None:
        row = self._db.execute("SELECT * FROM trash WHERE id = ?", (id,)).fetchone()
        return _trashed(row) if row else None

    def untrash(self, id: str) -> None:
        self._db.execute("DELETE FROM trash WHERE id = ?", (id,))

    def note(self, at: float, action: str, path: str, detail: str = "", trash: str = "") -> None:
        """Add to the history; the oldest rows go."""
        query = "INSERT INTO history(at, action, path, detail, trash) VALUES (?,?,?,?,?)"
        number = self._db.execute(query, (at, action, path, detail, trash)).lastrowid or 0
        if number % 1000 == 0:
            self._db.execute("DELETE FROM history WHERE id <= ?", (number - HISTORY,))

    def history(self, limit: int, *, path: str = "") -> list[Happened]:
        """The newest first; of one path, if one is given."""
        query = "SELECT * FROM history WHERE ? IN ('', path) ORDER BY id DESC LIMIT ?"
        return [Happened(*row) for row in self._db.execute(query, (path, limit))]


def _base(row: tuple[object, ...]) -> Base:
    path, size, mtime, ctime, ino, mode, sha256, etag, bytes_, racy = row
    return Base(path, Signature(size, mtime, ctime, ino), mode, sha256, etag, bytes_, bool(racy))  # type: ignore[arg-type]


def _trashed(row: tuple[object, ...]) -> Trashed:
    id, path, size, mtime_ns, ino, reason, at = row
    return Trashed(id, path, Signature(size, mtime_ns, 0, ino), reason, at)  # type: ignore[arg-type]
