import pytest

from s3d.agent.storage.reader import known_blobs
from s3d.agent.storage.records import (
    BucketRecord,
    Extent,
    Layout,
    ObjectRecord,
    PartRecord,
    Stored,
    StoreTotals,
    UploadRecord,
)


def stored(key="k", size=10, **fields):
    return Stored(ObjectRecord(key, size=size, **fields), Layout())


def layout(*blobs, inline=False):
    return Layout(tuple(Extent(blob, 0, 1) for blob in blobs), inline=inline)


@pytest.fixture
def freed(index):
    freed = []
    index.on_freed = freed.extend
    return freed


async def test_a_blob_goes_with_its_last_holder(index, freed):
    await index.write(lambda tx: tx.add_blob(1, 10))
    assert await index.write(lambda tx: tx.incref(layout(1, 1).extents))
    await index.write(lambda tx: tx.decref(layout(1)))
    await index.write(lambda tx: tx.decref(layout(1)))
    assert index.read_inline(lambda reader: known_blobs(reader, [1, 2])) == {1}
    assert freed == []
    await index.write(lambda tx: tx.decref(layout(1)))
    assert index.read_inline(lambda reader: known_blobs(reader, [1, 2])) == set()
    assert freed == [1]


async def test_a_blob_in_the_index_has_no_file_to_remove(index, freed):
    await index.write(lambda tx: tx.add_blob(1, 4, b"data"))
    assert index.read_inline(lambda reader: reader.data(Extent(1, 0, 4))) == b"data"
    await index.write(lambda tx: tx.decref(layout(1, inline=True)))
    assert index.read_inline(lambda reader: known_blobs(reader, [1])) == set()
    assert freed == []


async def test_what_is_gone_cannot_be_held_not_even_in_part(index, freed):
    await index.write(lambda tx: tx.add_blob(1, 10))
    assert not await index.write(lambda tx: tx.incref(layout(1, 2).extents))
    await index.write(lambda tx: tx.decref(layout(1)))
    assert freed == [1]


async def test_files_are_removed_only_when_the_group_is_committed(index, freed):
    await index.write(lambda tx: tx.add_blob(1, 10))

    def spoilt(tx):
        tx.decref(layout(1))
        raise ValueError("spoilt")

    with pytest.raises(ValueError, match="spoilt"):
        await index.write(spoilt)
    assert freed == []
    assert index.read_inline(lambda reader: known_blobs(reader, [1])) == {1}


async def test_totals_count_current_objects_and_all_bytes(index):
    def totals(bucket=None):
        return index.read_inline(lambda reader: reader.totals(bucket))

    first, second = stored(size=10, seq=1), stored(size=7, seq=2)
    await index.write(lambda tx: tx.put_current("b", first, None))
    await index.write(lambda tx: tx.put_current("c", stored(size=100), None))
    assert (totals("b"), totals()) == (StoreTotals(1, 10), StoreTotals(2, 110))

    def overwrite(tx):
        tx.put_version("b", first)
        tx.put_current("b", second, first.record)

    await index.write(overwrite)
    assert totals("b") == StoreTotals(1, 17)
    await index.write(lambda tx: tx.drop_current("b", second.record))
    await index.write(lambda tx: tx.drop_version("b", first.record))
    assert totals("b") == StoreTotals(0, 0)

    upload, part = UploadRecord("u", "k", 0.0), PartRecord(1, 50, '"e"', 0.0)
    await index.write(lambda tx: tx.put_upload("b", upload))
    await index.write(lambda tx: tx.put_part("b", "u", part, None))
    await index.write(lambda tx: tx.put_part("b", "u", PartRecord(1, 60, '"f"', 0.0), part))
    assert totals("b") == StoreTotals(0, 60)
    await index.write(lambda tx: tx.drop_upload("b", upload))
    assert totals("b") == StoreTotals(0, 0)


async def test_a_rollback_takes_the_totals_back(index):
    def spoilt(tx):
        tx.put_current("b", stored(), None)
        raise ValueError("spoilt")

    with pytest.raises(ValueError, match="spoilt"):
        await index.write(spoilt)
    await index.write(lambda tx: tx.put_setting("b", "s", b"x"))
    assert index.read_inline(lambda reader: reader.totals()) == StoreTotals(0, 0)


async def test_settings_and_totals_go_with_their_bucket(index):
    await index.write(lambda tx: tx.put_bucket(BucketRecord("b", 0.0)))
    await index.write(lambda tx: tx.put_setting("b", "cors", b"x"))
    await index.write(lambda tx: tx.put_current("b", stored(), None))
    await index.write(lambda tx: tx.delete_bucket("b"))
    assert index.read_inline(lambda reader: reader.settings("b")) == {}
    assert index.read_inline(lambda reader: reader.totals("b")) == StoreTotals(0, 0)


async def test_a_bucket_made_in_a_group_that_failed_is_not_there(index):
    def spoilt(tx):
        tx.put_bucket(BucketRecord("b", 0.0))
        raise ValueError("spoilt")

    with pytest.raises(ValueError, match="spoilt"):
        await index.write(spoilt)
    assert await index.write(lambda tx: tx.bucket("b")) is None
