"""Merging two listings."""

from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.s3.listing_merge import MergedListing, Run, merge_runs

KEYS = st.sets(st.binary(min_size=1, max_size=2), max_size=8)


def cut(names, value, size):
    """The first items of a listing, and how far they are known."""
    ordered = sorted(names)
    return Run(
        [(name, value) for name in ordered[:size]],
        ordered[size - 1] if len(ordered) > size else None,
    )


@given(KEYS, KEYS, KEYS, st.integers(1, 8), st.integers(1, 8), st.integers(1, 8))
def test_what_is_known_of_all_three_is_given_and_no_more(theirs, ours, gone, n, m, k):
    hidden = gone - ours
    merged = merge_runs(cut(theirs, "old", n), cut(ours, "new", m), cut(hidden, None, k))
    final = dict.fromkeys(theirs - hidden, "old") | dict.fromkeys(ours, "new")
    within = [key for key in sorted(final) if merged.end is None or key <= merged.end]
    assert merged.items == [(key, final[key]) for key in within]


def test_the_end_is_the_nearest_of_the_three():
    merged = merge_runs(Run([], None), Run([(b"c", 1)], b"c"), Run([(b"b", None)], b"b"))
    assert merged == Run([], b"b")


def test_a_common_prefix_is_not_hidden_by_a_key_of_its_name():
    merged = merge_runs(Run([(b"a/", None)]), Run([]), Run([(b"a/", None)]))
    assert merged.items == [(b"a/", None)]


def test_entries_of_one_place_keep_their_order():
    """Uploads of one key are listed by their age, which their ids say nothing of."""
    remote = Run([(("k", 0), "z"), (("k", 0), "a")], ("k", 0))
    pending = Run([(("a", 1), "b"), (("k", 1), "y")])
    merged = merge_runs(remote, pending, Run([]))
    assert [row for _, row in merged.items] == ["b", "z", "a"]
    assert merged.end == ("k", 0)


@given(KEYS, KEYS, KEYS, st.integers(1, 8), st.integers(1, 3))
def test_a_page_is_filled_run_by_run(theirs, ours, gone, page, size):
    """Whatever the pages of the remote, each page of ours is full, all of them are the whole."""
    final = dict.fromkeys(theirs - gone, "old") | dict.fromkeys(ours, "new")
    found, after = [], b""
    while True:
        listing = MergedListing(size, after)
        while listing.is_open:
            left = [{key for key in keys if key > listing.place} for keys in (theirs, ours, gone)]
            runs = [
                cut(keys, row, page) for keys, row in zip(left, ("old", "new", None), strict=True)
            ]
            listing.add(merge_runs(*runs))
        found += listing.items
        if not listing.is_truncated:
            break
        assert len(listing.items) == size
        after = found[-1][0]
    assert found == sorted(final.items())
