"""Answers of CompleteMultipartUpload, as the staging index keeps them."""

from __future__ import annotations

import pytest

from s3d.agent.core.events import Events
from s3d.agent.storage.index import Index, Tables
from s3d.agent.storage.records import Checksum, Description, Layout, ObjectRecord, encode
from s3d.agent.stores.write_queue import aliases, completions, journal_rows
from s3d.agent.stores.write_queue.journal import Journal

LAYOUT_1 = Tables(
    """
CREATE TABLE queue(seq INTEGER PRIMARY KEY AUTOINCREMENT, bucket TEXT NOT NULL, key BLOB NOT NULL,
    kind TEXT NOT NULL, size INTEGER NOT NULL, accepted REAL NOT NULL, state TEXT NOT NULL,
    priority INTEGER NOT NULL, error BLOB, upload BLOB, record BLOB, layout BLOB);
CREATE INDEX queue_keys ON queue(bucket, key);
CREATE TABLE orphans(bucket TEXT, key BLOB, upload TEXT, begun REAL NOT NULL,
    PRIMARY KEY(bucket, key, upload, begun)) WITHOUT ROWID;
"""
    + aliases.TABLE,
    layout=1,
)
"""As the first edition made the queue."""


def record(upload_id: str, **further: object) -> ObjectRecord:
    return ObjectRecord(key="a b", etag='"e-1"', upload_id=upload_id, **further)


@pytest.fixture
def index(tmp_path):
    made = Index.open(tmp_path / "index", ephemeral=True, tables=journal_rows.TABLES)
    yield made
    made.close()


@pytest.mark.finding("Q6")
async def test_an_answer_is_kept_for_more_than_a_day(index):
    about = Description(headers={"ServerSideEncryption": "AES256", "ContentType": "text/plain"})
    first = record("1", checksum=Checksum("CRC32", "AAAA-1", "COMPOSITE"), description=about)
    await index.write(lambda tx: completions.put(tx, "bbb", first, 1000.0))
    await index.write(lambda tx: completions.put(tx, "bbb", record("2"), 1000.0 + 86_400))
    assert index.read_inline(lambda reader: completions.find(reader, "bbb", "a b", "1")) == {
        "Location": "/bbb/a%20b",
        "Bucket": "bbb",
        "Key": "a b",
        "ETag": '"e-1"',
        "ServerSideEncryption": "AES256",
        "ChecksumCRC32": "AAAA-1",
        "ChecksumType": "COMPOSITE",
    }
    later = 1000.0 + completions.LIFE + 1
    await index.write(lambda tx: completions.put(tx, "bbb", record("3"), later))
    found = [index.read_inline(lambda r, n=n: completions.find(r, "bbb", "a b", n)) for n in "123"]
    assert [answer is not None for answer in found] == [False, True, True]


@pytest.mark.finding("Q6")
async def test_uploads_that_an_earlier_s3d_has_completed_are_answered_again(tmp_path):
    index = Index.open(tmp_path / "index", ephemeral=True, tables=LAYOUT_1)
    insert = """INSERT INTO
        queue(bucket, key, kind, size, accepted, state, priority, record, layout)
        VALUES ('bbb', CAST('a b' AS BLOB), 'put', 0, 1000.0, 'waiting', 0, ?, ?)"""
    for upload_id in ("", "1"):
        row = (encode(record(upload_id)), encode(Layout()))
        await index.write(lambda tx, row=row: tx.run(insert, row))
    index.close()
    for _ in range(2):
        index = Index.open(tmp_path / "index", ephemeral=True, tables=journal_rows.TABLES)
        journal = await Journal.open(index, Events(), lambda: 2000.0)
        assert len(journal.writes("bbb")) == 2
        answer = journal.completion("bbb", "a b", "1")
        assert answer is not None
        assert answer["ETag"] == '"e-1"'
        assert journal.completion("bbb", "a b", "") is None
        index.close()
