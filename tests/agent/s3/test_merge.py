"""Merging two listings."""

from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.s3.merge import Slice, merge_page

KEYS = st.sets(st.binary(min_size=1, max_size=2), max_size=8)


def cut(names, value, size):
    """The first items of a listing, and how far they are known."""
    ordered = sorted(names)
    return Slice(
        [(name, value) for name in ordered[:size]],
        ordered[size - 1] if len(ordered) > size else None,
    )


@given(KEYS, KEYS, KEYS, st.integers(1, 8), st.integers(1, 8), st.integers(1, 8))
def test_what_is_known_of_all_three_is_given_and_no_more(theirs, ours, gone, n, m, k):
    hidden = gone - ours
    merged = merge_page(cut(theirs, "old", n), cut(ours, "new", m), cut(hidden, None, k))
    final = dict.fromkeys(theirs - hidden, "old") | dict.fromkeys(ours, "new")
    within = [key for key in sorted(final) if merged.end is None or key <= merged.end]
    assert merged.items == [(key, final[key]) for key in within]


def test_the_end_is_the_nearest_of_the_three():
    merged = merge_page(Slice([], None), Slice([(b"c", 1)], b"c"), Slice([(b"b", None)], b"b"))
    assert merged == Slice([], b"b")


def test_a_common_prefix_is_not_hidden_by_a_key_of_its_name():
    merged = merge_page(Slice([(b"a/", None)]), Slice([]), Slice([(b"a/", None)]))
    assert merged.items == [(b"a/", None)]
