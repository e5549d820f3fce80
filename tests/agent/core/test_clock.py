import time

import pytest

from s3d.agent.core.clock import JUMP, LATEST, Clock, Jumps, MovableClock
from tests.agent.stores.write_queue.rig import Time


async def test_by_default_it_is_the_machines() -> None:
    clock = Clock()
    assert abs(clock.now() - time.time()) < 5
    assert clock.steady() <= clock.steady()
    assert 0 <= clock.minute() < 1440
    assert 0 <= clock.random() <= 1
    await clock.sleep(0)


def test_a_jump_is_seen_once_and_the_passing_of_time_is_none() -> None:
    time = Time()
    jumps = Jumps(time.clock)
    time.advance(3600.0)
    time.suspended += JUMP / 2  # somebody sets the clock right
    assert not jumps.jumped()
    time.suspended += 3600.0
    assert jumps.jumped()
    assert not jumps.jumped()


def test_a_movable_clock_runs_on_from_where_it_was_set():
    real = [1_000.0]
    clock = MovableClock(lambda: real[0])
    assert clock.now() == 1_000.0
    clock.offset = clock.offset_for(5_000.0)
    assert clock.now() == 5_000.0
    real[0] += 10
    assert clock.now() == 5_010.0
    for moment in (-1.0, LATEST + 1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="1970 to 9998"):
            clock.offset_for(moment)
