from dataclasses import replace

import pytest

from s3d.agent.core.context import internal_request
from s3d.agent.core.spans import Tracer
from s3d.agent.core.store import Completed
from s3d.agent.core.traced_layer import InternalRequests, TracedLayer
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import RequestContext, S3Response, WireRequest
from s3d.agent.s3.trace_context import TraceContext

TRACE = TraceContext("a" * 32, "b" * 16)
WIRE = WireRequest("GET", "/b/k", "", ())


class Store:
    """Answers as it is told, and keeps the requests."""

    def __init__(self, answer) -> None:
        self.answer = answer
        self.requests = []

    def call(self, request):
        self.requests.append(request)
        return self.answer()


def raise_now(error):
    def answer():
        raise error

    return answer


def raise_later(error):
    async def answer():
        raise error

    return answer


async def later():
    return S3Response({})


def request(trace=TRACE):
    made = internal_request(RequestContext("R", trace=trace), "GetObject", {"Bucket": "b"})
    return replace(made, wire=WIRE)


def layer_over(sink, answer, does_work=lambda request: True):
    tracer, store = Tracer(), Store(answer)
    tracer.install(sink)
    return TracedLayer(store, "layer", tracer, does_work=does_work), store


@pytest.mark.parametrize("answer", [lambda: Completed(S3Response({})), later])
async def test_the_span_is_the_parent_of_what_is_below(sink, answer):
    layer, store = layer_over(sink, answer)
    await layer.call(request())
    (span,) = sink.spans
    assert (span.name, span.parent_id, span.context.trace_id) == ("layer", "b" * 16, "a" * 32)
    (passed,) = store.requests
    assert passed.context.trace == span.context
    assert passed.context.request_id == "R"
    assert passed.wire is WIRE
    assert "error.type" not in span.attributes


@pytest.mark.parametrize("fail", [raise_now, raise_later])
@pytest.mark.parametrize(
    ("code", "name"), [("NoSuchKey", "s3d.s3.error_code"), ("InternalError", "error.type")]
)
async def test_an_error_ends_the_span_and_only_that_of_a_server_is_a_failure(
    sink, fail, code, name
):
    layer, _ = layer_over(sink, fail(S3Error(code)))
    with pytest.raises(S3Error):
        await layer.call(request())
    (span,) = sink.spans
    assert span.attributes[name] == code
    assert ("error.type" in span.attributes) is (name == "error.type")


@pytest.mark.parametrize("trace", [None, TRACE._replace(is_sampled=False)])
async def test_a_request_that_is_not_recorded_passes_as_it_is(sink, trace):
    layer, store = layer_over(sink, later)
    asked = request(trace)
    await layer.call(asked)
    assert store.requests == [asked]
    assert store.requests[0] is asked
    assert sink.spans == []


async def test_a_layer_without_work_has_no_span(sink):
    layer, store = layer_over(sink, later, does_work=lambda request: False)
    asked = request()
    await layer.call(asked)
    assert store.requests[0] is asked
    assert sink.spans == []


def internal(sink, answer=later):
    tracer, store = Tracer(), Store(answer)
    tracer.install(sink)
    return InternalRequests(store, tracer), store


async def test_a_request_of_the_agent_itself_begins_a_trace(sink):
    layer, store = internal(sink)
    members = {"Bucket": "b", "Key": "k"}
    await layer.call(internal_request(RequestContext("R"), "PutObject", members))
    (span,) = sink.spans
    assert (span.name, span.parent_id) == ("S3.PutObject", "")
    assert span.attributes == {
        "rpc.method": "PutObject",
        "s3d.request_id": "R",
        "aws.s3.bucket": "b",
        "aws.s3.key": "k",
    }
    assert store.requests[0].context.trace == span.context


async def test_a_request_of_a_client_has_its_span_already(sink):
    layer, store = internal(sink)
    for asked in (request(), request(None)):
        await layer.call(asked)
        assert store.requests[-1] is asked
    assert sink.spans == []
