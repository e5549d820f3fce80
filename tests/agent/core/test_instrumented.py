import asyncio
from contextlib import suppress

import pytest

from s3d.agent.core import metric_table
from s3d.agent.core.failures import Reason, Refusal, Refused, Unreachable
from s3d.agent.core.instrumented import (
    Instrumented,
    InstrumentedRemote,
    count_layer,
    observe_remote,
)
from s3d.agent.core.store import Completed, TerminalStore, operation
from s3d.agent.core.telemetry import NoRegistry, Registry
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, S3Response, WireResponse
from s3d.agent.s3.model import operations


class Remote(TerminalStore):
    """Answers with what the test has set."""

    def __init__(self):
        super().__init__()
        self.outcome = S3Response({})
        self.waiting = asyncio.Event()

    @operation("GetObject", "PutObject")
    async def call_it(self, request):
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome

    @operation("HeadObject")
    def head(self, request):
        return Completed(S3Response({}))

    @operation("ListBuckets")
    async def wait_forever(self, request):
        self.waiting.set()
        await asyncio.Event().wait()


def request(name):
    return S3Request(operations()[name], {})


def caused_by(error, failure):
    error.failure = failure
    return error


async def test_a_layer_counts_what_reaches_it():
    registry = Registry()
    layer = Instrumented(Remote(), "read_cache", registry)
    for name in ("GetObject", "HeadObject", "GetObject"):
        await layer.call(request(name))
    with pytest.raises(S3Error):
        layer.call(request("CopyObject"))
    assert registry.values(metric_table.LAYER_CALLS) == {
        ("read_cache", "GetObject"): 2,
        ("read_cache", "HeadObject"): 1,
        ("read_cache", "CopyObject"): 1,
    }


async def test_an_answer_at_hand_stays_one():
    """A layer that made a coroutine of it would cost a task for each read from memory."""
    layer = Instrumented(Remote(), "read_cache", Registry())
    assert isinstance(layer.call(request("HeadObject")), Completed)


def test_without_a_registry_nothing_is_wrapped():
    remote = Remote()
    assert count_layer(NoRegistry(), remote, "read_cache") is remote
    assert count_layer(Registry(), remote, "change_events") is remote
    assert observe_remote(remote, NoRegistry()) is remote


OUTCOMES = {
    "200": S3Response({}),
    "206": S3Response({}, status=206),
    "304": S3Response({}, wire=WireResponse(304, ())),
    "404": S3Error("NoSuchKey"),
    "503": caused_by(S3Error("SlowDown"), Refused(Refusal(503, "SlowDown"))),
    "500": caused_by(S3Error("ServiceUnavailable"), Refused(Refusal(500, "InternalError"))),
    "unreachable": caused_by(
        S3Error("ServiceUnavailable"), Unreachable(Reason.TIMEOUT, "30 s", sent=True)
    ),
}


@pytest.mark.parametrize("code", OUTCOMES)
async def test_the_remote_is_counted_by_outcome(code):
    registry, remote = Registry(), Remote()
    times = iter((10.0, 10.25))
    remote.outcome = OUTCOMES[code]
    observed = InstrumentedRemote(remote, registry, lambda: next(times))
    with suppress(S3Error):
        await observed.call(request("GetObject"))
    assert registry.values(metric_table.REMOTE_REQUESTS) == {("GetObject", code): 1}
    assert registry.histogram(metric_table.REMOTE_DURATION, "GetObject").sum == 0.25
    assert registry.values(metric_table.REMOTE_IN_FLIGHT) == {(): 0}


async def test_a_request_that_is_cancelled_is_counted_as_such():
    registry, remote = Registry(), Remote()
    observed = InstrumentedRemote(remote, registry)
    async with asyncio.TaskGroup() as group:

        async def call():
            await observed.call(request("ListBuckets"))

        task = group.create_task(call())
        await remote.waiting.wait()
        assert registry.values(metric_table.REMOTE_IN_FLIGHT) == {(): 1}
        task.cancel()
    assert registry.values(metric_table.REMOTE_REQUESTS) == {("ListBuckets", "cancelled"): 1}
    assert registry.values(metric_table.REMOTE_IN_FLIGHT) == {(): 0}
