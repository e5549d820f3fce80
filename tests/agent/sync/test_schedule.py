import asyncio

import pytest

from s3d.agent.sync.decide import Action
from s3d.agent.sync.listing_times import SLOWEST
from s3d.agent.sync.pass_scope import PassResult, StepResult
from s3d.agent.sync.retry_queue import RETRY_LONGEST
from s3d.agent.sync.schedule import FULL_FIRST, FULL_LONGEST, Schedule
from tests.agent.manual_clock import ManualClock


@pytest.fixture
def schedule(clock):
    """After its first pass."""
    found = Schedule(10.0, clock)
    found.ended(found.take(), PassResult())
    return found


def test_the_first_look_is_at_everything():
    scope = Schedule(10.0, ManualClock()).take()
    assert (scope.everything_here, scope.bucket) == (True, True)


def test_what_has_changed_is_looked_at_with_its_folder(schedule):
    assert not schedule.is_due()
    schedule.changed({"a/b", "c"})
    assert schedule.is_due()
    scope = schedule.take()
    assert (scope.paths, scope.folders) == ({"a/b", "a/", "c"}, {"a/b/", "c/"})
    assert (scope.everything_here, scope.bucket) == (False, False)
    assert not schedule.is_due()


def test_too_many_changes_are_a_change_of_everything(schedule):
    schedule.changed({str(number) for number in range(5_000)})
    assert schedule.take().everything_here
    schedule.ended(schedule.take(), PassResult())
    schedule.changed(None)
    assert schedule.take().everything_here


def test_what_is_touched_in_the_bucket_is_looked_at_there(schedule):
    schedule.touched("a")
    scope = schedule.take()
    assert (scope.touched, scope.paths) == ({"a"}, set())


def test_the_bucket_is_looked_at_less_often_while_nothing_changes(schedule, clock):
    pauses = []
    for _ in range(12):
        start = clock.now
        while not (scope := schedule.take()).bucket:
            clock.now += 1
        pauses.append(clock.now - start)
        schedule.ended(scope, PassResult())
    assert pauses == sorted(pauses)
    assert pauses[0] >= 10
    assert pauses[-1] == 10.0 * SLOWEST
    clock.now += 10.0 * SLOWEST
    schedule.ended(schedule.take(), PassResult([StepResult("a", Action.DOWNLOAD)]))
    clock.now += 10
    assert schedule.take().bucket


def test_the_folder_is_scanned_less_often_while_nothing_is_found(schedule, clock):
    clock.now += 2 * FULL_FIRST
    scope = schedule.take()
    assert scope.everything_here
    for _ in range(8):
        schedule.ended(scope, PassResult())
    clock.now += FULL_LONGEST - 1
    assert not schedule.take().everything_here
    clock.now += 1
    scope = schedule.take()
    assert scope.everything_here
    schedule.ended(scope, PassResult(finds=1))
    clock.now += FULL_FIRST
    assert schedule.take().everything_here


def test_a_path_that_is_written_to_is_tried_less_and_less_often(schedule, clock):
    pauses = []
    for _ in range(8):
        schedule.retries.retry("a", there=False)
        start = clock.now
        while "a" not in schedule.take().paths:
            clock.now += 0.5
        pauses.append(clock.now - start)
    assert pauses[:3] == [1.0, 2.0, 4.0]
    assert pauses[-1] == RETRY_LONGEST


def test_a_remote_that_is_away_is_asked_less_and_less_often(schedule, clock):
    schedule.changed({"a"})
    scope = schedule.take()
    pauses = []
    for _ in range(7):
        pause = schedule.backoff()
        schedule.put_back(scope, pause)
        assert not schedule.is_due()
        clock.now += pause
        assert schedule.is_due()
        scope = schedule.take()
        assert "a" in scope.paths
        pauses.append(pause)
    assert pauses[0] == 2.0
    assert pauses[-1] == 60.0
    schedule.ended(scope, PassResult())
    assert schedule.backoff() == 2.0


def test_what_was_to_be_done_is_put_back_whole(schedule, clock):
    schedule.everything()
    schedule.touched("t")
    schedule.put_back(schedule.take(), 0.0)
    scope = schedule.take()
    assert (scope.everything_here, scope.bucket, scope.touched) == (True, True, {"t"})


def test_without_events_the_folder_is_scanned_often(schedule, clock):
    assert not schedule.is_due(is_polling=True)
    clock.now += 31
    assert schedule.is_due(is_polling=True)


async def test_news_end_a_wait(schedule):
    async with asyncio.timeout(3), asyncio.TaskGroup() as group:
        waiting = group.create_task(schedule.wait(60.0))
        await asyncio.sleep(0)
        assert not waiting.done()
        schedule.changed({"a"})


def test_a_folder_that_has_come_is_looked_at_once_more(schedule, clock):
    schedule.changed({"new"})
    assert schedule.take().events == {"new"}
    schedule.folder_came("new")
    assert "new" not in schedule.take().paths
    clock.now += 2
    scope = schedule.take()
    assert ("new/" in scope.folders, scope.events) == (True, set())


@pytest.mark.finding("A5")
def test_what_is_pending_is_counted(schedule, clock):
    assert (schedule.pending, schedule.waiting) == (0, 0)
    schedule.changed({"a", "b"})
    schedule.touched("b")
    schedule.folder_came("d")
    assert (schedule.pending, schedule.waiting) == (3, 0)
    scope = schedule.take()
    schedule.put_back(scope, 1.0)
    assert schedule.pending == 3, "a pass that came to nothing leaves them"
    schedule.ended(schedule.take(), PassResult())
    clock.now += RETRY_LONGEST
    schedule.ended(schedule.take(), PassResult())
    assert schedule.pending == 0
    for waiting in (0, 0, 1):
        schedule.retries.retry("log", there=False)
        assert (schedule.pending, schedule.waiting) == (1, waiting)
    schedule.everything()
    schedule.ended(schedule.take(), PassResult())
    assert schedule.pending == 0, "a look at everything has found it in sync"


async def test_a_look_ends_when_a_pass_has_looked(schedule, clock):
    look = schedule.look_at(["a", "b"])
    scope = schedule.take()
    assert scope.touched == {"a", "b"}
    later = schedule.look_at(["a"])
    schedule.put_back(scope, 0.0)
    assert not look.done()
    scope = schedule.take()
    schedule.ended(scope, PassResult())
    assert look.done()
    assert later.done()


async def test_a_look_that_begins_during_a_pass_waits_for_the_next(schedule):
    schedule.touched("a")
    scope = schedule.take()
    look = schedule.look_at(["a"])
    schedule.ended(scope, PassResult())
    assert not look.done()
    schedule.ended(schedule.take(), PassResult())
    assert look.done()


def test_a_listing_that_was_requested_during_a_pass_is_made_after_it(schedule):
    schedule.look_at_bucket()
    scope = schedule.take()
    scope.bucket_requests = schedule.listings.requests
    schedule.look_at_bucket()
    schedule.ended(scope, PassResult())
    assert schedule.take().bucket
