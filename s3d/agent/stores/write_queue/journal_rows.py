"""The table of pending writes, in the file of the staging index: its statements, and nothing else.

A row owns its bytes: it holds the blobs of its layout, whatever becomes of the staged object. Each
row says what its key is after it, so any of them may go without a loss to the others. The staged
object (a row of objects) is what reads see: the state after the newest row.
"""

from __future__ import annotations

import msgspec

from s3d.agent.storage.index import Tables
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import Stored, decode_layout, decode_object, encode
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.write_queue import (
    aliases,
    completions,
    conflict_rows,
    doubts,
    landings,
)
from s3d.agent.stores.write_queue.pending import (
    Base,
    Kind,
    NewerWritePending,
    Orphan,
    PendingState,
    PendingWrite,
    PushError,
    RemoteUpload,
    StagedWrite,
)

_UPLOADS = "CREATE INDEX queue_uploads ON queue(bucket) WHERE upload IS NOT NULL;"
_OF_LAYOUT_3 = conflict_rows.TABLE + doubts.TABLE + landings.TABLE

TABLES = Tables(
    """
CREATE TABLE queue(seq INTEGER PRIMARY KEY AUTOINCREMENT, bucket TEXT NOT NULL, key BLOB NOT NULL,
    kind TEXT NOT NULL, size INTEGER NOT NULL, accepted REAL NOT NULL, state TEXT NOT NULL,
    priority INTEGER NOT NULL, error BLOB, upload BLOB, record BLOB, layout BLOB, base BLOB);
CREATE INDEX queue_keys ON queue(bucket, key);
-- Multipart uploads at the remote whose write has gone: to be aborted.
CREATE TABLE orphans(bucket TEXT, key BLOB, upload TEXT, begun REAL NOT NULL,
    PRIMARY KEY(bucket, key, upload, begun)) WITHOUT ROWID;
"""
    + aliases.TABLE
    + completions.TABLE
    + _UPLOADS
    + _OF_LAYOUT_3,
    layout=3,
    upgrades={
        2: completions.UPGRADE + _UPLOADS,
        3: "ALTER TABLE queue ADD COLUMN base BLOB;" + _OF_LAYOUT_3,
    },
)
"""For Index.open. record and layout are NULL for a delete; error and upload when there is none;
base in rows of layout 1 or 2."""

_SLIM = "seq, kind, bucket, key, size, accepted, state, priority, error"

_decode_error = msgspec.msgpack.Decoder(PushError).decode
_decode_upload = msgspec.msgpack.Decoder(RemoteUpload).decode
_decode_base = msgspec.msgpack.Decoder(Base).decode


def load(reader: Reader) -> list[PendingWrite]:
    """All writes, in the order of their acceptance. What was being pushed waits again."""
    return [_slim(*row) for row in reader.select(f"SELECT {_SLIM} FROM queue ORDER BY seq", ())]


def find(reader: Reader, seq: int) -> StagedWrite | None:
    """The full row; None when it is not there any more."""
    query = "SELECT record, layout, upload, base, accepted FROM queue WHERE seq = ?"
    row = reader.select(query, (seq,)).fetchone()
    if row is None:
        return None
    record, layout, upload, base, accepted = row
    stored = None if record is None else Stored(decode_object(record), decode_layout(layout))
    return StagedWrite(
        stored,
        None if upload is None else _decode_upload(upload),
        Base(written=accepted) if base is None else _decode_base(base),
    )


def of_key(reader: Reader, bucket: str, key: str) -> list[PendingWrite]:
    """The writes of a key, oldest first."""
    query = f"SELECT {_SLIM} FROM queue WHERE bucket = ? AND key = ? ORDER BY seq"
    return [_slim(*row) for row in reader.select(query, (bucket, key.encode()))]


