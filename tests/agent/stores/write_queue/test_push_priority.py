from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.stores.write_queue.push_priority import PATIENCE, rank

MIB = 1 << 20


class Write(NamedTuple):
    seq: int
    size: int
    accepted: float
    priority: int = 0


writes = st.builds(
    Write, st.integers(1, 9), st.integers(0, 1 << 40), st.floats(0, 1e6), st.integers(-1, 1)
)


def test_of_two_of_the_same_age_the_small_one_goes_first() -> None:
    assert rank(Write(2, 4096, 0.0)) < rank(Write(1, 10 * MIB, 0.0))


def test_of_two_of_the_same_size_the_older_one_goes_first() -> None:
    assert rank(Write(1, 4096, 1.0)) < rank(Write(2, 4096, 2.0))


def test_what_was_accepted_at_once_goes_in_order() -> None:
    assert rank(Write(1, 0, 1.0)) < rank(Write(2, 0, 1.0))


def test_a_greater_priority_goes_first() -> None:
    assert rank(Write(9, 1 << 40, 9.0, priority=1)) < rank(Write(1, 0, 0.0))


@given(writes, st.integers(0, 1 << 20))
def test_a_stream_of_small_ones_delays_nobody_longer_than_patience(write: Write, size: int) -> None:
    later = Write(10, size, write.accepted + PATIENCE + 0.001, write.priority)
    assert rank(write) < rank(later)
