import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3d.shared.control import Listing, ObjectInfo
from s3d.tui.directory_listing import ORDERS, DirectoryListing, Joined
from s3d.tui.match import Unmatchable


def info(key, size=1, at=1.0):
    return ObjectInfo("b", key, size, '"e"', at)


def page(*keys, prefixes=(), standing=None):
    return Listing([info(key, len(key), n) for n, key in enumerate(keys)], list(prefixes), "",
                   standing or {})  # fmt: skip


def labels(level):
    return [level.label(item) for item in level.shown]


def test_pages_are_joined_prefixes_first():
    level = DirectoryListing("b", "p/")
    level.add(page("p/", "p/a", "p/z", prefixes=["p/d/"]))
    level.add(page("p/zz", prefixes=["p/e/"], standing={"p/zz": "cached"}))
    assert labels(level) == ["d/", "e/", "a", "z", "zz"]
    assert (level.total, level.pages, level.standing) == (5, 2, {"p/zz": "cached"})
    assert level.info("p/a").key == "p/a"
    assert level.info("p/d/") is None


def test_deep_it_has_no_prefixes():
    level = DirectoryListing("b", "p/", deep=True)
    level.add(page("p/a/b", prefixes=["p/a/"]))
    assert labels(level) == ["a/b"]


@pytest.mark.parametrize(
    ("order", "wanted"),
    [("size", ["a.z", "bb.x", "ccc.y"]), ("modified", ["ccc.y", "a.z", "bb.x"]),
     ("type", ["bb.x", "ccc.y", "a.z"])],
)  # fmt: skip
def test_it_is_sorted_and_the_other_way_round(order, wanted):
    level = DirectoryListing("b")
    level.add(page("ccc.y", "a.z", "bb.x"))
    level.sort(order)
    assert labels(level) == wanted
    level.sort(order)
    assert labels(level) == wanted[::-1]
    level.sort("name")
    assert labels(level) == ["ccc.y", "a.z", "bb.x"], "as S3 gives them"


def test_names_go_backwards():
    level = DirectoryListing("b")
    level.add(page("a", "b", prefixes=["d/", "e/"]))
    level.sort("name")
    assert labels(level) == ["e/", "d/", "b", "a"]


def test_more_pages_stay_filtered_and_sorted():
    level = DirectoryListing("b")
    level.add(page("xa", "b"))
    level.search("x")
    level.sort("size")
    level.add(page("xccc", "d", "x"))
    assert labels(level) == ["x", "xa", "xccc"]
    level.search("")
    level.sort("size")
    assert labels(level)[0] == "xccc"


def test_what_cannot_be_matched_leaves_it_as_it_was():
    level = DirectoryListing("b")
    level.add(page("a", "b"))
    level.search("a")
    with pytest.raises(Unmatchable):
        level.search("~(")
    assert labels(level) == ["a"]


@given(st.lists(st.text("ab", max_size=3), max_size=5), st.sampled_from(["name", "size"]))
def test_typing_letter_by_letter_is_typing_it_at_once(texts, order):
    keys = [f"{a}{b}{n}" for a in "ab" for b in "ab" for n in range(3)]
    typed, at_once = DirectoryListing("b"), DirectoryListing("b")
    for level in (typed, at_once):
        level.add(page(*keys))
        if order != "name":
            level.sort(order)
    for text in texts:
        for end in range(len(text) + 1):
            typed.search(text[:end])
        at_once.search("")
        at_once.search(text)
        assert labels(typed) == labels(at_once)


def test_two_lists_are_one():
    joined = Joined(["a/", "b/"], [info("c")])
    assert [joined[n] for n in range(3)] == list(joined)
    assert joined[-1] == joined[2]
    with pytest.raises(IndexError):
        joined[3]


def test_every_order_has_its_key():
    for order in ORDERS:
        level = DirectoryListing("b")
        level.add(page("a", "b.c", prefixes=["d/"]))
        level.sort(order)
        assert len(level.shown) == 3


def test_a_hundred_thousand_are_quick():
    level = DirectoryListing("b")
    rows = [info(f"key-{n:06}", n) for n in range(100_000)]
    began = time.process_time()
    for start in range(0, 100_000, 1000):
        level.add(Listing(rows[start : start + 1000], []))
    level.search("9")
    level.search("99")
    level.sort("size")
    assert len(level.shown) == sum("99" in row.key for row in rows)
    assert time.process_time() - began < 1.5
