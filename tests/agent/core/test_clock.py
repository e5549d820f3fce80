import time

from s3d.agent.core.clock import JUMP, Clock, Jumps
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
