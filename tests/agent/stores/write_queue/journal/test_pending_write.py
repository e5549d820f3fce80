"""Values of the queue."""

from s3d.agent.stores.write_queue.journal.pending_write import (
    Kind,
    PendingState,
    PendingWrite,
    QueueTotals,
    Usage,
)


def test_a_write_is_named_by_its_place():
    assert PendingWrite(1, Kind.PUT, "bbb", "a/b", 0, 0.0).subject == "bbb/a/b"


def test_a_status_sums_its_shares():
    shares = {PendingState.WAITING: Usage(1, 10), PendingState.FAILED: Usage(2, 5)}
    status = QueueTotals(shares, None, paused=False)
    assert (status.files, status.size) == (3, 15)
