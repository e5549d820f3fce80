from __future__ import annotations

from s3d.agent.storage.index import Index
from s3d.agent.storage.records import Extent, Layout, ObjectRecord, Stored
from s3d.agent.stores.write_queue import conflict_rows, journal_rows
from s3d.agent.stores.write_queue.pending import (
    Conflict,
    Kind,
    PendingState,
    PendingWrite,
    PushError,
)


def conflict(seq, kind=Kind.PUT):
    write = PendingWrite(seq, kind, "b", f"k{seq}", 5, 9.0, PendingState.CONFLICT)
    write.error = PushError("Conflict", "why", at=1.0)
    return Conflict(write, '"ours"', '"theirs"', None)


async def test_a_conflict_is_loaded_as_it_was_and_holds_its_bytes(tmp_path):
    index = Index.open(tmp_path / "index", ephemeral=True, tables=journal_rows.TABLES)
    freed: list[int] = []
    index.on_freed = freed.extend
    stored = Stored(ObjectRecord("k1", etag='"ours"'), Layout((Extent(7, 0, 5),)))

    def enter(tx):
        tx.add_blob(7, 5)
        conflict_rows.insert(tx, conflict(1), stored)
        conflict_rows.insert(tx, conflict(2, Kind.DELETE), None)
        tx.decref(stored.layout)

    await index.write(enter)
    assert await index.read_in_thread(conflict_rows.load) == [conflict(1), conflict(2, Kind.DELETE)]
    assert index.read_inline(lambda reader: conflict_rows.find(reader, 1)) == stored
    assert index.read_inline(lambda reader: conflict_rows.find(reader, 2)) is None
    assert freed == []
    assert await index.write(lambda tx: conflict_rows.drop(tx, 1))
    assert freed == [7]
    assert not await index.write(lambda tx: conflict_rows.drop(tx, 1))
    index.close()
