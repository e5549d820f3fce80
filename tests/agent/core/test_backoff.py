from s3d.agent.core.backoff import Backoff, exponential_delay, full_jitter


def test_delays_double_up_to_the_longest_and_begin_again_after_a_success():
    backoff = Backoff(1.0, 5.0)
    assert [backoff.advance() for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    backoff.reset()
    assert backoff.current == 1.0
    assert backoff.advance() == 1.0


def test_another_factor():
    backoff = Backoff(2.0, 100.0, factor=1.5)
    assert [backoff.advance() for _ in range(3)] == [2.0, 3.0, 4.5]


def test_the_delay_after_a_number_of_failures_never_overflows():
    assert [exponential_delay(n, 0.5, 60.0) for n in (0, 1, 2, 30, 10_000)] == [
        0.5, 1.0, 2.0, 60.0, 60.0,
    ]  # fmt: skip


def test_full_jitter_is_a_share_of_the_delay():
    assert [full_jitter(8.0, random) for random in (0.0, 0.25, 1.0)] == [0.0, 2.0, 8.0]
