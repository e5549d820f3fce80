import itertools

import pytest

from s3d.agent.stores.write_queue.breaker import Breaker


def opened(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(5):
        breaker.missed(now)
    return breaker


def test_five_misses_in_a_row_open_it() -> None:
    breaker = Breaker()
    for _ in range(4):
        breaker.missed(0.0)
    assert not breaker.is_open
    breaker.missed(0.0)
    assert breaker.is_open


def test_an_answer_between_begins_the_count_anew() -> None:
    breaker = Breaker()
    for _ in range(4):
        breaker.missed(0.0)
    breaker.reached()
    for _ in range(4):
        breaker.missed(0.0)
    assert not breaker.is_open


@pytest.mark.parametrize(("turn", "opens"), [((False, True), False), ((False, False, True), True)])
def test_it_opens_when_more_than_half_of_twenty_miss(
    turn: tuple[bool, ...], *, opens: bool
) -> None:
    breaker = Breaker()
    for _, answered in zip(range(20), itertools.cycle(turn), strict=False):
        assert not breaker.is_open
        if answered:
            breaker.reached()
        else:
            breaker.missed(0.0)
    assert breaker.is_open is opens


def test_probes_come_after_5_then_10_then_at_most_60_seconds() -> None:
    breaker = opened(now=0.0)
    gaps = []
    before = 0.0
    for _ in range(6):
        at = breaker.probe_at
        assert at is not None
        gaps.append(at - before)
        before = at
        breaker.missed(at)
    assert gaps == [5, 10, 20, 40, 60, 60]


def test_a_late_miss_of_a_push_does_not_put_the_probe_off() -> None:
    breaker = opened(now=0.0)
    breaker.missed(2.0)
    assert breaker.probe_at == 5.0


def test_an_answer_closes_it_and_forgets_the_waits() -> None:
    breaker = opened(now=0.0)
    breaker.missed(5.0)
    breaker.reached()
    assert breaker.probe_at is None
    again = [breaker.missed(100.0) for _ in range(5)]
    assert len(again) == 5
    assert breaker.probe_at == 105.0


def test_another_network_is_probed_at_once() -> None:
    breaker = opened(now=0.0)
    breaker.network_changed(1.0)
    assert breaker.probe_at == 1.0


def test_another_network_means_nothing_while_it_is_closed() -> None:
    breaker = Breaker()
    breaker.network_changed(1.0)
    assert not breaker.is_open
