from types import SimpleNamespace

import pytest

from s3d.agent.storage.reader import known_blobs
from s3d.agent.storage.records import (
    NULL_VERSION,
    BucketRecord,
    Extent,
    Layout,
    ObjectRecord,
    version_id_of,
)
from s3d.agent.stores.local.version_writer import Change, VersionWriter


class Keys:
    """Versions of one key, put and deleted by the writer."""

    def __init__(self, index, changes):
        self.index = index
        self.now = 1_000.0
        self.version_writer = VersionWriter(
            lambda: self.now, lambda tx, change: changes.append(change)
        )
        self.bucket = BucketRecord("b", 0.0)
        self.blob = 0

    async def put(self):
        self.blob += 1
        layout = Layout((Extent(self.blob, 0, 1),), inline=True)

        def action(tx):
            tx.add_blob(self.blob, 1, b"x")
            return self.version_writer.put(tx, self.bucket, ObjectRecord("k"), layout)

        return await self.index.write(action)

    async def delete(self):
        return await self.index.write(lambda tx: self.version_writer.delete(tx, self.bucket, "k"))

    async def delete_version(self, version_id):
        return await self.index.write(
            lambda tx: self.version_writer.delete_version(tx, self.bucket, "k", version_id)
        )

    def versions(self):
        """Of all versions, newest first: the blob of each, "marker" for a delete marker."""
        rows = self.index.read_inline(lambda reader: reader.version_page("b", b"", (b"", 0), 100))
        found = []
        for row, _ in rows:
            stored = self.index.read_inline(
                lambda reader, row=row: reader.version("b", b"k", row.version_id)
            )
            extents = stored.layout.extents
            found.append("marker" if row.delete_marker else extents[0].blob)
        return found

    def current(self):
        stored = self.index.read_inline(lambda reader: reader.current("b", b"k"))
        return None if stored is None else stored.layout.extents[0].blob

    def blobs(self):
        return self.index.read_inline(lambda reader: known_blobs(reader, list(range(100))))

    def set_versioning(self, status):
        self.bucket = BucketRecord("b", 0.0, versioning=status)


@pytest.fixture
def seen():
    return []


@pytest.fixture
def keys(index, seen):
    return Keys(index, seen)


async def test_without_versioning_the_next_takes_the_place_of_the_last(keys):
    await keys.put()
    await keys.put()
    assert (keys.versions(), keys.current(), keys.blobs()) == ([2], 2, {2})
    assert await keys.delete() is None
    assert (keys.versions(), keys.current(), keys.blobs()) == ([], None, set())
    assert await keys.delete() is None


async def test_enabled_versioning_keeps_all_and_hides_by_markers(keys):
    await keys.put()
    keys.set_versioning("Enabled")
    second = await keys.put()
    marker = await keys.delete()
    assert marker.delete_marker
    assert second.version_id == version_id_of(second.seq)
    assert (keys.versions(), keys.current()) == (["marker", 2, 1], None)
    await keys.put()
    assert (keys.versions(), keys.current()) == ([3, "marker", 2, 1], 3)
    assert keys.blobs() == {1, 2, 3}


async def test_suspended_versioning_has_one_null_version(keys):
    keys.set_versioning("Enabled")
    await keys.put()
    keys.set_versioning("Suspended")
    second = await keys.put()
    third = await keys.put()
    assert second.version_id == third.version_id == NULL_VERSION
    assert (keys.versions(), keys.blobs()) == ([3, 1], {1, 3})
    keys.set_versioning("Enabled")
    await keys.put()
    assert keys.versions() == [4, 3, 1]
    keys.set_versioning("Suspended")
    marker = await keys.delete()
    assert marker.version_id == NULL_VERSION
    assert (keys.versions(), keys.blobs()) == (["marker", 4, 1], {1, 4})
    await keys.put()
    assert keys.versions() == [5, 4, 1]


async def test_the_newest_of_those_left_becomes_current(keys):
    keys.set_versioning("Enabled")
    first, second = await keys.put(), await keys.put()
    await keys.delete_version(second.version_id)
    assert (keys.versions(), keys.current(), keys.blobs()) == ([1], 1, {1})
    marker = await keys.delete()
    await keys.delete_version(first.version_id)
    assert (keys.versions(), keys.current()) == (["marker"], None)
    await keys.put()
    await keys.delete()
    await keys.delete_version(marker.version_id)
    assert keys.versions() == ["marker", 3]
    newest = keys.index.read_inline(lambda reader: reader.newest_version("b", b"k")).record
    await keys.delete_version(newest.version_id)
    assert (keys.versions(), keys.current()) == ([3], 3)


async def test_a_version_that_is_not_there_is_none(keys):
    await keys.put()
    assert await keys.delete_version(version_id_of(5)) is None
    assert keys.current() == 1


async def test_a_clock_that_is_set_back_does_not_change_the_order(keys):
    keys.set_versioning("Enabled")
    first = await keys.put()
    keys.now -= 500
    second = await keys.put()
    await keys.delete()
    third = await keys.put()
    assert first.seq < second.seq < third.seq
    assert keys.versions() == [3, "marker", 2, 1]
    assert second.modified == keys.now


async def test_every_change_of_what_is_current_is_told_in_its_own_transaction(keys, seen):
    keys.set_versioning("Enabled")
    first = await keys.put()
    second = await keys.put()
    await keys.delete_version(first.version_id)  # not current: no change
    await keys.delete_version(second.version_id)
    third = await keys.put()
    await keys.delete()
    told = [change.stored.record if change.stored else None for change in seen]
    assert told == [first, second, None, third, None]
    assert seen[2] == Change("b", "k", None)


async def test_what_is_told_joins_the_commit(index):
    def note(tx, change):
        tx.put_setting("journal", change.key, b"x")

    version_writer = VersionWriter(lambda: 1.0, note)
    bucket = SimpleNamespace(name="b", versioning="")

    def spoilt(tx):
        version_writer.put(tx, bucket, ObjectRecord("lost"), Layout())
        raise ValueError("spoilt")

    await index.write(lambda tx: version_writer.put(tx, bucket, ObjectRecord("kept"), Layout()))
    with pytest.raises(ValueError, match="spoilt"):
        await index.write(spoilt)
    assert list(index.read_inline(lambda reader: reader.settings("journal"))) == ["kept"]
