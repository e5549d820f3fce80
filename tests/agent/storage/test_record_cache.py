from s3d.agent.storage.record_cache import Memo, Recent
from s3d.agent.storage.records import BucketRecord, Extent, Layout, ObjectRecord, Stored


def test_what_was_not_used_for_longest_goes_first():
    recent = Recent(limit=3, weigh=lambda value: 1)
    for key in "abc":
        recent.put(key, key)
    assert recent.get("a") == "a"
    recent.put("d", "d")
    assert [recent.get(key) for key in "abcd"] == ["a", None, "c", "d"]


def test_the_weight_of_what_is_replaced_is_given_back():
    recent = Recent(limit=10, weigh=len)
    for _ in range(5):
        recent.put("k", b"x" * 10)
    recent.put("k", b"x")
    recent.put("other", b"x" * 9)
    assert recent.get("k") == b"x"


def test_what_is_too_heavy_for_all_the_room_is_not_kept():
    recent = Recent(limit=3, weigh=len)
    recent.put("k", b"four")
    assert recent.get("k") is None
    recent.put("k", b"one")
    assert recent.get("k") == b"one"


def test_an_object_weighs_as_much_as_it_has_parts():
    memo = Memo()
    extents = tuple(Extent(at, 0, 1) for at in range(5_000))
    for key in (b"a", b"b"):
        memo.objects.put(("bucket", key), Stored(ObjectRecord("k"), Layout(extents)))
    assert memo.objects.get(("bucket", b"a")) is None
    assert memo.objects.get(("bucket", b"b")) is not None


def test_clear_forgets_all_but_the_data_which_never_changes():
    memo = Memo()
    memo.buckets["b"] = BucketRecord("b", 0.0)
    memo.objects.put(("b", b"k"), Stored(ObjectRecord("k"), Layout()))
    memo.data.put(1, b"data")
    memo.clear()
    assert memo.buckets == {}
    assert memo.objects.get(("b", b"k")) is None
    assert memo.data.get(1) == b"data"
