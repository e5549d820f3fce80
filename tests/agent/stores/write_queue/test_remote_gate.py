from __future__ import annotations

import pytest

from s3d.agent.core.failures import Reason
from s3d.agent.stores.write_queue.remote_gate import AWAY, NEEDS_CREDENTIALS, RemoteGate
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
def gate(time: Time) -> RemoteGate:
    return RemoteGate(time.clock)


def test_five_pushes_without_an_answer_close_it(gate: RemoteGate) -> None:
    for _ in range(4):
        gate.record_outcome(unreachable()())
    assert gate.trouble == ""
    gate.record_outcome(unreachable()())
    assert (gate.trouble, gate.closed.is_set(), gate.probe_at) == (AWAY, True, 5.0)


def test_an_answer_opens_it_be_it_a_refusal(gate: RemoteGate) -> None:
    for _ in range(5):
        gate.record_outcome(unreachable()())
    gate.record_outcome(DENIED())
    assert (gate.trouble, gate.closed.is_set(), gate.probe_at) == ("", False, None)


@pytest.mark.parametrize("error", [BAD_KEY, unreachable(Reason.CREDENTIALS), refusal(401)])
def test_refused_credentials_close_it_at_once(gate: RemoteGate, error: object) -> None:
    gate.record_outcome(error())  # type: ignore[operator]
    assert (gate.trouble, gate.probe_at) == (NEEDS_CREDENTIALS, 5.0)


def test_credentials_are_asked_about_ever_more_rarely(gate: RemoteGate, time: Time) -> None:
    gaps = []
    gate.record_outcome(BAD_KEY())
    while len(gaps) < 9:
        at = gate.probe_at
        assert at is not None
        gaps.append(at - time.passed)
        time.advance(gaps[-1])
        gate.record_outcome(BAD_KEY())
    assert gaps == [5, 10, 20, 40, 80, 160, 300, 300, 300]


def test_a_late_refusal_does_not_put_the_question_off(gate: RemoteGate, time: Time) -> None:
    gate.record_outcome(BAD_KEY())
    time.advance(2)
    gate.record_outcome(BAD_KEY())
    assert gate.probe_at == 5.0


def test_a_success_ends_every_trouble(gate: RemoteGate) -> None:
    gate.record_outcome(BAD_KEY())
    gate.record_success()
    assert (gate.trouble, gate.closed.is_set()) == ("", False)


def test_slow_down_narrows_it_and_successes_widen_it(gate: RemoteGate) -> None:
    assert gate.limit == 8
    gate.record_outcome(SLOW_DOWN())
    assert gate.limit == 4
    for _ in range(5):
        gate.record_success()
    assert gate.limit == 5


def test_to_look_again_makes_the_next_probe_due(gate: RemoteGate, time: Time) -> None:
    gate.record_outcome(BAD_KEY())
    time.advance(1)
    gate.reset_backoff()
    assert gate.probe_at == time.passed
    for _ in range(5):
        gate.record_outcome(unreachable()())
    gate.reset_backoff()
    assert gate.probe_at == time.passed


@pytest.mark.finding("D15")
@pytest.mark.parametrize(
    ("status", "trouble"), [(200, ""), (304, ""), (404, ""), (403, ""), (500, AWAY), (503, AWAY)]
)
def test_an_answer_to_somebody_else_opens_it(gate: RemoteGate, status: int, trouble: str) -> None:
    for _ in range(5):
        gate.record_outcome(unreachable()())
    gate.record_answer(status)
    assert (gate.trouble, gate.closed.is_set()) == (trouble, bool(trouble))


@pytest.mark.finding("D15")
@pytest.mark.parametrize(("status", "trouble"), [(200, ""), (403, NEEDS_CREDENTIALS)])
def test_credentials_are_accepted_when_somebody_gets_what_he_asks_for(
    gate: RemoteGate, status: int, trouble: str
) -> None:
    gate.record_outcome(BAD_KEY())
    gate.record_answer(status)
    assert gate.trouble == trouble


@pytest.mark.finding("D15")
def test_what_is_delayed_is_tried_again_ever_more_rarely(gate: RemoteGate, time: Time) -> None:
    """Where only small requests get through, the back-off of the pushes has to hold."""
    tries: list[float] = []
    gate.on_return = lambda: tries.append(time.passed)
    for _ in range(300):
        gate.record_outcome(unreachable()())
        gate.record_answer(200)
        time.advance(1.0)
    assert tries == [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]
    time.advance(1000)
    gate.record_answer(200)
    gate.record_outcome(unreachable()())
    gate.record_answer(200)
    assert tries[-1] == time.passed
