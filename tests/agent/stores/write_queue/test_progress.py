from s3d.agent.core.events import Events
from s3d.agent.stores.write_queue.pending import Kind, PendingWrite
from s3d.agent.stores.write_queue.progress import Traffic
from s3d.agent.stores.write_queue.staged_body import SMALL
from tests.agent.stores.write_queue.rig import Time


def write(size: int) -> PendingWrite:
    return PendingWrite(7, Kind.PUT, "bbb", "k", size, 0.0)


async def test_a_large_push_tells_how_far_it_is_twice_a_second() -> None:
    time, events = Time(), Events()
    progress = Traffic(events, time.clock).begin(write(SMALL * 10))
    told = []
    with events.subscribe(["queue"]) as subscription:
        for _ in range(10):
            progress.moved(SMALL)
            time.advance(0.25)
            if events.seq > len(told):
                told += await subscription.take()
    assert [(event.kind, event.subject) for event in told] == [("queue.pushing", "bbb/k")] * 5
    assert [event.data["sent"] for event in told] == [SMALL * n for n in (1, 3, 5, 7, 9)]


def test_a_small_one_tells_nothing() -> None:
    time, events = Time(), Events()
    traffic = Traffic(events, time.clock)
    progress = traffic.begin(write(SMALL))
    progress.moved(SMALL)
    progress.ended()
    assert events.seq == 0
    assert traffic.rates() == (SMALL, 1)
