"""The table of writes that were parked as conflicts: they hold their bytes, and nothing waits for
them. A write keeps its seq when it moves here from the queue."""

from __future__ import annotations

import msgspec

from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import Stored, decode_layout, decode_object, encode
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.write_queue.pending import (
    Conflict,
    Kind,
    PendingState,
    PendingWrite,
    PushError,
)

TABLE = """
-- Writes that the remote has overtaken. etags: of the write, of the remote, and of the base.
CREATE TABLE conflicts(seq INTEGER PRIMARY KEY, bucket TEXT NOT NULL, key BLOB NOT NULL,
    kind TEXT NOT NULL, size INTEGER NOT NULL, accepted REAL NOT NULL, error BLOB NOT NULL,
    etags BLOB NOT NULL, record BLOB, layout BLOB);
"""

_decode_error = msgspec.msgpack.Decoder(PushError).decode
_decode_etags = msgspec.msgpack.Decoder(tuple[str, str, str | None]).decode


def load(reader: Reader) -> list[Conflict]:
    """All of them, in the order of their acceptance."""
    query = """SELECT seq, bucket, key, kind, size, accepted, error, etags
        FROM conflicts ORDER BY seq"""
    return [_conflict(*row) for row in reader.select(query, ())]


def find(reader: Reader, seq: int) -> Stored | None:
    """The object of a conflict; None for a delete, and for a conflict that is gone."""
    query = "SELECT record, layout FROM conflicts WHERE seq = ?"
    row = reader.select(query, (seq,)).fetchone()
    if row is None or row[0] is None:
        return None
    return Stored(decode_object(row[0]), decode_layout(row[1]))


def insert(tx: Transaction, conflict: Conflict, stored: Stored | None) -> None:
    """Enter a conflict, which holds the bytes of stored from now on."""
    write = conflict.write
    record = layout = None
    if stored is not None:
        tx.incref(stored.layout.extents)
        record, layout = encode(stored.record), encode(stored.layout)
    etags = msgspec.msgpack.encode((conflict.etag, conflict.remote_etag, conflict.base_etag))
    place = (write.seq, write.bucket, write.key.encode(), write.kind, write.size, write.accepted)
    tx.run(
        "INSERT INTO conflicts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*place, encode(write.error or PushError("")), etags, record, layout),
    )


def drop(tx: Transaction, seq: int) -> bool:
    """Remove a conflict and let its bytes go; False when it is gone already."""
    row = tx.select("SELECT layout FROM conflicts WHERE seq = ?", (seq,)).fetchone()
    if row is None:
        return False
    tx.run("DELETE FROM conflicts WHERE seq = ?", (seq,))
    if row[0] is not None:
        tx.decref(decode_layout(row[0]))
    return True


def _conflict(
    seq: int,
    bucket: str,
    key: bytes,
    kind: str,
    size: int,
    accepted: float,
    error: bytes,
    etags: bytes,
) -> Conflict:
    write = PendingWrite(
        seq=seq,
        kind=Kind(kind),
        bucket=bucket,
        key=key.decode(),
        size=size,
        accepted=accepted,
        state=PendingState.CONFLICT,
        error=_decode_error(error),
    )
    return Conflict(write, *_decode_etags(etags))
