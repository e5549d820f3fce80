import pytest

from s3d.agent.core.job import ItemProgress, Job, JobFailure, JobState, Progress


def test_an_attempt_counts_from_zero():
    job = Job("1", None, 0.0)
    job.record(JobFailure("One", ""), 10)
    job.progress.items = 3
    job.begin()
    assert (job.state, job.attempts, job.failures, job.error) == (JobState.RUNNING, 1, [], None)
    assert job.progress == Progress(meter=job.progress.meter)


def test_the_first_failures_are_stored_and_all_are_counted():
    job = Job("1", None, 0.0)
    for number in range(5):
        job.record(JobFailure(str(number), ""), 2)
    assert [failure.code for failure in job.failures] == ["0", "1"]
    assert (job.progress.items_failed, job.error.code) == (5, "0")


@pytest.mark.parametrize(("end", "size"), [("undo", 7), ("complete", 17), (None, 10)])
def test_what_fails_takes_back_its_own_bytes_alone(end, size):
    """Objects move at the same time: one that fails must not take back what another one moved."""
    progress = Progress()
    one, other = ItemProgress(progress), ItemProgress(progress)
    one.add(3)
    other.add(7)
    if end == "undo":
        one.undo()
    elif end == "complete":
        one.complete(10)
    assert progress.size_done == size


def test_the_rate_is_of_the_last_seconds():
    now = [0.0]
    progress = Progress()
    ItemProgress(progress, lambda: now[0]).add(100)
    assert progress.rate(2.0) == 50.0
