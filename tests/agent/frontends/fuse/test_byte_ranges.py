from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.frontends.fuse.byte_ranges import ByteRanges

SIZE = 60
steps = st.lists(st.tuples(st.booleans(), st.integers(0, SIZE), st.integers(0, SIZE)), max_size=30)


@given(steps, st.integers(0, SIZE), st.integers(0, SIZE))
def test_it_is_equal_to_a_set_of_bytes(steps, start, end):
    ranges, model = ByteRanges(), set()
    for adds, first, last in steps:
        if adds:
            ranges.add(first, last)
            model |= set(range(first, last))
        else:
            ranges.cut(first)
            model = {byte for byte in model if byte < first}
    assert [byte for run in ranges for byte in range(*run)] == sorted(model)
    assert all(end < start for (_, end), (start, _) in zip(ranges, [*ranges][1:], strict=False))
    missing = set(range(start, end)) - model
    assert [byte for run in ranges.gaps(start, end) for byte in range(*run)] == sorted(missing)
    assert ranges.covers(start, end) == (not missing)


def test_ranges_that_touch_become_one():
    assert list(ByteRanges([(0, 4), (8, 9), (4, 8)])) == [(0, 9)]
