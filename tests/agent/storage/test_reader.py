from s3d.agent.storage.reader import RecordCache
from s3d.agent.storage.records import (
    NULL_VERSION,
    BucketRecord,
    Extent,
    Layout,
    ObjectRecord,
    Stored,
    UploadRecord,
    version_id_of,
)


def stored(key, seq=1, **fields):
    return Stored(ObjectRecord(key, seq, version_id_of(seq), **fields), Layout())


async def fill(index, *, current=(), versions=()):
    def action(tx):
        for entry in current:
            tx.put_current("b", entry, None)
        for entry in versions:
            tx.put_version("b", entry)

    await index.write(action)


def page(index, prefix=b"", after=b"", limit=1_000):
    rows = index.read_inline(lambda reader: reader.page("b", prefix, after, limit))
    return [row.key for row in rows]


async def test_pages_are_in_the_order_of_the_bytes(index):
    keys = ["Z", "a", "a\x00", "a/", "a/b", "a0", "b", "ä", "\uffff", "\U0001f600"]
    await fill(index, current=[stored(key) for key in reversed(keys)])
    assert page(index) == sorted(keys, key=str.encode) == keys
    assert page(index, limit=3) == keys[:3]
    assert page(index, after=b"a/") == keys[4:]


async def test_a_page_has_its_prefix_and_no_other_bucket(index):
    await fill(index, current=[stored(key) for key in ("a", "b", "b/", "b/1", "bb", "c")])
    await index.write(lambda tx: tx.put_current("c", stored("b/2"), None))
    assert page(index, prefix=b"b/") == ["b/", "b/1"]
    assert page(index, prefix=b"b", after=b"b/") == ["b/1", "bb"]
    assert page(index, prefix=b"b/", after=b"a") == ["b/", "b/1"]
    assert page(index, prefix=b"b/", after=b"c") == []


def versions(index, prefix=b"", after=(b"", 0), limit=1_000):
    rows = index.read_inline(lambda reader: reader.version_page("b", prefix, after, limit))
    return [(row.key, row.seq, latest) for row, latest in rows]


async def test_versions_come_by_key_and_the_newest_first(index):
    await fill(
        index,
        current=[stored("a", 3), stored("b", 9)],
        versions=[stored("a", 1), stored("a", 2), stored("aa", 5, delete_marker=True)],
    )
    everything = [("a", 3, True), ("a", 2, False), ("a", 1, False), ("aa", 5, True), ("b", 9, True)]
    assert versions(index) == everything
    for at, (key, seq, _) in enumerate(everything):
        assert versions(index, after=(key.encode(), seq)) == everything[at + 1 :]
        assert versions(index, after=(key.encode(), seq), limit=1) == everything[at + 1 : at + 2]
    assert versions(index, after=(b"a", 0)) == everything[3:]
    assert versions(index, prefix=b"aa") == everything[3:4]


async def test_a_version_that_became_current_between_two_pages_is_not_passed_over(index):
    await fill(index, current=[stored("a", 2), stored("b", 9)], versions=[stored("a", 1)])
    rest = [("a", 2, True), ("a", 1, False), ("b", 9, True)]
    assert versions(index, after=(b"a", 3)) == rest
    assert versions(index, after=(b"a", 3), limit=1) == rest[:1]
    assert versions(index, prefix=b"b", after=(b"a", 3)) == rest[2:]


async def test_a_version_is_found_by_its_id(index):
    null = Stored(ObjectRecord("a", 2, NULL_VERSION), Layout())
    await fill(index, current=[stored("a", 3)], versions=[stored("a", 1), null])

    def find(version_id):
        found = index.read_inline(lambda reader: reader.version("b", b"a", version_id))
        return None if found is None else found.record.seq

    assert find(version_id_of(3)) == 3
    assert find(version_id_of(1)) == 1
    assert find(NULL_VERSION) == 2
    assert find(version_id_of(2)) is None  # that one is called null
    assert find("nonsense") is None


async def test_uploads_come_by_key_and_then_by_their_beginning(index):
    uploads = [UploadRecord(id, key, 0.0) for key, id in (("a", "1"), ("a", "2"), ("b", "0"))]

    def action(tx):
        for upload in reversed(uploads):
            tx.put_upload("b", upload)

    await index.write(action)

    def found(after):
        rows = index.read_inline(lambda reader: reader.upload_page("b", b"", after, 10))
        return [(row.key, row.id) for row in rows]

    assert found((b"", "")) == [("a", "1"), ("a", "2"), ("b", "0")]
    assert found((b"a", "1")) == [("a", "2"), ("b", "0")]
    assert found((b"a", "~")) == [("b", "0")]


async def test_data_that_was_read_is_not_read_again(index):
    await index.write(lambda tx: tx.add_blob(7, 4, b"data"))
    first = index.read_inline(lambda reader: reader.data(Extent(7, 0, 1)))
    assert index.read_inline(lambda reader: reader.data(Extent(7, 0, 1))) is first


def of_extents(count):
    """An object that weighs so much in the cache."""
    extents = tuple(Extent(at, 0, 1) for at in range(count))
    return Stored(ObjectRecord("k"), Layout(extents))


def cached(cache, keys):
    return [key for key in keys if ("b", key) in cache.objects]


def test_the_object_that_was_not_used_for_longest_leaves_the_cache_first():
    cache = RecordCache()
    for key in (b"a", b"b", b"c"):
        cache.add("b", key, of_extents(2_500))
    assert cache.objects.get(("b", b"a")) is not None
    cache.add("b", b"d", of_extents(2_500))
    assert cached(cache, (b"a", b"b", b"c", b"d")) == [b"a", b"c", b"d"]


def test_the_weight_of_an_object_that_is_replaced_is_given_back():
    cache = RecordCache()
    for _ in range(5):
        cache.add("b", b"k", of_extents(8_000))
    cache.add("b", b"k", of_extents(1))
    cache.add("b", b"other", of_extents(8_000))
    assert cached(cache, (b"k", b"other")) == [b"k", b"other"]


def test_an_object_that_is_heavier_than_all_the_room_is_not_cached():
    cache = RecordCache()
    cache.add("b", b"light", of_extents(1))
    cache.add("b", b"heavy", of_extents(9_000))
    assert cached(cache, (b"light", b"heavy")) == [b"light"]


def test_an_object_weighs_as_much_as_it_has_parts():
    cache = RecordCache()
    for key in (b"a", b"b"):
        cache.add("b", key, of_extents(5_000))
    assert cached(cache, (b"a", b"b")) == [b"b"]


def test_clear_forgets_all_but_the_data_which_never_changes():
    cache = RecordCache()
    cache.buckets["b"] = BucketRecord("b", 0.0)
    cache.add("b", b"k", of_extents(1))
    cache.data[1] = b"data"
    cache.clear()
    assert cache.buckets == {}
    assert cached(cache, (b"k",)) == []
    assert cache.data.get(1) == b"data"
