import random
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from s3d.shared.control import ObjectInfo
from s3d.tui.packed_objects import BLOCK, PackedObjects


def infos(number):
    values = random.Random(number)
    return [
        ObjectInfo("b", f"key-{n:05}", n * n, f'"{values.randbytes(16).hex()}"', n + 0.5)
        for n in range(number)
    ]


def test_what_is_packed_is_what_it_was():
    objects = infos(2 * BLOCK + 5)
    packed = PackedObjects(objects)
    assert list(packed) == objects
    assert [packed[n] for n in (0, BLOCK - 1, BLOCK, 2 * BLOCK, 2 * BLOCK + 4, -1)] == [
        objects[n] for n in (0, BLOCK - 1, BLOCK, 2 * BLOCK, 2 * BLOCK + 4, -1)
    ]
    assert [packed.key_at(n) for n in (3, BLOCK)] == ["key-00003", f"key-{BLOCK:05}"]
    assert list(packed.sizes()) == [info.size for info in objects]
    assert list(packed.times()) == [info.last_modified for info in objects]


def test_fields_without_a_column_and_etags_of_any_form_are_kept():
    kinds = [
        {"etag": '"0123-7"'}, {"etag": ""}, {"storage_class": "GLACIER"}, {"version_id": "v1"},
        {"content_type": "text/plain", "metadata": {"a": "b"}}, {"size": 2**62},
    ]  # fmt: skip
    defaults = {"size": 1, "etag": f'"{"a" * 32}"', "last_modified": 1.0}
    objects = [
        ObjectInfo("b", f"{n:05}\n日本", **{**defaults, **kinds[n % len(kinds)]})
        for n in range(BLOCK)
    ]
    assert list(PackedObjects(objects)) == objects


@given(st.lists(st.text(max_size=3), unique=True, max_size=12), st.text(max_size=3))
def test_a_key_is_found_by_its_order(keys, wanted):
    keys.sort()
    packed = PackedObjects(ObjectInfo("b", key, 1, "", 0.0) for key in keys)
    assert packed.find(wanted) == (keys.index(wanted) if wanted in keys else -1)
    assert packed.first_from(wanted) == sum(key < wanted for key in keys)


def test_a_key_is_found_in_every_block():
    packed = PackedObjects(infos(3 * BLOCK))
    for n in (0, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK - 1):
        assert packed.find(f"key-{n:05}") == n
        assert packed.first_from(f"key-{n:05}+") == n + 1
    assert packed.find("key-") == packed.find("z") == -1


def test_a_key_is_found_in_a_bucket_without_an_order():
    keys = [f"key-{n * 7 % 1_501:05}" for n in range(1_501)]
    packed = PackedObjects(ObjectInfo("b", key, 1, "", 0.0) for key in keys)
    assert all(packed.find(key) == n for n, key in list(enumerate(keys))[::300])
    assert packed.key_at(packed.first_from("key-0002")).startswith("key-0002")
    assert packed.find("other") == -1
    assert packed.first_from("other") == len(keys)


def test_an_object_needs_little_memory():
    """40 bytes, so that a million of them need less than 40 MiB."""
    objects = infos(20 * BLOCK)
    tracemalloc.start()
    try:
        packed = PackedObjects(objects)
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used / len(packed) < 40
