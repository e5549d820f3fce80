import time

from s3d.agent.store.queue.clock import Clock


async def test_by_default_it_is_the_machines() -> None:
    clock = Clock()
    assert abs(clock.now() - time.time()) < 5
    assert clock.steady() <= clock.steady()
    assert 0 <= clock.minute() < 1440
    assert 0 <= clock.random() <= 1
    await clock.sleep(0)
