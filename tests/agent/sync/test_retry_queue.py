import pytest

from s3d.agent.sync.retry_queue import RETRY_LONGEST, SOON, RetryQueue


@pytest.fixture
def queue(clock):
    return RetryQueue(clock)


def test_each_retry_of_a_path_comes_later(queue, clock):
    pauses = []
    for _ in range(8):
        queue.retry("a")
        pauses.append(queue.next_at() - clock.now)
        clock.now = queue.next_at()
        assert queue.take(10) == {"a"}
    assert pauses[:3] == [1.0, 2.0, 4.0]
    assert pauses[-1] == RETRY_LONGEST


def test_what_is_due_is_taken_once_and_up_to_a_limit(queue, clock):
    for number in range(5):
        queue.add(str(number), 1.0)
    assert (queue.take(10), len(queue)) == (set(), 5)
    clock.now += 1
    assert (len(queue.take(3)), len(queue.take(3)), queue.take(3)) == (3, 2, set())
    assert queue.next_at() == float("inf")


def test_a_path_that_is_due_already_is_not_postponed(queue, clock):
    queue.add("a", 1.0)
    queue.add("a", 60.0)
    clock.now += 1
    assert queue.take(10) == {"a"}


def test_a_forgotten_path_begins_again(queue, clock):
    for _ in range(4):
        queue.retry("a")
    queue.forget("a")
    assert (len(queue), queue.next_at()) == (0, float("inf"))
    queue.retry("a")
    assert queue.next_at() == clock.now + 1.0
    queue.add("folder", 2.0)
    queue.forget("folder")
    assert "folder" in queue, "it was not retried, so there is nothing to forget"


def test_paths_that_were_tried_often_are_counted(queue):
    for _ in range(SOON):
        queue.retry("a")
    assert queue.slow == 0
    queue.retry("a")
    assert (queue.slow, len(queue)) == (1, 1)
    queue.postpone_all()
    assert (queue.slow, len(queue)) == (0, 0)
    queue.retry("a")
    assert queue.slow == 1, "it is still the same path"


def test_a_pass_over_everything_leaves_what_was_not_retried(queue, clock):
    queue.retry("a")
    queue.add("folder", 2.0)
    queue.postpone_all()
    clock.now += 60
    assert queue.take(10) == {"folder"}
