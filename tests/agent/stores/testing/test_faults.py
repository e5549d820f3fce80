"""Which requests fail, and how."""

import asyncio

import pytest

from s3d.agent.core.store import Completed, ConnectionDropped
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import RequestContext, S3Request, S3Response, WireRequest
from s3d.agent.s3.model import operations
from s3d.agent.s3.principal import ANONYMOUS
from s3d.agent.stores.testing.faults import MAX_FAULTS, FaultLayer, Faults
from s3d.shared.testing import FaultSpec

WIRE = WireRequest("PUT", "/b/k", "", ())


class Store:
    """Counts its calls."""

    def __init__(self):
        self.calls = 0

    def call(self, request):
        self.calls += 1
        return Completed(S3Response({}))


def request(operation="PutObject", bucket="b", key="k", **fields):
    return S3Request(operations()[operation], {"Bucket": bucket, "Key": key}, **fields)


def test_a_fault_concerns_its_operation_its_bucket_and_its_prefix():
    for spec, place, is_hit in (
        (FaultSpec(error="SlowDown"), ("GetObject", "b", "k"), True),
        (FaultSpec(operation="PutObject", error="SlowDown"), ("GetObject", "b", "k"), False),
        (FaultSpec(bucket="b", error="SlowDown"), ("GetObject", "b", ""), True),
        (FaultSpec(bucket="b", error="SlowDown"), ("GetObject", "bb", "k"), False),
        (FaultSpec(bucket="b", prefix="x/", error="SlowDown"), ("GetObject", "b", "x/k"), True),
        (FaultSpec(bucket="b", prefix="x/", error="SlowDown"), ("GetObject", "b", "y"), False),
    ):
        faults = Faults()
        faults.add(spec)
        assert (faults.outcome(*place) is not None) is is_hit, (spec, place)


def test_a_rate_chooses_the_same_requests_for_the_same_seed():
    def chosen(seed):
        faults = Faults()
        faults.add(FaultSpec(error="SlowDown", rate=0.1, seed=seed))
        return [number for number in range(1_000) if faults.outcome("GetObject", "b", "k")]

    assert chosen(1) == chosen(1) != chosen(2)
    assert 60 < len(chosen(1)) < 140


def test_one_fault_does_not_change_what_another_chooses():
    alone, beside = Faults(), Faults()
    beside.add(FaultSpec(operation="GetObject", error="InternalError", rate=0.5))
    for faults in (alone, beside):
        faults.add(FaultSpec(operation="PutObject", error="SlowDown", rate=0.3, seed=7))
    for _ in range(100):
        beside.outcome("GetObject", "b", "k")
        assert alone.outcome("PutObject", "b", "k") == beside.outcome("PutObject", "b", "k")


def test_a_fault_ends_after_its_times_and_counts():
    faults = Faults()
    fault = faults.add(FaultSpec(error="SlowDown", times=2))
    assert [faults.outcome("GetObject", "", "") is not None for _ in range(4)] == [
        True, True, False, False,
    ]  # fmt: skip
    (shown,) = faults
    assert (shown.id, shown.matched, shown.failed) == (fault.id, 4, 2)
    assert faults.remove(fault.id)
    assert not faults.remove(fault.id)
    assert not faults


def test_delays_add_up_and_the_first_end_counts():
    faults = Faults()
    for spec in (
        FaultSpec(delay=1.0),
        FaultSpec(delay=2.0, error="SlowDown"),
        FaultSpec(close=True),
    ):
        faults.add(spec)
    assert faults.outcome("GetObject", "b", "k") == (3.0, "SlowDown", False)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"operation": "PutObjet", "error": "SlowDown"}, "did you mean PutObject"),
        ({"error": "SlowDwon"}, "did you mean SlowDown"),
        ({"error": "NotModified"}, "error"),
        ({}, "an error, a delay or a closed connection"),
        ({"error": "SlowDown", "close": True}, "not both"),
        ({"delay": -1.0}, "a delay"),
        ({"delay": 1e9}, "a delay"),
        ({"error": "SlowDown", "rate": 0.0}, "a rate"),
        ({"error": "SlowDown", "rate": 1.5}, "a rate"),
        ({"error": "SlowDown", "rate": float("nan")}, "a rate"),
        ({"error": "SlowDown", "times": 0}, "at least once"),
        ({"error": "SlowDown", "prefix": "x"}, "BUCKET/PREFIX"),
    ],
)
def test_a_wrong_fault_is_refused(spec, words):
    with pytest.raises(ValueError, match=words):
        Faults().add(FaultSpec(**spec))


def test_there_is_a_highest_number_of_faults():
    faults = Faults()
    for _ in range(MAX_FAULTS):
        faults.add(FaultSpec(close=True))
    with pytest.raises(ValueError, match="rm --all"):
        faults.add(FaultSpec(close=True))


async def test_the_layer_refuses_drops_and_delays():
    store, faults = Store(), Faults()
    layer = FaultLayer(store, faults)
    assert isinstance(layer.call(request(wire=WIRE)), Completed)

    faults.add(FaultSpec(operation="PutObject", error="SlowDown"))
    with pytest.raises(S3Error) as caught:
        await layer.call(request(wire=WIRE))
    assert (caught.value.code, caught.value.status, caught.value.detail) == (
        "SlowDown", 503, {"Key": "k"},
    )  # fmt: skip
    assert isinstance(layer.call(request("GetObject", wire=WIRE)), Completed)

    faults.clear()
    faults.add(FaultSpec(close=True))
    with pytest.raises(ConnectionDropped):
        await layer.call(request(context=RequestContext(principal=ANONYMOUS)))

    faults.clear()
    faults.add(FaultSpec(delay=0.05))
    before, started = store.calls, asyncio.get_running_loop().time()
    await layer.call(request(wire=WIRE))
    assert asyncio.get_running_loop().time() - started >= 0.05
    assert store.calls == before + 1


async def test_what_the_agent_asks_itself_does_not_fail():
    store, faults = Store(), Faults()
    faults.add(FaultSpec(close=True))
    assert isinstance(FaultLayer(store, faults).call(request("GetBucketCors")), Completed)
