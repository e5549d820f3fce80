from __future__ import annotations

from contextlib import suppress

import pytest

from s3d.agent.core.failures import Reason, Unreachable
from s3d.agent.stores.remote.remote_health import PAUSE, TRIAL, Outage
from tests.agent.manual_clock import ManualClock

pytestmark = pytest.mark.finding("S9")

SILENCE = Unreachable(Reason.TIMEOUT, "", sent=True)
REFUSED = Unreachable(Reason.CONNECT, "", sent=False)
LOST = Unreachable(Reason.LOST, "", sent=True)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def outage(clock: ManualClock) -> Outage:
    return Outage(clock)


def admitted(outage: Outage, seconds: float = 30.0, *, repeatable: bool = True) -> float | None:
    with suppress(Unreachable):
        return outage.time_limit(seconds, repeatable=repeatable)
    return None


def test_after_a_wait_in_vain_the_next_fails_at_once(outage: Outage, clock: ManualClock) -> None:
    assert admitted(outage) == 30.0
    outage.missed(SILENCE)
    assert admitted(outage) is None
    clock.now += PAUSE
    assert admitted(outage) == TRIAL
    assert admitted(outage) is None, "one trial at a time"
    outage.answered()
    assert admitted(outage) == 30.0


def test_a_write_on_trial_has_its_time(outage: Outage, clock: ManualClock) -> None:
    outage.missed(SILENCE)
    clock.now += PAUSE
    assert admitted(outage, 60.0, repeatable=False) == 60.0


def test_while_others_get_answers_the_remote_is_there(outage: Outage, clock: ManualClock) -> None:
    outage.answered()
    clock.now += PAUSE / 2
    outage.missed(SILENCE)
    assert admitted(outage) == 30.0


@pytest.mark.parametrize("cause", [REFUSED, LOST])
def test_what_fails_at_once_is_tried_each_time(outage: Outage, cause: Unreachable) -> None:
    outage.missed(cause)
    assert admitted(outage) == 30.0


def test_a_connection_that_nobody_takes_in_time_is_a_wait_in_vain(outage: Outage) -> None:
    cause = Unreachable(Reason.CONNECT, "", sent=False)
    cause.__cause__ = TimeoutError()
    outage.missed(cause)
    assert admitted(outage) is None
