"""The baseline of a folder: agreements, intents, trash and history, in one SQLite file.

A commit survives a killed agent, and from the next flush() on a power cut. Callers flush an intent
before they move a file or write to the bucket, and record the agreement once the result is durable.
A power cut may lose the last agreements; recovery rebuilds them from the intents. See
baseline_file.py for the file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from s3d.agent.core.path_names import original_of
from s3d.agent.storage.sqlite_file import transaction
from s3d.agent.sync.baseline_evictions import EvictionTable, entry_of
from s3d.agent.sync.baseline_file import connect, flush_log
from s3d.agent.sync.baseline_tables import HistoryTable, Statement, TrashTable
from s3d.agent.sync.path_state import BaselineEntry, Signature


class Intent(msgspec.Struct, frozen=True):
    """An operation on a path that has begun, for recovery after a crash."""

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


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Intent).decode


class Baseline:
    """The baseline file. Each call is one transaction; a thread uses a second connection, see
    other()."""

    def __init__(self, path: Path | None) -> None:
        """path None: in memory, for tests. Raises Damaged, UsageError for a newer layout."""
        self._path = path
        self._db = connect(path)
        self.trash, self.history = (
            TrashTable(self._db, self._write),
            HistoryTable(self._db, self._write),
        )
        self.evictions = EvictionTable(self._db, self._write)
        self._flushing = asyncio.Lock()
        self._written = self._flushed = 0
        """Commits that there were, and how many of the first of them are durable."""

    def close(self) -> None:
        self._db.close()

    def other(self) -> Baseline:
        """A second connection, for another thread."""
        return self if self._path is None else Baseline(self._path)

    async def flush(self) -> None:
        """Wait until all that is committed would survive a power cut. Callers that wait at the same
        time share one sync. Raises OSError."""
        wanted = self._written
        async with self._flushing:
            if self._path is None or self._flushed >= wanted:
                return
            written = self._written
            await asyncio.to_thread(flush_log, self._path)
            self._flushed = written

    def flush_now(self) -> None:
        """Like flush(), for a thread."""
        if self._path is not None:
            flush_log(self._path)

    def _write(self, *statements: Statement) -> None:
        """Run one transaction; any error rolls it back and leaves the connection usable."""
        if len(statements) == 1:  # is a transaction by itself
            self._db.execute(*statements[0])
            self._written += 1
            return
        with transaction(self._db) as db:
            for statement in statements:
                db.execute(*statement)
        self._written += 1

    # Of the folder as a whole

    def get_meta(self, name: str) -> str:
        """ "" when it is not known."""
        row = self._db.execute("SELECT value FROM root WHERE name = ?", (name,)).fetchone()
        return row[0] if row else ""

    def set_meta(self, **values: str) -> None:
        self._write(*_meta_rows(values))

    def forget_all(self, **values: str) -> None:
        """Reset to the state before the first sync: nothing was agreed on, so nothing can be
        deleted. facts: metadata to set in the same transaction."""
        self._write(("DELETE FROM base", ()), ("DELETE FROM intent", ()), *_meta_rows(values))

    # Agreements

    def get(self, path: str) -> BaselineEntry | None:
        row = self._db.execute("SELECT * FROM base WHERE path = ?", (path,)).fetchone()
        return entry_of(row) if row else None

    def signatures(self, under: str = "") -> Iterator[tuple[object, ...]]:
        """Path and signature of all below a folder, in the order of their bytes; of one that was
        young when it was read, a signature that no file has. Evicted files are left out."""
        query = (
            "SELECT path, CASE racy WHEN 0 THEN l_size ELSE -1 END, l_mtime_ns, l_ctime_ns, l_ino "
            "FROM base WHERE path >= ? AND path < ? AND residence <> 1 ORDER BY path"
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
        """The number of agreed files, and their bytes."""
        row = self._db.execute("SELECT files, size FROM totals").fetchone()
        return row[0], row[1]

    def conflicts(self, limit: int) -> list[BaselineEntry]:
        """The paths that are conflict copies by their name."""
        query = (
            "SELECT * FROM base INDEXED BY base_conflicts WHERE instr(path, ' (conflict ') > 0 "
            "ORDER BY path LIMIT ?"
        )
        found = [entry_of(row) for row in self._db.execute(query, (limit,))]
        return [row for row in found if original_of(row.path)]

    def agree(self, base: BaselineEntry) -> None:
        """Record that both sides have a version, and drop the intent of its path."""
        self._write(
            (_AGREE, (base.path, *base.signature, *base[2:7], int(base.residence))),
            ("DELETE FROM intent WHERE path = ?", (base.path,)),
        )

    def drop(self, *paths: str) -> None:
        """Drop the agreements and the intents of paths."""
        self._write(
            *(("DELETE FROM base WHERE path = ?", (path,)) for path in paths),
            *(("DELETE FROM intent WHERE path = ?", (path,)) for path in paths),
        )

    # Intents

    def intend(self, path: str, intent: Intent) -> None:
        row = (path, _encode(intent))
        self._write(("INSERT OR REPLACE INTO intent VALUES (?, ?)", row))

    def intent(self, path: str) -> Intent | None:
        row = self._db.execute("SELECT value FROM intent WHERE path = ?", (path,)).fetchone()
        return _decode(row[0]) if row else None

    def intents(self) -> list[str]:
        """The paths with an intent."""
        return [row[0] for row in self._db.execute("SELECT path FROM intent ORDER BY path")]

    def settle(self, path: str) -> None:
        """Drop the intent of a path."""
        self._write(("DELETE FROM intent WHERE path = ?", (path,)))


_AGREE = (
    "INSERT INTO base(path, l_size, l_mtime_ns, l_ctime_ns, l_ino, mode, sha256, etag, size, racy, "
    "residence) VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(path) DO UPDATE SET "
    "receipt = max(0, iif(base.etag = excluded.etag, base.receipt, 0)), "
    "residence = CASE WHEN base.residence > 0 AND base.sha256 = excluded.sha256 THEN 2 "
    "ELSE excluded.residence END, "
    "l_size = excluded.l_size, l_mtime_ns = excluded.l_mtime_ns, l_ctime_ns = excluded.l_ctime_ns, "
    "l_ino = excluded.l_ino, mode = excluded.mode, sha256 = excluded.sha256, "
    "etag = excluded.etag, size = excluded.size, racy = excluded.racy"
)
"""No REPLACE, for which the triggers of the totals would see no deletion. An evicted file that is
there again with the same bytes was restored, by whomever."""


def _meta_rows(values: Mapping[str, str]) -> list[Statement]:
    return [("INSERT OR REPLACE INTO root VALUES (?, ?)", row) for row in values.items()]
