from __future__ import annotations

from typing import Any

import pytest

from s3d.agent.core.store import Answer, Completed
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, S3Response, WireRequest
from s3d.agent.s3.model import operations
from s3d.agent.stores.remote.loop_detection import HOPS, MAX_HOPS, MEMORY, LoopDetection, ViaTracker
from tests.agent.manual_clock import ManualClock

ME, ONE, TWO, THREE = ("a" * 32, "1" * 32, "2" * 32, "3" * 32)


class Open:
    """A store that takes everything."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def call(self, request: S3Request[Any]) -> Answer:
        self.taken.append(request.op.name)
        return Completed(S3Response({}))


def arriving(via: str | None) -> S3Request[Any]:
    headers = () if via is None else ((HOPS, via),)
    wire = WireRequest("PUT", "/b/k", "", headers)
    return S3Request(operations()["PutObject"], {"Bucket": "b", "Key": "k"}, None, wire)


@pytest.mark.parametrize("via", [ME, f"{ONE},{ME}", f"{ME}, {ONE}"])
def test_what_has_passed_us_is_not_accepted(via: str) -> None:
    store = Open()
    with pytest.raises(S3Error, match="leads back to this s3d"):
        LoopDetection(store, ViaTracker(ME)).call(arriving(via))
    assert not store.taken


@pytest.mark.parametrize("via", [None, ONE, f"{ONE},{TWO}", "not an id", "x" * 9_000])
def test_everybody_else_is(via: str | None) -> None:
    store = Open()
    LoopDetection(store, ViaTracker(ME)).call(arriving(via))
    assert store.taken == ["PutObject"]


def test_our_own_requests_name_all_that_have_sent_us_anything() -> None:
    via = ViaTracker(ME)
    assert via.header == ME
    guard = LoopDetection(Open(), via)
    for came in (f"{ONE},{TWO}", THREE, None, ONE):
        guard.call(arriving(came))
    assert via.header == f"{TWO},{THREE},{ONE},{ME}"


@pytest.mark.finding("Q7")
@pytest.mark.parametrize("came", ["x" * 9_000, "agent-1", ME.upper(), f"{ONE}0", ",,", "é" * 32])
def test_a_value_that_is_no_agent_id_is_not_sent_on(came: str) -> None:
    via = ViaTracker(ME)
    LoopDetection(Open(), via).call(arriving(came))
    assert via.header == ME


@pytest.mark.finding("Q7")
def test_only_the_latest_agents_are_named() -> None:
    via = ViaTracker(ME)
    for number in range(3 * MAX_HOPS):
        via.admit(f"{number:032x}")
    assert len(via.header.split(",")) == MAX_HOPS
    assert via.header.endswith(f"{3 * MAX_HOPS - 1:032x},{ME}")


@pytest.mark.finding("Q7")
def test_an_agent_is_named_for_a_while_only() -> None:
    clock = ManualClock(0.0)
    via = ViaTracker(ME, clock=clock)
    via.admit(ONE)
    clock.now = MEMORY - 1
    via.admit(TWO)
    assert via.header == f"{ONE},{TWO},{ME}"
    clock.now = MEMORY
    assert via.header == f"{TWO},{ME}"


@pytest.mark.finding("Q7")
def test_a_request_that_has_passed_too_many_agents_is_not_accepted() -> None:
    store = Open()
    with pytest.raises(S3Error, match="passed 17 agents"):
        LoopDetection(store, ViaTracker(ME)).call(
            arriving(",".join(f"{n:032x}" for n in range(17)))
        )
    assert not store.taken
