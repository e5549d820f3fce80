"""What is tried again, and when its object is looked at as well."""

import pytest

from s3d.agent.sync.pass_scope import PassResult
from s3d.agent.sync.retries import BLOCKED_FIRST, BLOCKED_LONGEST
from s3d.agent.sync.retry_queue import RETRY_LONGEST
from s3d.agent.sync.schedule import Schedule


@pytest.fixture
def schedule(clock):
    """After its first pass."""
    found = Schedule(10.0, clock)
    found.ended(found.take(), PassResult())
    return found


def test_a_failed_request_is_tried_again_at_the_object_as_well(schedule, clock):
    """The next listing may be an hour away, and the file has not changed."""
    schedule.take()
    schedule.retries.retry("a", there=True)
    schedule.retries.retry("b", there=False)
    clock.now += RETRY_LONGEST
    assert schedule.take().touched == {"a"}
    schedule.retries.synced("a")
    schedule.retries.retry("a", there=False)
    clock.now += RETRY_LONGEST
    assert schedule.take().touched == set()


def test_a_blocked_path_is_looked_at_now_and_then_and_when_its_file_changes(schedule, clock):
    schedule.ended(schedule.take(), PassResult())
    schedule.retries.blocked("a")
    assert (schedule.pending, schedule.waiting) == (0, 0), "it is no work that waits"
    schedule.changed({"a"})
    assert schedule.take().touched == {"a"}
    pauses = []
    for _ in range(8):
        schedule.retries.synced("b")
        schedule.retries.blocked("a")
        start = clock.now
        while "a" not in schedule.take().touched:
            clock.now += BLOCKED_FIRST / 2
        pauses.append(clock.now - start)
    assert pauses[-1] == BLOCKED_LONGEST
    schedule.retries.blocked("a")
    schedule.retries.synced("a")
    clock.now += BLOCKED_LONGEST
    assert schedule.take().touched == set()
