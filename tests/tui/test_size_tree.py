from hypothesis import given
from hypothesis import strategies as st

from s3d.shared.control import ObjectInfo
from s3d.tui.size_tree import SizeTree

KEYS = st.lists(
    st.tuples(st.text(alphabet="ab/", min_size=1, max_size=8), st.integers(0, 99),
              st.sampled_from(["", "cached", "pinned", "partial", "pending", "failed"])),
    max_size=30, unique_by=lambda row: row[0],
)  # fmt: skip


def tree_of(rows, prefix=""):
    tree = SizeTree(prefix)
    for key, size, state in rows:  # page by page
        tree.add([ObjectInfo("b", key, size, "e", 0.0)], {key: state} if state else {})
    return tree


@given(KEYS)
def test_the_sums_are_those_of_all_keys_below(rows):
    tree = tree_of(rows)
    waiting = [""]
    for prefix in waiting:
        below = [row for row in rows if row[0].startswith(prefix)]
        sums = tree.sums(prefix)
        assert (sums.size, sums.objects) == (sum(row[1] for row in below), len(below))
        assert sums.cached == sum(row[1] for row in below if row[2] in ("cached", "pinned"))
        assert sums.pending == sum(row[1] for row in below if row[2] in ("pending", "failed"))
        assert sums.has_partial == any(row[2] == "partial" for row in below)
        levels = tree.levels(prefix)
        assert sum(level.sums.objects for level in levels) == len(below)
        assert [-level.sums.size for level in levels] == sorted(
            -level.sums.size for level in levels
        )
        waiting += [prefix + level.name for level in levels if level.name]


def test_only_what_is_below_the_place_is_counted():
    tree = tree_of([("a/b/x", 3, "cached"), ("a/y", 1, ""), ("a/b/z", 4, "pending")], "a/")
    assert [(level.name, level.sums.size) for level in tree.levels("a/")] == [("b/", 7), ("", 1)]
    assert (tree.total.cached, tree.total.pending) == (3, 4)
    assert tree.levels("a/none/") == []
