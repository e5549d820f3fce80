"""What CompleteMultipartUpload was answered with, so that a repetition gets the same answer.

A client whose connection broke sends the request again, perhaps after the object was pushed,
overwritten or deleted; the remote knows nothing of an upload that was staged here.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
"""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from s3d.agent.s3.checksums import member_of
from s3d.agent.s3.messages import Members
from s3d.agent.s3.object_headers import ENCRYPTION
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import ObjectRecord, Stored, decode_object, encode
from s3d.agent.storage.transaction import Transaction

LIFE = 2 * 86_400.0
"""Seconds that an answer is kept."""

TABLE = """
-- Answers of CompleteMultipartUpload.
CREATE TABLE completions(bucket TEXT, key BLOB, upload TEXT, answer BLOB NOT NULL,
    at REAL NOT NULL, PRIMARY KEY(bucket, key, upload)) WITHOUT ROWID;
CREATE INDEX completion_times ON completions(at);
"""

UPGRADE = TABLE + "REPLACE INTO settings VALUES ('', 'queue.enter_completions', x'31');"
"""For an index that may hold completed uploads already: see enter_pending."""

_TO_ENTER = ("", "queue.enter_completions")

_decode = msgspec.msgpack.Decoder(dict[str, str | bool]).decode


def find(reader: Reader, bucket: str, key: str, upload_id: str) -> Members | None:
    """The answer; None: no such upload was completed here lately."""
    query = "SELECT answer FROM completions WHERE bucket = ? AND key = ? AND upload = ?"
    row = reader.select(query, (bucket, key.encode(), upload_id)).fetchone()
    return None if row is None else dict(_decode(row[0]))


def put(tx: Transaction, bucket: str, record: ObjectRecord, now: float) -> None:
    """Remember that an upload has made this object, and forget those that are too old."""
    row = (bucket, record.key.encode(), record.upload_id, encode(_answer(bucket, record)), now)
    tx.run("REPLACE INTO completions VALUES (?, ?, ?, ?, ?)", row)
    tx.run("DELETE FROM completions WHERE at < ?", (now - LIFE,))


def drop(tx: Transaction, bucket: str, stored: Stored | None) -> None:
    """The object was given up before the remote had it: its upload made nothing."""
    if stored is not None and stored.record.upload_id:
        place = (bucket, stored.record.key.encode(), stored.record.upload_id)
        tx.run("DELETE FROM completions WHERE bucket = ? AND key = ? AND upload = ?", place)


def must_enter_pending(reader: Reader) -> bool:
    """Whether this index is one of an earlier s3d, which kept no answers."""
    return reader.setting(*_TO_ENTER) is not None


def enter_pending(tx: Transaction, now: float) -> None:
    """Enter the answers to uploads that an earlier s3d has completed and not pushed."""
    query = "SELECT bucket, record FROM queue WHERE kind = 'put' AND record IS NOT NULL"
    for bucket, encoded in tx.select(query, ()).fetchall():
        record = decode_object(encoded)
        if record.upload_id:
            put(tx, bucket, record, now)
    tx.put_setting(*_TO_ENTER, None)


def _answer(bucket: str, record: ObjectRecord) -> Members:
    answer: Members = {
        "Location": f"/{bucket}/{quote(record.key)}",
        "Bucket": bucket,
        "Key": record.key,
        "ETag": record.etag,
    }
    headers = record.about.headers
    answer |= {name: headers[name] for name in ENCRYPTION if name in headers}
    if record.checksum is not None:
        answer[member_of(record.checksum.algorithm)] = record.checksum.value
        answer["ChecksumType"] = record.checksum.kind
    return answer
