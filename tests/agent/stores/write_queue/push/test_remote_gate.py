from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.core.client import S3Client
from s3d.agent.core.failures import Reason
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody
from s3d.agent.stores.write_queue.push.remote_gate import (
    AWAY,
    NEEDS_CREDENTIALS,
    PushBreaker,
    PushLimit,
    RemoteGate,
    probe,
)
from tests.agent.stores.write_queue.rig import (
    BAD_KEY,
    DENIED,
    SLOW_DOWN,
    Rig,
    Time,
    open_rig,
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
    assert (gate.trouble, gate.blocked.is_set(), gate.probe_at) == (AWAY, True, 5.0)


def test_an_answer_opens_it_be_it_a_refusal(gate: RemoteGate) -> None:
    for _ in range(5):
        gate.record_outcome(unreachable()())
    gate.record_outcome(DENIED())
    assert (gate.trouble, gate.blocked.is_set(), gate.probe_at) == ("", False, None)


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
    assert (gate.trouble, gate.blocked.is_set()) == ("", False)


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
    assert (gate.trouble, gate.blocked.is_set()) == (trouble, bool(trouble))


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


def test_a_round_of_successes_raises_the_limit_by_one() -> None:
    limit = PushLimit(start=4)
    for _ in range(5):
        limit.record_success()
    assert limit.limit == 5


def test_slow_down_halves_the_limit() -> None:
    limit = PushLimit(start=8)
    limit.record_throttling(100.0)
    assert limit.limit == 4


def test_refusals_of_one_jam_count_once() -> None:
    limit = PushLimit(start=8)
    for moment in (100.0, 100.1, 104.9):
        limit.record_throttling(moment)
    assert limit.limit == 4
    limit.record_throttling(105.0)
    assert limit.limit == 2


@given(st.lists(st.booleans(), max_size=300))
def test_the_limit_keeps_within_its_bounds(outcomes: list[bool]) -> None:
    limit = PushLimit(start=4, least=1, most=9)
    for at, succeeded in enumerate(outcomes):
        if succeeded:
            limit.record_success()
        else:
            limit.record_throttling(at * 3.0)
        assert 1 <= limit.limit <= 9


def opened(now: float = 0.0) -> PushBreaker:
    breaker = PushBreaker()
    for _ in range(5):
        breaker.record_failure(now)
    return breaker


def test_five_misses_in_a_row_open_it() -> None:
    breaker = PushBreaker()
    for _ in range(4):
        breaker.record_failure(0.0)
    assert not breaker.is_open
    breaker.record_failure(0.0)
    assert breaker.is_open


def test_an_answer_between_begins_the_count_anew() -> None:
    breaker = PushBreaker()
    for _ in range(4):
        breaker.record_failure(0.0)
    breaker.record_answer()
    for _ in range(4):
        breaker.record_failure(0.0)
    assert not breaker.is_open


@pytest.mark.parametrize(("turn", "opens"), [((False, True), False), ((False, False, True), True)])
def test_it_opens_when_more_than_half_of_twenty_miss(
    turn: tuple[bool, ...], *, opens: bool
) -> None:
    breaker = PushBreaker()
    for _, answered in zip(range(20), itertools.cycle(turn), strict=False):
        assert not breaker.is_open
        if answered:
            breaker.record_answer()
        else:
            breaker.record_failure(0.0)
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
        breaker.record_failure(at)
    assert gaps == [5, 10, 20, 40, 60, 60]


def test_a_late_miss_of_a_push_does_not_put_the_probe_off() -> None:
    breaker = opened(now=0.0)
    breaker.record_failure(2.0)
    assert breaker.probe_at == 5.0


def test_an_answer_closes_it_and_forgets_the_waits() -> None:
    breaker = opened(now=0.0)
    breaker.record_failure(5.0)
    breaker.record_answer()
    assert breaker.probe_at is None
    again = [breaker.record_failure(100.0) for _ in range(5)]
    assert len(again) == 5
    assert breaker.probe_at == 105.0


def test_another_network_is_probed_at_once() -> None:
    breaker = opened(now=0.0)
    breaker.reset_backoff(1.0)
    assert breaker.probe_at == 1.0


def test_another_network_means_nothing_while_it_is_closed() -> None:
    breaker = PushBreaker()
    breaker.reset_backoff(1.0)
    assert not breaker.is_open


PART = 5 << 20


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with open_rig(tmp_path) as opened:
        yield opened


async def test_ask_gives_the_members(rig: Rig) -> None:
    await rig.there.put("bbb", "k", b"value")
    head = await S3Client(rig.remote).output("HeadObject", {"Bucket": "bbb", "Key": "k"})
    assert head["ContentLength"] == 5


async def test_who_knocks_learns_why_nobody_opens(rig: Rig) -> None:
    await rig.there.put("bbb", "k", b"value")
    assert await probe(S3Client(rig.remote), "bbb", "k") is None
    rig.remote.fail("GetObject", DENIED)
    for bucket, key, code in [("bbb", "k", "AccessDenied"), ("none", "k", "NoSuchBucket")]:
        error = await probe(S3Client(rig.remote), bucket, key)
        assert error is not None
        assert error.code == code


@pytest.mark.parametrize("is_refused", [True, False])
async def test_what_is_sent_is_closed_although_nobody_read_it(rig: Rig, is_refused: bool) -> None:
    """Else its file stays open, and on the disk once it is pushed, until the next start."""
    closed = []

    class Opened(BytesBody):
        async def aclose(self) -> None:
            closed.append(True)

    if is_refused:
        rig.remote.fail("PutObject", DENIED)
    with suppress(S3Error):
        await S3Client(rig.remote).output(
            "PutObject", {"Bucket": "bbb", "Key": "k"}, Opened(b"value")
        )
    assert closed


async def test_nothing_is_left_of_a_large_push(rig: Rig) -> None:
    rig.remote.fail("UploadPart", DENIED)
    await rig.put_parts("m", PART, PART)
    await rig.staged.put("bbb", "k", bytes(PART))
    rig.start()
    await rig.parked()
    await rig.journal.control.retry(bucket="bbb")
    await rig.pushed()
    assert not any(rig.blobs.is_leased(blob) for blob in range(10))
