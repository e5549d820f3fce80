"""What a listing costs while 100,000 writes are pending."""

from __future__ import annotations

import time

import pytest

from s3d.agent.storage.index import Index
from s3d.agent.storage.records import Layout, ObjectRecord, encode
from s3d.agent.stores.write_queue.journal import journal_rows
from s3d.agent.stores.write_queue.journal.pending_write import Kind
from tests.agent.loop_costs import LONGEST, measure_callbacks
from tests.contract.client import Client
from tests.contract.queued import queue_before

PENDING = 100_000
ROUNDS = 5
"""Listings of which the cheapest counts: the others include what else the machine does."""
EMPTY_MD5 = '"d41d8cd98f00b204e9800998ecf8427e"'
MAX_COST = {Kind.PUT: 0.015, Kind.DELETE: 0.045}
"""Seconds of CPU of a page, all threads, by what is pending."""


async def fill(folder, kind: Kind) -> None:
    """Pending writes, as a crash leaves them."""
    folder.mkdir()
    index = Index.open(folder / "index.sqlite", ephemeral=True, tables=journal_rows.TABLES)
    enter = """INSERT INTO queue(bucket, key, kind, size, accepted, state, priority, record, layout)
        VALUES ('bucket', ?, ?, 0, 1.0, 'waiting', 0, ?, ?)"""
    stage = "INSERT INTO objects VALUES ('bucket', ?, ?, ?)"
    layout = encode(Layout())

    def write(tx):
        for number in range(PENDING):
            key = f"k/{number:07d}"
            if kind is Kind.DELETE:
                tx.run(enter, (key.encode(), kind, None, None))
                continue
            record = encode(ObjectRecord(key=key, etag=EMPTY_MD5))
            tx.run(enter, (key.encode(), kind, record, layout))
            tx.run(stage, (key.encode(), record, layout))

    await index.write(write)
    index.close()


@pytest.fixture
def callbacks(monkeypatch):
    return measure_callbacks(monkeypatch)


@pytest.mark.slow
@pytest.mark.finding("Q10")
@pytest.mark.parametrize("delimiter", ["", "/"])
@pytest.mark.parametrize("kind", [Kind.PUT, Kind.DELETE])
async def test_a_listing_does_not_look_at_all_that_is_pending(
    remote, there, bucket, tmp_path, callbacks, kind, delimiter
):
    await fill(tmp_path / "queue", kind)
    await there.put(bucket, "k/z", b"data")
    async with queue_before(remote, tmp_path / "queue", lazy=True) as queue:
        s3 = Client(queue.store)
        asked = {"Bucket": bucket, "Delimiter": delimiter, "MaxKeys": 100}
        await s3("ListObjectsV2", **asked)  # threads and tables are made
        costs, longest = [], []
        for _ in range(ROUNDS):
            callbacks.clear()
            begun = time.process_time()
            listed = await s3("ListObjectsV2", **asked)
            costs.append(time.process_time() - begun)
            longest.append(max(callbacks)[0])
    if delimiter:
        assert listed.names("CommonPrefixes", "Prefix") == ["k/"]
    elif kind is Kind.DELETE:
        assert listed.names("Contents", "Key") == ["k/z"]
    else:
        assert listed.names("Contents", "Key") == [f"k/{number:07d}" for number in range(100)]
    assert min(costs) < MAX_COST[kind]
    assert min(longest) < LONGEST
