from __future__ import annotations

import pytest

from s3d.agent.core.failures import Reason
from s3d.agent.stores.write_queue.remote_gate import AWAY, NEEDS_CREDENTIALS, Line
from tests.agent.stores.write_queue.rig import (
    BAD_KEY,
    DENIED,
    SLOW_DOWN,
    Time,
    refusal,
    unreachable,
)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def line(time: Time) -> Line:
    return Line(time.clock)


def test_five_pushes_without_an_answer_close_it(line: Line) -> None:
    for _ in range(4):
        line.heard(unreachable()())
    assert line.trouble == ""
    line.heard(unreachable()())
    assert (line.trouble, line.closed.is_set(), line.probe_at) == (AWAY, True, 5.0)


def test_an_answer_opens_it_be_it_a_refusal(line: Line) -> None:
    for _ in range(5):
        line.heard(unreachable()())
    line.heard(DENIED())
    assert (line.trouble, line.closed.is_set(), line.probe_at) == ("", False, None)


@pytest.mark.parametrize("error", [BAD_KEY, unreachable(Reason.CREDENTIALS), refusal(401)])
def test_refused_credentials_close_it_at_once(line: Line, error: object) -> None:
    line.heard(error())  # type: ignore[operator]
    assert (line.trouble, line.probe_at) == (NEEDS_CREDENTIALS, 5.0)


def test_credentials_are_asked_about_ever_more_rarely(line: Line, time: Time) -> None:
    gaps = []
    line.heard(BAD_KEY())
    while len(gaps) < 9:
        at = line.probe_at
        assert at is not None
        gaps.append(at - time.passed)
        time.advance(gaps[-1])
        line.heard(BAD_KEY())
    assert gaps == [5, 10, 20, 40, 80, 160, 300, 300, 300]


def test_a_late_refusal_does_not_put_the_question_off(line: Line, time: Time) -> None:
    line.heard(BAD_KEY())
    time.advance(2)
    line.heard(BAD_KEY())
    assert line.probe_at == 5.0


def test_a_success_ends_every_trouble(line: Line) -> None:
    line.heard(BAD_KEY())
    line.succeeded()
    assert (line.trouble, line.closed.is_set()) == ("", False)


def test_slow_down_narrows_it_and_successes_widen_it(line: Line) -> None:
    assert line.limit == 8
    line.heard(SLOW_DOWN())
    assert line.limit == 4
    for _ in range(5):
        line.succeeded()
    assert line.limit == 5


def test_to_look_again_makes_the_next_probe_due(line: Line, time: Time) -> None:
    line.heard(BAD_KEY())
    time.advance(1)
    line.look_again()
    assert line.probe_at == time.passed
    for _ in range(5):
        line.heard(unreachable()())
    line.look_again()
    assert line.probe_at == time.passed


@pytest.mark.finding("D15")
@pytest.mark.parametrize(
    ("status", "trouble"), [(200, ""), (304, ""), (404, ""), (403, ""), (500, AWAY), (503, AWAY)]
)
def test_an_answer_to_somebody_else_opens_it(line: Line, status: int, trouble: str) -> None:
    for _ in range(5):
        line.heard(unreachable()())
    line.answered(status)
    assert (line.trouble, line.closed.is_set()) == (trouble, bool(trouble))


@pytest.mark.finding("D15")
@pytest.mark.parametrize(("status", "trouble"), [(200, ""), (403, NEEDS_CREDENTIALS)])
def test_credentials_are_accepted_when_somebody_gets_what_he_asks_for(
    line: Line, status: int, trouble: str
) -> None:
    line.heard(BAD_KEY())
    line.answered(status)
    assert line.trouble == trouble


@pytest.mark.finding("D15")
def test_what_is_delayed_is_tried_again_ever_more_rarely(line: Line, time: Time) -> None:
    """Where only small requests get through, the back-off of the pushes has to hold."""
    tries: list[float] = []
    line.on_return = lambda: tries.append(time.passed)
    for _ in range(300):
        line.heard(unreachable()())
        line.answered(200)
        time.advance(1.0)
    assert tries == [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]
    time.advance(1000)
    line.answered(200)
    line.heard(unreachable()())
    line.answered(200)
    assert tries[-1] == time.passed
