"""The schema of the journal, in the staging index, and the statements of queue and orphans.

A row of queue owns its bytes: it holds the blobs of its layout, whatever happens to the staged
object. Each row describes its key after the write, so any row may be removed without damage to the
others. The staged object (a row of objects) is what reads return: the state after the newest row.
"""

from __future__ import annotations

from sys import intern

import msgspec
from msgspec.structs import replace

from s3d.agent.storage.index import Tables
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import Stored, decode_layout, decode_object, encode
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.write_queue.journal.pending_write import (
    NO_ORIGIN,
    Base,
    CopySource,
    Kind,
    NewerWritePending,
    Origin,
    Orphan,
    PendingState,
    PendingWrite,
    PushError,
    RemoteUpload,
    StagedWrite,
    new_write,
)

_ALIASES = """
-- The ETag that a client was told, and what the remote calls the same bytes. Newest of each key.
CREATE TABLE aliases(bucket TEXT, key BLOB, told TEXT NOT NULL, etag TEXT NOT NULL,
    at REAL NOT NULL, PRIMARY KEY(bucket, key)) WITHOUT ROWID;
CREATE INDEX alias_times ON aliases(at);
"""
_COMPLETIONS = """
-- Answers of CompleteMultipartUpload.
CREATE TABLE completions(bucket TEXT, key BLOB, upload TEXT, answer BLOB NOT NULL,
    at REAL NOT NULL, PRIMARY KEY(bucket, key, upload)) WITHOUT ROWID;
CREATE INDEX completion_times ON completions(at);
"""
_MUST_ENTER_COMPLETIONS = "REPLACE INTO settings VALUES ('', 'queue.enter_completions', x'31');"
"""For an index that may hold completed uploads: journal_history.enter_pending_completions."""
_UPLOADS = "CREATE INDEX queue_uploads ON queue(bucket) WHERE upload IS NOT NULL;"
_LAYOUT_3_TABLES = """
-- Writes that the remote has overtaken. etags: of the write, of the remote, and of the base.
CREATE TABLE conflicts(seq INTEGER PRIMARY KEY, bucket TEXT NOT NULL, key BLOB NOT NULL,
    kind TEXT NOT NULL, size INTEGER NOT NULL, accepted REAL NOT NULL, error BLOB NOT NULL,
    etags BLOB NOT NULL, record BLOB, layout BLOB);

-- Unresolved pushes, which may arrive late: the ETag that they leave ('' for a delete), until when,
-- and the states of the key in which the remote would take them (NULL: in any).
CREATE TABLE doubts(bucket TEXT, key BLOB, etag TEXT, until REAL NOT NULL, states BLOB,
    PRIMARY KEY(bucket, key, etag)) WITHOUT ROWID;

-- Recent pushes, the state of keys at the remote after them: an ETag, or '' for a deleted one.
CREATE TABLE landings(bucket TEXT, key BLOB, etag TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY(bucket, key)) WITHOUT ROWID;
"""

TABLES = Tables(
    """
CREATE TABLE queue(seq INTEGER PRIMARY KEY AUTOINCREMENT, bucket TEXT NOT NULL, key BLOB NOT NULL,
    kind TEXT NOT NULL, size INTEGER NOT NULL, accepted REAL NOT NULL, state TEXT NOT NULL,
    priority INTEGER NOT NULL, error BLOB, upload BLOB, record BLOB, layout BLOB, base BLOB,
    origin BLOB, source BLOB);
CREATE INDEX queue_keys ON queue(bucket, key);
-- Multipart uploads at the remote whose write has gone: to be aborted.
CREATE TABLE orphans(bucket TEXT, key BLOB, upload TEXT, begun REAL NOT NULL,
    PRIMARY KEY(bucket, key, upload, begun)) WITHOUT ROWID;
"""
    + _ALIASES
    + _COMPLETIONS
    + _UPLOADS
    + _LAYOUT_3_TABLES,
    layout=5,
    upgrades={
        2: _COMPLETIONS + _MUST_ENTER_COMPLETIONS + _UPLOADS,
        3: "ALTER TABLE queue ADD COLUMN base BLOB;" + _LAYOUT_3_TABLES,
        4: "ALTER TABLE queue ADD COLUMN origin BLOB;",
        5: "ALTER TABLE queue ADD COLUMN source BLOB;",
    },
)
"""For Index.open. record and layout are NULL for a delete; error and upload may be NULL; base is
NULL in rows that layout 1 or 2 wrote, and origin in those of layouts 1 to 3. source is NULL but for
a copy."""

_SLIM = "seq, kind, bucket, key, size, accepted, state, priority, error, source"

_decode_error = msgspec.msgpack.Decoder(PushError).decode
_decode_upload = msgspec.msgpack.Decoder(RemoteUpload).decode
_decode_origin = msgspec.msgpack.Decoder(Origin).decode
_decode_base = msgspec.msgpack.Decoder(Base).decode
_decode_source = msgspec.msgpack.Decoder(CopySource).decode