def check_none_pending(reader: Reader, bucket: str, key: str, but: int = 0) -> None:
    """Raise NewerWritePending when a write of the key is in the queue. but: seq of one that may.

    A person's old write would take the place of that one, or go out behind it and replace it.
    """
    if any(each.seq != but for each in of_key(reader, bucket, key)):
        raise NewerWritePending(bucket, key)


def newest(reader: Reader, bucket: str, key: str) -> Kind | None:
    """The kind of the newest write of a key."""
    query = "SELECT kind FROM queue WHERE bucket = ? AND key = ? ORDER BY seq DESC LIMIT 1"
    row = reader.select(query, (bucket, key.encode())).fetchone()
    return None if row is None else Kind(row[0])


def begun(reader: Reader, bucket: str) -> set[tuple[str, str]]:
    """(key, id) of the uploads that the pusher has begun at the remote; id "": not known yet."""
    query = "SELECT key, upload FROM queue WHERE bucket = ? AND upload IS NOT NULL"
    rows = reader.select(query, (bucket,))
    found = {(key.decode(), _decode_upload(upload).upload_id) for key, upload in rows}
    orphans = reader.select("SELECT key, upload FROM orphans WHERE bucket = ?", (bucket,))
    return found | {(key.decode(), upload) for key, upload in orphans}


def uploads(reader: Reader, bucket: str, key: str) -> set[str]:
    """Ids of the uploads with which writes of a key go on; "": one whose id is not known yet."""
    query = "SELECT upload FROM queue WHERE bucket = ? AND key = ? AND upload IS NOT NULL"
    found = reader.select(query, (bucket, key.encode()))
    return {_decode_upload(upload).upload_id for (upload,) in found}


def first(reader: Reader, bucket: str, key: str) -> tuple[int, Base] | None:
    """Seq and base of the oldest write of a key."""
    query = (
        "SELECT seq, base, accepted FROM queue WHERE bucket = ? AND key = ? ORDER BY seq LIMIT 1"
    )
    row = reader.select(query, (bucket, key.encode())).fetchone()
    if row is None:
        return None
    seq, base, accepted = row
    return seq, Base(written=accepted) if base is None else _decode_base(base)


def set_base(tx: Transaction, seq: int, base: Base) -> bool:
    """False when the row is gone."""
    return bool(tx.run("UPDATE queue SET base = ? WHERE seq = ?", (encode(base), seq)).rowcount)


