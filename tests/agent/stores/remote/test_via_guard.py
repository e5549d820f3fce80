from __future__ import annotations

from typing import Any

import pytest

from s3d.agent.core.store import Answer, Ready
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, S3Response, WireRequest
from s3d.agent.s3.model import operations
from s3d.agent.stores.remote.forward import HOPS
from s3d.agent.stores.remote.via_guard import MOST, Hops, LoopGuard


class Open:
    """A store that takes everything."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def call(self, request: S3Request[Any]) -> Answer:
        self.taken.append(request.op.name)
        return Ready(S3Response({}))


def arriving(hops: str | None) -> S3Request[Any]:
    headers = () if hops is None else ((HOPS, hops),)
    wire = WireRequest("PUT", "/b/k", "", headers)
    return S3Request(operations()["PutObject"], {"Bucket": "b", "Key": "k"}, None, wire)


@pytest.mark.parametrize("hops", ["me", "other,me", "me, other"])
def test_what_has_passed_us_is_not_accepted(hops: str) -> None:
    store = Open()
    with pytest.raises(S3Error, match="leads back to itself"):
        LoopGuard(store, Hops("me")).call(arriving(hops))
    assert not store.taken


@pytest.mark.parametrize("hops", [None, "other", "one,two"])
def test_everybody_else_is(hops: str | None) -> None:
    store = Open()
    LoopGuard(store, Hops("me")).call(arriving(hops))
    assert store.taken == ["PutObject"]


def test_our_own_requests_name_all_that_have_sent_us_anything() -> None:
    hops = Hops("me")
    assert hops.header == "me"
    guard = LoopGuard(Open(), hops)
    for came in ("one,two", "three", None, "one"):
        guard.call(arriving(came))
    assert hops.header == "two,three,one,me"


def test_only_the_latest_are_remembered() -> None:
    hops = Hops("me")
    for number in range(3 * MOST):
        hops.passed(f"agent-{number}")
    assert len(hops.header.split(",")) == MOST + 1
    assert hops.header.endswith(f"agent-{3 * MOST - 1},me")
