from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.core.token_bucket import Throttle, TokenBucket


def test_no_rate_never_waits() -> None:
    bucket = TokenBucket()
    assert [bucket.take(1 << 30, None, 0.0) for _ in range(3)] == [0.0, 0.0, 0.0]


@given(st.lists(st.integers(1, 100_000), min_size=1, max_size=50))
def test_over_time_no_more_goes_than_the_rate_and_one_burst(sizes: list[int]) -> None:
    bucket = TokenBucket()
    rate, now = 10_000, 50.0
    for size in sizes:
        now += bucket.take(size, rate, now)
    assert sum(sizes[:-1]) <= rate * (now - 50.0 + 0.25) + 0.001


def test_after_a_pause_only_a_burst_goes_at_once() -> None:
    bucket = TokenBucket()
    bucket.take(1, 1000, 0.0)
    assert bucket.take(250, 1000, 1000.0) == 0.0
    assert bucket.take(1, 1000, 1000.0) == 0.0
    assert bucket.take(1, 1000, 1000.0) > 0.0


async def test_a_throttle_waits_for_its_rate(monkeypatch):
    pauses = []

    async def sleep(pause: float) -> None:
        pauses.append(pause)

    monkeypatch.setattr("asyncio.sleep", sleep)
    throttle = Throttle(100, lambda: 10.0)
    for _ in range(3):
        await throttle.admit(50)
    assert pauses == [0.25, 0.75]
    free = Throttle(None)
    await free.admit(1 << 40)
    assert (throttle.is_limited, free.is_limited, len(pauses)) == (True, False, 2)
