"""The table of pending writes."""

import pytest

from s3d.agent.storage.index import Index
from s3d.agent.storage.records import Extent, Layout, ObjectRecord, Stored
from s3d.agent.stores.write_queue import journal_rows
from s3d.agent.stores.write_queue.pending import (
    Base,
    Kind,
    Orphan,
    PendingState,
    PendingWrite,
    PushError,
    RemoteUpload,
)
from s3d.shared.errors import UsageError


@pytest.fixture
async def index(tmp_path):
    index = Index.open(tmp_path / "index", ephemeral=True, tables=journal_rows.TABLES)
    yield index
    index.close()


def write(kind=Kind.PUT, key="k"):
    return PendingWrite(0, kind, "bbb", key, 4, 1.0)


def stored(key="k", blob=1):
    return Stored(ObjectRecord(key, size=4), Layout((Extent(blob, 0, 4),), inline=True))


async def enter(index, blob=1, key="k"):
    def action(tx):
        tx.add_blob(blob, 4, b"data")
        return journal_rows.insert(tx, write(key=key), stored(key, blob), Base())

    return await index.write(action)


def blobs(index):
    return index.look(lambda reader: reader.select("SELECT id, refs FROM blobs", ()).fetchall())


async def test_a_row_holds_its_bytes_until_it_is_dropped(index):
    seq = await enter(index)
    assert blobs(index) == [(1, 2)]
    assert await index.write(lambda tx: journal_rows.drop(tx, seq, pushed=True))
    assert blobs(index) == [(1, 1)]
    assert not await index.write(lambda tx: journal_rows.drop(tx, seq, pushed=True))


async def test_a_row_is_loaded_as_it_was_and_waits(index):
    seq = await enter(index)
    error, upload = PushError("AccessDenied", "no", "id", 403, 2.0), RemoteUpload("there", {1: "e"})
    await index.write(lambda tx: journal_rows.set_state(tx, seq, PendingState.FAILED, error))
    await index.write(lambda tx: journal_rows.set_upload(tx, seq, upload))
    (found,) = await index.read(journal_rows.load)
    assert (found.seq, found.state, found.error) == (seq, PendingState.FAILED, error)
    assert index.look(lambda reader: journal_rows.find(reader, seq)) == (
        stored(),
        upload,
        Base(),
    )


async def test_numbers_are_never_given_twice(index):
    seq = await enter(index)
    await index.write(lambda tx: journal_rows.drop(tx, seq, pushed=True))
    assert await enter(index, 2) > seq


async def test_deleted_keys_are_those_whose_newest_write_is_a_delete(index):
    await index.write(lambda tx: journal_rows.insert(tx, write(Kind.DELETE, "a"), None, Base()))
    await enter(index, key="b")
    await index.write(lambda tx: tx.put_current("bbb", stored("b"), None))
    await index.write(lambda tx: journal_rows.insert(tx, write(Kind.DELETE, "c"), None, Base()))
    assert index.look(lambda r: journal_rows.deleted(r, "bbb", b"", b"", 9)) == [b"a", b"c"]
    assert index.look(lambda r: journal_rows.deleted(r, "bbb", b"", b"a", 9)) == [b"c"]
    assert index.look(lambda r: journal_rows.newest(r, "bbb", "c")) is Kind.DELETE


async def test_a_dropped_upload_is_an_orphan_unless_it_was_pushed(index):
    for blob, pushed in ((1, True), (2, False)):
        seq = await enter(index, blob)
        upload = RemoteUpload(f"upload-{blob}")
        await index.write(lambda tx, seq=seq, up=upload: journal_rows.set_upload(tx, seq, up))
        await index.write(lambda tx, seq=seq, p=pushed: journal_rows.drop(tx, seq, pushed=p))
    orphan = Orphan("bbb", "k", "upload-2")
    assert index.look(journal_rows.orphans) == [orphan]
    assert index.look(lambda reader: journal_rows.begun(reader, "bbb")) == {("k", "upload-2")}
    await index.write(lambda tx: journal_rows.drop_orphan(tx, orphan))
    assert index.look(journal_rows.orphans) == []


async def test_progress_without_a_row_is_an_orphan(index):
    gone = write()
    await index.write(
        lambda tx: journal_rows.remember(tx=tx, write=gone, upload=RemoteUpload("there"))
    )
    assert index.look(journal_rows.orphans) == [Orphan("bbb", "k", "there")]


def test_a_file_with_a_queue_is_not_opened_as_one_without(tmp_path):
    Index.open(tmp_path / "index", ephemeral=True, tables=journal_rows.TABLES).close()
    with pytest.raises(UsageError, match="newer"):
        Index.open(tmp_path / "index", ephemeral=True)
    Index.open(tmp_path / "index", ephemeral=True, tables=journal_rows.TABLES).close()
