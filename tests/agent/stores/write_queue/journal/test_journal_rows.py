"""The table of pending writes."""

import pytest

from s3d.agent.core.events import Events
from s3d.agent.storage.index import Index
from s3d.agent.storage.records import Extent, Layout, ObjectRecord, Stored, encode
from s3d.agent.stores.write_queue.journal import journal_rows
from s3d.agent.stores.write_queue.journal.journal import Journal
from s3d.agent.stores.write_queue.journal.pending_write import (
    NO_ORIGIN,
    Base,
    Kind,
    Orphan,
    PendingState,
    PushError,
    RemoteUpload,
    new_write,
)
from s3d.shared.errors import UsageError
from tests.agent.stores.write_queue.first_layout import LAYOUT_1


@pytest.fixture
async def index(tmp_path):
    index = Index.open(tmp_path / "index", ephemeral=True, tables=journal_rows.TABLES)
    yield index
    index.close()


def write(kind=Kind.PUT, key="k"):
    return new_write(0, kind, "bbb", key, 4, 1.0)


def stored(key="k", blob=1):
    return Stored(ObjectRecord(key, size=4), Layout((Extent(blob, 0, 4),), inline=True))


async def enter(index, blob=1, key="k"):
    def action(tx):
        tx.add_blob(blob, 4, b"data")
        return journal_rows.insert(tx, write(key=key), stored(key, blob), Base())

    return await index.write(action)


def blobs(index):
    return index.read_inline(
        lambda reader: reader.select("SELECT id, refs FROM blobs", ()).fetchall()
    )


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
    (found,) = await index.read_in_thread(journal_rows.load)
    assert (found.seq, found.state, found.error) == (seq, PendingState.FAILED, error)
    assert index.read_inline(lambda reader: journal_rows.find(reader, seq)) == (
        stored(),
        upload,
        Base(),
        NO_ORIGIN,
        None,
    )


async def test_numbers_are_never_given_twice(index):
    seq = await enter(index)
    await index.write(lambda tx: journal_rows.drop(tx, seq, pushed=True))
    assert await enter(index, 2) > seq


async def test_the_newest_write_of_a_key_counts(index):
    await enter(index, key="c")
    await index.write(lambda tx: journal_rows.insert(tx, write(Kind.DELETE, "c"), None, Base()))
    assert index.read_inline(lambda r: journal_rows.newest_kind(r, "bbb", "c")) is Kind.DELETE


async def test_a_dropped_upload_is_an_orphan_unless_it_was_pushed(index):
    for blob, pushed in ((1, True), (2, False)):
        seq = await enter(index, blob)
        upload = RemoteUpload(f"upload-{blob}")
        await index.write(lambda tx, seq=seq, up=upload: journal_rows.set_upload(tx, seq, up))
        await index.write(lambda tx, seq=seq, p=pushed: journal_rows.drop(tx, seq, pushed=p))
    orphan = Orphan("bbb", "k", "upload-2")
    assert index.read_inline(journal_rows.orphans) == [orphan]
    assert index.read_inline(lambda reader: journal_rows.uploads_begun(reader, "bbb", 0.0)) == {
        ("k", "upload-2")
    }
    await index.write(lambda tx: journal_rows.drop_orphan(tx, orphan))
    assert index.read_inline(journal_rows.orphans) == []


async def test_progress_without_a_row_is_an_orphan(index):
    gone = write()
    await index.write(
        lambda tx: journal_rows.save_upload(tx=tx, write=gone, upload=RemoteUpload("there"))
    )
    assert index.read_inline(journal_rows.orphans) == [Orphan("bbb", "k", "there")]


def test_a_file_with_a_queue_is_not_opened_as_one_without(tmp_path):
    Index.open(tmp_path / "index", ephemeral=True, tables=journal_rows.TABLES).close()
    with pytest.raises(UsageError, match="newer"):
        Index.open(tmp_path / "index", ephemeral=True)
    Index.open(tmp_path / "index", ephemeral=True, tables=journal_rows.TABLES).close()


@pytest.mark.finding("S3")
async def test_writes_of_the_first_edition_are_upgraded_and_have_an_unknown_base(tmp_path):
    old = Index.open(tmp_path / "queue", ephemeral=True, tables=LAYOUT_1)
    object = stored("put")

    def fill(tx):
        tx.add_blob(1, 5)
        query = """INSERT INTO queue(bucket, key, kind, size, accepted, state, priority, record,
            layout) VALUES ('bbb', ?, ?, 5, 7.5, 'waiting', 0, ?, ?)"""
        tx.run(query, (b"put", "put", encode(object.record), encode(object.layout)))
        tx.run(query, (b"put", "delete", None, None))

    await old.write(fill)
    old.close()
    index = Index.open(tmp_path / "queue", ephemeral=True, tables=journal_rows.TABLES)
    journal = await Journal.open(index, Events(), lambda: 9.0)
    assert [(write.kind, write.first_accepted) for write in journal.pending] == [
        (Kind.PUT, 7.5),
        (Kind.DELETE, 7.5),
    ]
    first, second = journal.pending
    row = await journal.load(first)
    assert row == (object, None, Base(accepted=7.5), NO_ORIGIN, None)
    await journal.outcomes.acknowledge(first.seq, '"e"', state='"e"')
    row = await journal.load(second)
    assert row is not None
    assert row.base == Base(accepted=7.5, etag='"e"')
    index.close()
    with pytest.raises(UsageError, match="newer"):
        Index.open(tmp_path / "queue", ephemeral=True, tables=LAYOUT_1)
