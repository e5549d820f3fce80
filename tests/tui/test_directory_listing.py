import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3d.shared.control import Listing, ObjectInfo
from s3d.tui.directory_listing import ORDERS, DirectoryListing, ShownRows
from s3d.tui.match import Unmatchable
from s3d.tui.packed_objects import PackedObjects


def info(key, size=1, at=1.0):
    return ObjectInfo("b", key, size, '"e"', at)


def page(*keys, prefixes=(), standing=None):
    return Listing([info(key, len(key), n) for n, key in enumerate(keys)], list(prefixes), "",
                   standing or {})  # fmt: skip


def labels(listing):
    return [listing.label(item) for item in listing.shown]


def test_pages_are_joined_prefixes_first():
    listing = DirectoryListing(("b", "p/"))
    listing.add(page("p/", "p/a", "p/z", prefixes=["p/d/"]))
    listing.add(page("p/zz", prefixes=["p/e/"], standing={"p/zz": "cached"}))
    assert labels(listing) == ["d/", "e/", "a", "z", "zz"]
    assert (listing.total, listing.pages, listing.key_states) == (5, 2, {"p/zz": "cached"})
    assert listing.find_object("p/a").key == "p/a"
    assert listing.find_object("p/d/") is None


def test_deep_it_has_no_prefixes():
    listing = DirectoryListing(("b", "p/"), deep=True)
    listing.add(page("p/a/b", prefixes=["p/a/"]))
    assert labels(listing) == ["a/b"]


@pytest.mark.parametrize(
    ("order", "wanted"),
    [("size", ["a.z", "bb.x", "ccc.y"]), ("modified", ["ccc.y", "a.z", "bb.x"]),
     ("type", ["bb.x", "ccc.y", "a.z"])],
)  # fmt: skip
def test_it_is_sorted_and_the_other_way_round(order, wanted):
    listing = DirectoryListing(("b", ""))
    listing.add(page("ccc.y", "a.z", "bb.x"))
    listing.sort(order)
    assert labels(listing) == wanted
    listing.sort(order)
    assert labels(listing) == wanted[::-1]
    listing.sort("name")
    assert labels(listing) == ["ccc.y", "a.z", "bb.x"], "as S3 gives them"


def test_names_go_backwards():
    listing = DirectoryListing(("b", ""))
    listing.add(page("a", "b", prefixes=["d/", "e/"]))
    listing.sort("name")
    assert labels(listing) == ["e/", "d/", "b", "a"]


def test_more_pages_stay_filtered_and_sorted():
    listing = DirectoryListing(("b", ""))
    listing.add(page("xa", "b"))
    listing.search("x")
    listing.sort("size")
    listing.add(page("xccc", "d", "x"))
    assert labels(listing) == ["x", "xa", "xccc"]
    listing.search("")
    listing.sort("size")
    assert labels(listing)[0] == "xccc"


def test_what_cannot_be_matched_leaves_it_as_it_was():
    listing = DirectoryListing(("b", ""))
    listing.add(page("a", "b"))
    listing.search("a")
    with pytest.raises(Unmatchable):
        listing.search("~(")
    assert labels(listing) == ["a"]


@given(st.lists(st.text("ab", max_size=3), max_size=5), st.sampled_from(["name", "size"]))
def test_typing_letter_by_letter_is_typing_it_at_once(texts, order):
    keys = [f"{a}{b}{n}" for a in "ab" for b in "ab" for n in range(3)]
    typed, at_once = DirectoryListing(("b", "")), DirectoryListing(("b", ""))
    for listing in (typed, at_once):
        listing.add(page(*keys))
        if order != "name":
            listing.sort(order)
    for text in texts:
        for end in range(len(text) + 1):
            typed.search(text[:end])
        at_once.search("")
        at_once.search(text)
        assert labels(typed) == labels(at_once)


def test_two_lists_are_one():
    joined = ShownRows(["a/", "b/"], PackedObjects([info("c")]), range(1))
    assert [joined[n] for n in range(3)] == list(joined)
    assert joined[-1] == joined[2]
    with pytest.raises(IndexError):
        joined[3]


def test_every_order_has_its_key():
    for order in ORDERS:
        listing = DirectoryListing(("b", ""))
        listing.add(page("a", "b.c", prefixes=["d/"]))
        listing.sort(order)
        assert len(listing.shown) == 3


def test_a_hundred_thousand_are_quick():
    listing = DirectoryListing(("b", ""))
    rows = [info(f"key-{n:06}", n) for n in range(100_000)]
    began = time.process_time()
    for start in range(0, 100_000, 1000):
        listing.add(Listing(rows[start : start + 1000], []))
    listing.search("9")
    listing.search("99")
    listing.sort("size")
    assert len(listing.shown) == sum("99" in row.key for row in rows)
    assert time.process_time() - began < 1.5
