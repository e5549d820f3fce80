"""Values of the queue."""

import sys

from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.stores.write_queue.journal.pending_write import (
    Kind,
    PendingState,
    PushError,
    QueueTotals,
    Usage,
    new_write,
)


def test_a_write_is_named_by_its_place():
    assert new_write(1, Kind.PUT, "bbb", "a/b", 0, 0.0).subject == "bbb/a/b"


def test_a_status_sums_its_shares():
    shares = {PendingState.WAITING: Usage(1, 10), PendingState.FAILED: Usage(2, 5)}
    status = QueueTotals(shares, None, paused=False)
    assert (status.files, status.size) == (3, 15)


@given(
    st.integers(0, (1 << 48) - 1), st.integers(0, (1 << 48) - 1),
    st.floats(0, 1e11), st.integers(-1_000, 1_000),
)  # fmt: skip
def test_the_numbers_of_a_write_do_not_touch_one_another(seq, size, accepted, priority):
    write = new_write(1, Kind.PUT, "b", "k", 2, 3.0)
    write.first_accepted = accepted
    write.priority = priority
    write.size = size
    write.seq = seq
    assert (write.seq, write.size, write.priority) == (seq, size, priority)
    assert write.first_accepted == accepted
    made = new_write(seq, Kind.PUT, "b", "k", size, accepted, priority=priority)
    assert made == write


def test_the_trouble_of_one_write_is_not_that_of_another():
    one, other = (new_write(seq, Kind.PUT, "b", "k", 0, 0.0) for seq in (1, 2))
    one.retry_at, one.error, one.source = 5.0, PushError("X"), "k2"
    one.attempts += 1
    assert (one.attempts, one.retry_at, one.source) == (1, 5.0, "k2")
    assert (other.attempts, other.retry_at, other.error, other.source) == (0, 0.0, None, "")
    one.error = None
    assert one.error is None


def test_a_write_is_small():
    """100,000 of them take 11 MB without their keys."""
    write = new_write(1 << 40, Kind.PUT, "b", "k", 1 << 40, 1.8e9)
    assert sys.getsizeof(write) + sys.getsizeof(write._numbers) <= 112
