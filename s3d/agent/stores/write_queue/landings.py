"""What the remote was after our last pushes, for a minute: so that a restart does not take an
object of ours for somebody else's when the next write of its key follows within seconds."""

from __future__ import annotations

from s3d.agent.storage.reader import Reader
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.write_queue.remote_states import SHOWN

EACH = 4_096
"""Pushes between two removals of what is too old."""

TABLE = """
-- The state of keys at the remote after our last pushes: an ETag, or '' for a deleted one.
CREATE TABLE landings(bucket TEXT, key BLOB, etag TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY(bucket, key)) WITHOUT ROWID;
"""


def put(tx: Transaction, place: tuple[str, str], etag: str, now: float) -> None:
    """Remember one."""
    bucket, key = place
    tx.run("REPLACE INTO landings VALUES (?, ?, ?, ?)", (bucket, key.encode(), etag, now))


def prune(tx: Transaction, now: float) -> None:
    """Forget those that are too old, and those of a clock that was ahead."""
    tx.run("DELETE FROM landings WHERE at NOT BETWEEN ? AND ?", (now - SHOWN, now))


def load(reader: Reader, since: float) -> list[tuple[str, str, str, float]]:
    """(bucket, key, ETag, Unix seconds), oldest first."""
    query = "SELECT bucket, key, etag, at FROM landings WHERE at >= ? ORDER BY at"
    rows = reader.select(query, (since,))
    return [(bucket, key.decode(), etag, at) for bucket, key, etag, at in rows]