def insert(tx: Transaction, write: PendingWrite, stored: Stored | None, base: Base) -> int:
    """Enter a write, which holds the bytes of stored from now on; its seq."""
    record = layout = None
    if stored is not None:
        tx.incref(stored.layout.extents)
        record, layout = encode(stored.record), encode(stored.layout)
    query = """INSERT INTO queue(bucket, key, kind, size, accepted, state, priority,
        record, layout, base) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
    cursor = tx.run(
        query,
        (
            write.bucket,
            write.key.encode(),
            write.kind,
            write.size,
            write.accepted,
            write.state,
            write.priority,
            record,
            layout,
            encode(base),
        ),
    )
    return int(cursor.lastrowid)


def drop(tx: Transaction, seq: int, *, pushed: bool) -> bool:
    """Remove a row and let its bytes go; False when it is gone already.

    pushed: the remote has it; otherwise an upload that was begun there is an orphan now.
    """
    query = "SELECT bucket, key, layout, upload FROM queue WHERE seq = ?"
    row = tx.select(query, (seq,)).fetchone()
    if row is None:
        return False
    bucket, key, layout, upload = row
    tx.run("DELETE FROM queue WHERE seq = ?", (seq,))
    if layout is not None:
        tx.decref(decode_layout(layout))
    if upload is not None and not pushed:
        begun = _decode_upload(upload)
        add_orphan(tx, Orphan(bucket, key.decode(), begun.upload_id, begun.begun))
    return True


def move_upload(tx: Transaction, old: int, new: int) -> None:
    """Let another row go on with the upload that one has begun."""
    tx.run(
        "UPDATE queue SET upload = (SELECT upload FROM queue WHERE seq = ?) WHERE seq = ?",
        (old, new),
    )
    tx.run("UPDATE queue SET upload = NULL WHERE seq = ?", (old,))


def orphans(reader: Reader) -> list[Orphan]:
    """Uploads at the remote that nobody will complete."""
    found = reader.select("SELECT bucket, key, upload, begun FROM orphans", ())
    return [Orphan(bucket, key.decode(), upload, begun) for bucket, key, upload, begun in found]


def add_orphan(tx: Transaction, orphan: Orphan) -> None:
    place = (orphan.bucket, orphan.key.encode(), orphan.upload_id, orphan.begun)
    tx.run("REPLACE INTO orphans VALUES (?, ?, ?, ?)", place)


def drop_orphan(tx: Transaction, orphan: Orphan) -> None:
    query = "DELETE FROM orphans WHERE bucket = ? AND key = ? AND upload = ? AND begun = ?"
    tx.run(query, (orphan.bucket, orphan.key.encode(), orphan.upload_id, orphan.begun))


def set_state(tx: Transaction, seq: int, state: PendingState, error: PushError | None) -> bool:
    """False when the row is gone."""
    kept = None if error is None else encode(error)
    query = "UPDATE queue SET state = ?, error = ? WHERE seq = ?"
    return bool(tx.run(query, (state, kept, seq)).rowcount)


def set_states(seqs: list[int], state: PendingState, tx: Transaction) -> None:
    """Of several, and what they failed with is forgotten."""
    for seq in seqs:
        set_state(tx, seq, state, None)


def set_kind(tx: Transaction, seq: int, kind: Kind) -> None:
    """A write of tags alone brings the object too."""
    tx.run("UPDATE queue SET kind = ? WHERE seq = ?", (kind, seq))


def set_priority(tx: Transaction, seq: int, priority: int) -> None:
    tx.run("UPDATE queue SET priority = ? WHERE seq = ?", (priority, seq))


def set_upload(tx: Transaction, seq: int, upload: RemoteUpload | None) -> bool:
    """False when the row is gone."""
    kept = None if upload is None else encode(upload)
    return bool(tx.run("UPDATE queue SET upload = ? WHERE seq = ?", (kept, seq)).rowcount)


def remember(write: PendingWrite, upload: RemoteUpload | None, tx: Transaction) -> None:
    """Note how far an upload has come; without a row to note it in, it is an orphan."""
    if not set_upload(tx, write.seq, upload) and upload is not None:
        add_orphan(tx, Orphan(write.bucket, write.key, upload.upload_id, upload.begun))


def restage(tx: Transaction, bucket: str, key: str) -> None:
    """Let reads see what the newest row says, or nothing when there is no row."""
    left = of_key(tx, bucket, key)
    row = find(tx, left[-1].seq) if left else None
    wanted, current = row.stored if row is not None else None, tx.current(bucket, key.encode())
    if wanted is not None and current is not None and current.record == wanted.record:
        return
    if wanted is not None:
        tx.incref(wanted.layout.extents)
    if current is not None:
        tx.decref(current.layout)
    if wanted is not None:
        tx.put_current(bucket, wanted, current.record if current is not None else None)
    elif current is not None:
        tx.drop_current(bucket, current.record)


def unstage(tx: Transaction, bucket: str, key: str) -> None:
    """Take the staged object away, if there is one."""
    current = tx.current(bucket, key.encode())
    if current is not None:
        tx.decref(current.layout)
        tx.drop_current(bucket, current.record)


def _slim(
    seq: int,
    kind: str,
    bucket: str,
    key: bytes,
    size: int,
    accepted: float,
    state: str,
    priority: int,
    error: bytes | None,
) -> PendingWrite:
    return PendingWrite(
        seq=seq,
        kind=Kind(kind),
        bucket=bucket,
        key=key.decode(),
        size=size,
        accepted=accepted,
        state=PendingState(state),
        error=None if error is None else _decode_error(error),
        priority=priority,
    )