def load(reader: Reader) -> list[PendingWrite]:
    """All writes, in the order of their acceptance. PUSHING exists in memory only."""
    return [
        pending_write(*row) for row in reader.select(f"SELECT {_SLIM} FROM queue ORDER BY seq", ())
    ]


def find(reader: Reader, seq: int) -> StagedWrite | None:
    """The full row; None when it no longer exists."""
    query = "SELECT record, layout, upload, base, accepted, origin, source FROM queue WHERE seq = ?"
    row = reader.select(query, (seq,)).fetchone()
    if row is None:
        return None
    record, layout, upload, base, accepted, origin, source = row
    stored = None if record is None else Stored(decode_object(record), decode_layout(layout))
    return StagedWrite(
        stored,
        None if upload is None else _decode_upload(upload),
        Base(accepted) if base is None else _decode_base(base),
        NO_ORIGIN if origin is None else _decode_origin(origin),
        None if source is None else _decode_source(source),
    )


def retagged_source(reader: Reader, seq: int) -> CopySource | None:
    """The source of a copy that is to get other tags than its source has."""
    row = find(reader, seq)
    source = None if row is None else row.source
    return None if source is None else replace(source, replaces_tags=True)


def of_key(reader: Reader, bucket: str, key: str) -> list[PendingWrite]:
    """The writes of a key, oldest first."""
    query = f"SELECT {_SLIM} FROM queue WHERE bucket = ? AND key = ? ORDER BY seq"
    return [pending_write(*row) for row in reader.select(query, (bucket, key.encode()))]


def check_none_pending(reader: Reader, bucket: str, key: str, but: int = 0) -> None:
    """Raise NewerWritePending when a write of the key is in the queue, other than seq `but`.

    An old write that the user moves here would replace the newer one.
    """
    if any(each.seq != but for each in of_key(reader, bucket, key)):
        raise NewerWritePending(bucket, key)


def newest_kind(reader: Reader, bucket: str, key: str) -> Kind | None:
    """The kind of the newest write of a key."""
    query = "SELECT kind FROM queue WHERE bucket = ? AND key = ? ORDER BY seq DESC LIMIT 1"
    row = reader.select(query, (bucket, key.encode())).fetchone()
    return None if row is None else Kind(row[0])


def uploads_begun(reader: Reader, bucket: str, lost_since: float) -> set[tuple[str, str]]:
    """(key, id) of the uploads that pushes have begun at the remote; id "": not known yet.

    lost_since: of the orphans without an id, those that were begun since then, Unix seconds.
    """
    query = "SELECT key, upload FROM queue WHERE bucket = ? AND upload IS NOT NULL"
    rows = reader.select(query, (bucket,))
    found = {(key.decode(), _decode_upload(upload).upload_id) for key, upload in rows}
    query = "SELECT key, upload FROM orphans WHERE bucket = ? AND (upload != '' OR begun >= ?)"
    orphans = reader.select(query, (bucket, lost_since))
    return found | {(key.decode(), upload) for key, upload in orphans}


def upload_ids(reader: Reader, bucket: str, key: str) -> set[str]:
    """Ids of the uploads that writes of a key will continue; "": its id is not known yet."""
    query = "SELECT upload FROM queue WHERE bucket = ? AND key = ? AND upload IS NOT NULL"
    found = reader.select(query, (bucket, key.encode()))
    return {_decode_upload(upload).upload_id for (upload,) in found}


def oldest(reader: Reader, bucket: str, key: str) -> tuple[int, Base] | None:
    """Seq and base of the oldest write of a key."""
    query = (
        "SELECT seq, base, accepted FROM queue WHERE bucket = ? AND key = ? ORDER BY seq LIMIT 1"
    )
    row = reader.select(query, (bucket, key.encode())).fetchone()
    if row is None:
        return None
    seq, base, accepted = row
    return seq, Base(accepted) if base is None else _decode_base(base)


def set_base(tx: Transaction, seq: int, base: Base) -> bool:
    """Update the row; False when it no longer exists."""
    return bool(tx.run("UPDATE queue SET base = ? WHERE seq = ?", (encode(base), seq)).rowcount)


def insert(
    tx: Transaction,
    write: PendingWrite,
    stored: Stored | None,
    base: Base,
    origin: Origin = NO_ORIGIN,
    source: CopySource | None = None,
) -> int:
    """Insert a write, which holds the bytes of stored from now on; returns its seq. source: of a
    copy."""
    record = layout = None
    if stored is not None:
        tx.incref(stored.layout.extents)
        record, layout = encode(stored.record), encode(stored.layout)
    query = """INSERT INTO queue(bucket, key, kind, size, accepted, state, priority,
        record, layout, base, origin, source) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
    cursor = tx.run(
        query,
        (
            write.bucket,
            write.key.encode(),
            write.kind,
            write.size,
            write.first_accepted,
            write.state,
            write.priority,
            record,
            layout,
            encode(base),
            encode(origin) if origin.request_id else None,
            None if source is None else encode(source),
        ),
    )
    return int(cursor.lastrowid)


def drop(tx: Transaction, seq: int, *, pushed: bool) -> bool:
    """Remove a row and release its bytes; False when it no longer exists.

    pushed: the remote has the write; otherwise its multipart upload becomes an orphan.
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
    """Let another row continue the upload that a row has begun."""
    tx.run(
        "UPDATE queue SET upload = (SELECT upload FROM queue WHERE seq = ?) WHERE seq = ?",
        (old, new),
    )
    tx.run("UPDATE queue SET upload = NULL WHERE seq = ?", (old,))


