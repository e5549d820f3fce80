from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.stores.write_queue.pace import Pace


def test_a_round_of_successes_raises_the_limit_by_one() -> None:
    pace = Pace(start=4)
    for _ in range(5):
        pace.succeeded()
    assert pace.limit == 5


def test_slow_down_halves_the_limit() -> None:
    pace = Pace(start=8)
    pace.slowed(100.0)
    assert pace.limit == 4


def test_refusals_of_one_jam_count_once() -> None:
    pace = Pace(start=8)
    for moment in (100.0, 100.1, 104.9):
        pace.slowed(moment)
    assert pace.limit == 4
    pace.slowed(105.0)
    assert pace.limit == 2


@given(st.lists(st.booleans(), max_size=300))
def test_the_limit_keeps_within_its_bounds(outcomes: list[bool]) -> None:
    pace = Pace(start=4, least=1, most=9)
    for at, succeeded in enumerate(outcomes):
        if succeeded:
            pace.succeeded()
        else:
            pace.slowed(at * 3.0)
        assert 1 <= pace.limit <= 9
