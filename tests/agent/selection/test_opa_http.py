"""A policy server, on good and bad days."""

import pytest

from s3d.agent.selection.decision import Decision, PolicyUnavailable
from s3d.agent.selection.opa_http import FAILURES, FIRST_PAUSE, HttpEngine
from tests.peers.policy import VECTORS, PolicyServer


@pytest.mark.parametrize("place", ["root", "rule", "socket"])
async def test_the_vectors(place, tmp_path):
    socket = tmp_path / "opa.sock" if place == "socket" else None
    async with PolicyServer().serve(socket) as server:
        url = server.url + ("/v1/data/s3d/filter/decision" if place == "rule" else "")
        engine = HttpEngine(url, timeout=10)
        for document, include, reason in VECTORS:
            assert await engine.decide(document) == Decision(include, reason)
        assert engine.trouble == ""
        await engine.close()


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        ("500", "returned HTTP status 500"),
        ("undefined", "is undefined"),
        ("garbage", "Expecting value"),
        ("slow", "no answer within"),
        ("deep", "nested too deeply"),
        ("endless", "more than 1048576 bytes"),
        ("elsewhere", "returned HTTP status 307"),
    ],
)
async def test_what_decides_nothing(failure, why):
    async with PolicyServer().serve() as server:
        engine = HttpEngine(server.url, timeout=0.05 if failure == "slow" else 10)
        server.failure = failure
        with pytest.raises(PolicyUnavailable, match=why):
            await engine.decide({})
        assert why in engine.trouble
        await engine.close()


async def test_a_server_that_is_not_there_is_left_alone_for_a_while():
    now = [0.0]
    async with PolicyServer().serve() as server:
        engine = HttpEngine(server.url, timeout=10, clock=lambda: now[0])
        server.failure = "500"
        for _ in range(FAILURES + 3):
            with pytest.raises(PolicyUnavailable):
                await engine.decide({})
        assert server.asked == FAILURES
        server.failure = ""
        now[0] = FIRST_PAUSE
        assert (await engine.decide({"tags": {}, "size": 1})).include
        assert engine.trouble == ""
        await engine.close()


async def test_nobody_listens(tmp_path):
    engine = HttpEngine(f"unix://{tmp_path / 'none'}")
    with pytest.raises(PolicyUnavailable, match="none"):
        await engine.decide({})
    await engine.close()