def orphans(reader: Reader) -> list[Orphan]:
    """Orphaned multipart uploads at the remote."""
    found = reader.select("SELECT bucket, key, upload, begun FROM orphans", ())
    return [Orphan(bucket, key.decode(), upload, begun) for bucket, key, upload, begun in found]


def add_orphan(tx: Transaction, orphan: Orphan) -> None:
    place = (orphan.bucket, orphan.key.encode(), orphan.upload_id, orphan.begun)
    tx.run("REPLACE INTO orphans VALUES (?, ?, ?, ?)", place)


def drop_orphan(tx: Transaction, orphan: Orphan) -> None:
    query = "DELETE FROM orphans WHERE bucket = ? AND key = ? AND upload = ? AND begun = ?"
    tx.run(query, (orphan.bucket, orphan.key.encode(), orphan.upload_id, orphan.begun))


def set_state(tx: Transaction, seq: int, state: PendingState, error: PushError | None) -> bool:
    """Update the row; False when it no longer exists."""
    encoded = None if error is None else encode(error)
    query = "UPDATE queue SET state = ?, error = ? WHERE seq = ?"
    return bool(tx.run(query, (state, encoded, seq)).rowcount)


def set_states(seqs: list[int], state: PendingState, tx: Transaction) -> None:
    """Set the state of several writes, and clear their errors."""
    for seq in seqs:
        set_state(tx, seq, state, None)


def set_kind(tx: Transaction, seq: int, kind: Kind) -> None:
    """A tags write becomes a put, which sends the object too."""
    tx.run("UPDATE queue SET kind = ? WHERE seq = ?", (kind, seq))


def set_priority(tx: Transaction, seq: int, priority: int) -> None:
    tx.run("UPDATE queue SET priority = ? WHERE seq = ?", (priority, seq))


def set_upload(tx: Transaction, seq: int, upload: RemoteUpload | None) -> bool:
    """Update the row; False when it no longer exists."""
    encoded = None if upload is None else encode(upload)
    return bool(tx.run("UPDATE queue SET upload = ? WHERE seq = ?", (encoded, seq)).rowcount)


def save_upload(write: PendingWrite, upload: RemoteUpload | None, tx: Transaction) -> None:
    """Save the progress of an upload; without its row, the upload is an orphan.

    So is an earlier one whose id was lost: the remote may still begin it.
    """
    earlier = _upload(tx, write.seq)
    if upload is not None and earlier is not None and not earlier.upload_id:
        lost = Orphan(write.bucket, write.key, "", earlier.begun)
        if lost.begun != upload.begun:
            add_orphan(tx, lost)
    if not set_upload(tx, write.seq, upload) and upload is not None:
        add_orphan(tx, Orphan(write.bucket, write.key, upload.upload_id, upload.begun))


def _upload(reader: Reader, seq: int) -> RemoteUpload | None:
    row = reader.select("SELECT upload FROM queue WHERE seq = ?", (seq,)).fetchone()
    return None if row is None or row[0] is None else _decode_upload(row[0])


def restage(tx: Transaction, bucket: str, key: str) -> None:
    """Make the object of the newest row the staged one; without a row there is none."""
    left = of_key(tx, bucket, key)
    row = find(tx, left[-1].seq) if left else None
    newest, current = row.stored if row is not None else None, tx.current(bucket, key.encode())
    if newest is not None and current is not None and current.record == newest.record:
        return
    if newest is not None:
        tx.incref(newest.layout.extents)
    if current is not None:
        tx.decref(current.layout)
    if newest is not None:
        tx.put_current(bucket, newest, current.record if current is not None else None)
    elif current is not None:
        tx.drop_current(bucket, current.record)


def unstage(tx: Transaction, bucket: str, key: str) -> None:
    """Remove the staged object, if there is one."""
    current = tx.current(bucket, key.encode())
    if current is not None:
        tx.decref(current.layout)
        tx.drop_current(bucket, current.record)


def pending_write(
    seq: int,
    kind: str,
    bucket: str,
    key: bytes,
    size: int,
    accepted: float,
    state: str,
    priority: int,
    error: bytes | None,
    source: bytes | None = None,
) -> PendingWrite:
    """A row of the queue, without what only its push needs. error, source: encoded."""
    return new_write(
        seq=seq,
        kind=Kind(kind),
        bucket=intern(bucket),  # one string for all writes of a bucket
        key=key.decode(),
        size=size,
        first_accepted=accepted,
        state=PendingState(state),
        error=None if error is None else _decode_error(error),
        priority=priority,
        source=_blocked_source(key.decode(), source),
    )


def _blocked_source(key: str, source: bytes | None) -> str:
    """The other key that has to wait for this copy; "" for none."""
    found = "" if source is None else _decode_source(source).key
    return "" if found == key else found
