"""The tables of the queue as the first edition of s3d made them."""

from __future__ import annotations

from s3d.agent.storage.index import Tables
from s3d.agent.stores.write_queue.journal import journal_rows

LAYOUT_1 = Tables(
    """
CREATE TABLE queue(seq INTEGER PRIMARY KEY AUTOINCREMENT, bucket TEXT NOT NULL, key BLOB NOT NULL,
    kind TEXT NOT NULL, size INTEGER NOT NULL, accepted REAL NOT NULL, state TEXT NOT NULL,
    priority INTEGER NOT NULL, error BLOB, upload BLOB, record BLOB, layout BLOB);
CREATE INDEX queue_keys ON queue(bucket, key);
CREATE TABLE orphans(bucket TEXT, key BLOB, upload TEXT, begun REAL NOT NULL,
    PRIMARY KEY(bucket, key, upload, begun)) WITHOUT ROWID;
"""
    + journal_rows._ALIASES,
    layout=1,
)
