"""The annotations of versions of objects: rows of the index, which go with their version.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/annotations-overview.html
"""

from __future__ import annotations

import msgspec

from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import Checksum, DataKey, Encryption, ObjectRecord
from s3d.agent.storage.transaction import Transaction

UPGRADE = """
CREATE TABLE annotations(bucket TEXT, key BLOB, seq INTEGER, name TEXT, record BLOB NOT NULL,
    payload BLOB NOT NULL, PRIMARY KEY(bucket, key, seq, name)) WITHOUT ROWID;
"""
"""Layout 4 of the index."""

_IS_VERSION = "bucket = ? AND key = ? AND seq = ?"


class AnnotationRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One annotation without its payload."""

    name: str
    size: int
    """Bytes."""
    etag: str
    """Quoted MD5 of the payload."""
    modified: float
    """Unix seconds."""
    checksum: Checksum | None = None
    encryption: Encryption | None = None
    """Where the key is that its data key is encrypted with; None: the payload is in plain."""
    data_key: DataKey | None = None


def annotation(
    reader: Reader, bucket: str, record: ObjectRecord, name: str
) -> tuple[AnnotationRecord, bytes] | None:
    """The named annotation of a version and what is stored of its payload."""
    if not record.annotations:
        return None
    query = f"SELECT record, payload FROM annotations WHERE {_IS_VERSION} AND name = ?"
    row = reader.select(query, (*_place(bucket, record), name)).fetchone()
    return None if row is None else (_decode(row[0]), bytes(row[1]))


def all_annotations(
    reader: Reader, bucket: str, record: ObjectRecord
) -> list[tuple[AnnotationRecord, bytes]]:
    """All annotations of a version with what is stored of their payloads."""
    if not record.annotations:
        return []
    query = f"SELECT record, payload FROM annotations WHERE {_IS_VERSION}"
    rows = reader.select(query, _place(bucket, record))
    return [(_decode(row), bytes(payload)) for row, payload in rows]


def annotation_page(
    reader: Reader, bucket: str, record: ObjectRecord, prefix: str, after: str, limit: int
) -> list[AnnotationRecord]:
    """Annotations whose names have the prefix and are greater than after, in order."""
    if not record.annotations:
        return []
    query = f"""SELECT record FROM annotations
                WHERE {_IS_VERSION} AND name > ? AND name >= ? AND name < ? ORDER BY name LIMIT ?"""
    place = (*_place(bucket, record), after, prefix, prefix + "\U0010ffff", limit)
    return [_decode(row) for (row,) in reader.select(query, place)]


def put_annotation(
    tx: Transaction, bucket: str, record: ObjectRecord, new: AnnotationRecord, payload: bytes
) -> None:
    """Add an annotation to a version, or replace the one of its name. payload: as it is stored. The
    count in the record is the caller's."""
    query = "REPLACE INTO annotations VALUES (?, ?, ?, ?, ?, ?)"
    tx.run(query, (*_place(bucket, record), new.name, _encode(new), payload))


def drop_annotation(tx: Transaction, bucket: str, record: ObjectRecord, name: str) -> bool:
    """Remove an annotation; whether there was one. The count in the record is the caller's."""
    query = f"DELETE FROM annotations WHERE {_IS_VERSION} AND name = ?"
    return bool(tx.run(query, (*_place(bucket, record), name)).rowcount)


def drop_annotations(tx: Transaction, bucket: str, record: ObjectRecord) -> None:
    """Remove all annotations of a version."""
    if record.annotations:
        tx.run(f"DELETE FROM annotations WHERE {_IS_VERSION}", _place(bucket, record))


def move_annotations(tx: Transaction, bucket: str, old: ObjectRecord, new: ObjectRecord) -> None:
    """Give the annotations of a version to the version that takes its place."""
    if old.annotations:
        tx.run(
            f"UPDATE annotations SET key = ?, seq = ? WHERE {_IS_VERSION}",
            (new.key.encode(), new.seq, *_place(bucket, old)),
        )


def copy_annotations(
    tx: Transaction, source: tuple[str, ObjectRecord], target: tuple[str, ObjectRecord]
) -> int:
    """Give a version a copy of another one's annotations, and return how many these are.

    source, target: bucket and version.
    """
    if not source[1].annotations:
        return 0
    query = f"""INSERT INTO annotations SELECT ?, ?, ?, name, record, payload FROM annotations
                WHERE {_IS_VERSION}"""
    return int(tx.run(query, (*_place(*target), *_place(*source))).rowcount)


def _place(bucket: str, record: ObjectRecord) -> tuple[str, bytes, int]:
    return bucket, record.key.encode(), record.seq


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(AnnotationRecord).decode
