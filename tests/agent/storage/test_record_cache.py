from s3d.agent.storage.record_cache import LRUCache, RecordCache
from s3d.agent.storage.records import BucketRecord, Extent, Layout, ObjectRecord, Stored


def test_what_was_not_used_for_longest_goes_first():
    cache = LRUCache(limit=3, weigh=lambda value: 1)
    for key in "abc":
        cache.put(key, key)
    assert cache.get("a") == "a"
    cache.put("d", "d")
    assert [cache.get(key) for key in "abcd"] == ["a", None, "c", "d"]


def test_the_weight_of_what_is_replaced_is_given_back():
    cache = LRUCache(limit=10, weigh=len)
    for _ in range(5):
        cache.put("k", b"x" * 10)
    cache.put("k", b"x")
    cache.put("other", b"x" * 9)
    assert cache.get("k") == b"x"


def test_what_is_too_heavy_for_all_the_room_is_not_kept():
    cache = LRUCache(limit=3, weigh=len)
    cache.put("k", b"four")
    assert cache.get("k") is None
    cache.put("k", b"one")
    assert cache.get("k") == b"one"


def test_an_object_weighs_as_much_as_it_has_parts():
    cache = RecordCache()
    extents = tuple(Extent(at, 0, 1) for at in range(5_000))
    for key in (b"a", b"b"):
        cache.objects.put(("bucket", key), Stored(ObjectRecord("k"), Layout(extents)))
    assert cache.objects.get(("bucket", b"a")) is None
    assert cache.objects.get(("bucket", b"b")) is not None


def test_clear_forgets_all_but_the_data_which_never_changes():
    cache = RecordCache()
    cache.buckets["b"] = BucketRecord("b", 0.0)
    cache.objects.put(("b", b"k"), Stored(ObjectRecord("k"), Layout()))
    cache.data.put(1, b"data")
    cache.clear()
    assert cache.buckets == {}
    assert cache.objects.get(("b", b"k")) is None
    assert cache.data.get(1) == b"data"
