from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from s3d.agent.app.embedded import open_embedded
from s3d.agent.core.access_keys import AccessKeys
from s3d.agent.core.spans import Tracer
from s3d.agent.core.store import ObjectStore
from s3d.agent.frontends.http.s3_server import S3Server
from s3d.agent.s3.messages import RequestContext
from s3d.agent.s3.trace_context import TraceContext
from s3d.shared.access_key import AccessKey
from s3d.shared.config.values import Secret
from tests.agent.frontends.http.wire import ACCESS_KEY, SECRET, RunningEndpoint

PARENT = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")


class Watched:
    """A store whose requests are kept."""

    def __init__(self, inner: ObjectStore) -> None:
        self.inner = inner
        self.contexts: list[RequestContext] = []

    def call(self, request):
        self.contexts.append(request.context)
        return self.inner.call(request)


@pytest.fixture
def tracer() -> Tracer:
    """It records nothing until the test installs a sink."""
    return Tracer()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Watched]:
    embedded = open_embedded(tmp_path / "store", ephemeral=True)
    yield Watched(embedded.local)
    embedded.close()


@pytest.fixture
async def endpoint(store: Watched, tracer: Tracer) -> AsyncIterator[RunningEndpoint]:
    keys = AccessKeys([AccessKey(ACCESS_KEY, Secret(SECRET))])
    server = S3Server(store, keys=keys, tracer=tracer)
    address = await server.start("127.0.0.1", 0)
    yield RunningEndpoint(server, address)
    await server.stop(0)


async def test_the_span_of_a_request(endpoint, store, tracer, sink):
    tracer.install(sink)
    await endpoint.ask("PUT", "/bucket")
    await endpoint.ask("PUT", "/bucket/a%20b", b"value", traceparent=PARENT.traceparent)
    span = sink.spans[-1]
    assert (span.name, span.parent_id) == ("S3.PutObject", PARENT.span_id)
    assert span.context.trace_id == PARENT.trace_id
    assert store.contexts[-1].trace == span.context
    expected = {
        "http.request.method": "PUT",
        "http.response.status_code": 200,
        "http.request.body.size": 5,
        "url.path": "/bucket/a%20b",
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        "rpc.system": "aws-api",
        "rpc.service": "S3",
        "rpc.method": "PutObject",
        "aws.s3.bucket": "bucket",
        "aws.s3.key": "a b",
        "s3d.request_id": store.contexts[-1].request_id,
    }
    assert span.attributes.items() >= expected.items()
    assert span.attributes.keys() - expected.keys() == {"http.response.size"}


async def test_a_refused_request_has_a_span_too(endpoint, tracer, sink):
    tracer.install(sink)
    answer = await endpoint.ask("GET", "/bucket/k", authorization="nonsense")
    (span,) = sink.spans
    assert span.attributes["http.response.status_code"] == answer.status
    assert "error.type" not in span.attributes


async def test_a_presigned_url_shows_no_credential(endpoint, tracer, sink):
    tracer.install(sink)
    await endpoint.ask("GET", "/bucket/k?X-Amz-Signature=abcdef&X-Amz-Credential=AKIA")
    shown = repr(sink.spans[-1].attributes)
    assert "abcdef" not in shown
    assert "AKIA" not in shown


async def test_without_an_exporter_the_clients_context_goes_along(endpoint, store):
    await endpoint.ask("GET", "/bucket/k", traceparent=PARENT.traceparent, tracestate="a=b")
    assert store.contexts[-1].trace == PARENT._replace(state="a=b")
    await endpoint.ask("GET", "/bucket/k", traceparent="00-nonsense")
    assert store.contexts[-1].trace is None
    await endpoint.ask("GET", "/bucket/k")
    assert store.contexts[-1].trace is None


async def test_a_request_that_is_not_recorded_is_marked_so(endpoint, store, tracer, sink):
    tracer.install(sink, lambda trace_id, parent: False)
    await endpoint.ask("GET", "/bucket/k", traceparent=PARENT.traceparent)
    assert store.contexts[-1].trace == PARENT._replace(is_sampled=False)
    assert sink.spans == []


async def test_bytes_that_are_no_request_have_a_span_too(endpoint, tracer, sink):
    tracer.install(sink)
    async with endpoint.wire() as wire:
        await wire.ask(b"nonsense\r\n\r\n", "GET")
    (span,) = sink.spans
    assert (span.name, span.attributes["http.request.method"]) == ("_OTHER", "_OTHER")
    assert span.attributes["http.response.status_code"] == 400
