from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from s3d.agent.core.failures import Reason, Refusal, Refused, Unreachable
from s3d.agent.core.spans import SpanKind, Tracer
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import RequestContext, S3Request, WireRequest
from s3d.agent.s3.model import operations
from s3d.agent.s3.trace_context import TraceContext
from s3d.agent.stores.remote.client_span import ClientSpans, error_type, note_response
from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.forward import end_to_end
from s3d.agent.stores.remote.http_transport import Settings, Timeouts
from s3d.agent.stores.remote.remote_store import RemoteStore
from s3d.agent.stores.remote.static_credentials import RemoteKey
from tests.agent.recorded_spans import RecordedSpans
from tests.peers.proxy import FaultyProxy

TRACE = TraceContext("a" * 32, "b" * 16, True, "v=1")


@pytest.fixture
def spans(tracer: Tracer) -> ClientSpans:
    return ClientSpans(tracer, sends_context=True)


def test_one_request(spans: ClientSpans, sink: RecordedSpans) -> None:
    with spans.request("GetObject", TRACE, "b", "k") as span:
        assert span is not None
        note_response(span, 200, {"x-amz-request-id": "R", "x-amz-id-2": "X"}, "[::1]:9000")
    (ended,) = sink.spans
    assert (ended.name, ended.kind) == ("S3.GetObject", SpanKind.CLIENT)
    assert ended.parent_id == TRACE.span_id
    assert ended.attributes == {
        "rpc.system": "aws-api",
        "rpc.service": "S3",
        "rpc.method": "GetObject",
        "aws.s3.bucket": "b",
        "aws.s3.key": "k",
        "aws.request_id": "R",
        "aws.extended_request_id": "X",
        "http.response.status_code": 200,
        "server.address": "[::1]",
        "server.port": 9000,
    }


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (Unreachable(Reason.LOST, "https://name:secret@host", sent=True), "lost"),
        (Refused(Refusal(403, "AccessDenied", "the key AKIA...")), "403"),
        (S3Error("NoSuchKey", "message"), "NoSuchKey"),
        (ValueError("secret"), "ValueError"),
    ],
)
def test_the_type_of_an_error_repeats_nothing_that_a_server_says(error: Any, name: str) -> None:
    assert error_type(error) == name


def test_the_headers_are_sent_only_when_the_user_wants_it() -> None:
    assert ClientSpans().headers(TRACE) == []
    assert ClientSpans(sends_context=True).headers(TRACE) == TRACE.headers()


def test_headers_of_a_trace_are_not_forwarded_as_they_came() -> None:
    came = [*TRACE.headers(), ("baggage", "user=me"), ("x-other", "1")]
    assert end_to_end(came) == [("x-other", "1")]


def store_of(proxy: FaultyProxy, spans: ClientSpans) -> RemoteStore:
    peer = proxy.peer
    key = RemoteKey(peer.access_key, peer.secret_key)
    return RemoteStore(
        Settings(peer.endpoint, timeouts=Timeouts(connect=5, silence=30)),
        CredentialProvider(region=peer.region, key=key),
        spans=spans,
    )


def asked(name: str, bucket: str, *, wire: bool) -> S3Request[dict[str, Any]]:
    op = operations()[name]
    request = S3Request(op, {"Bucket": bucket}, context=RequestContext("R", trace=TRACE))
    query = {"GetBucketVersioning": "versioning="}.get(name, "")
    sent = WireRequest(op.method, f"/{bucket}", query, tuple(TRACE.headers()))
    return replace(request, wire=sent) if wire else request


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "wire"),
    [("HeadBucket", True), ("ListObjectsV2", False), ("GetBucketVersioning", False)],
    ids=["forwarded", "direct", "boto"],
)
async def test_the_remote_gets_the_context_of_the_span_unsigned(
    faulty_seaweedfs: FaultyProxy,
    new_bucket: str,
    spans: ClientSpans,
    sink: RecordedSpans,
    name: str,
    wire: bool,
) -> None:
    store = store_of(faulty_seaweedfs, spans)
    try:
        await store.call(asked(name, new_bucket, wire=wire))
    finally:
        await store.close()
    span = next(span for span in sink.spans if span.name == f"S3.{name}")
    heads = [request.head for request in faulty_seaweedfs.seen]
    (head,) = [head for head in heads if head["traceparent"]]
    assert head["traceparent"] == span.context.traceparent
    assert head["tracestate"] == "v=1"
    assert "SignedHeaders=" in head["authorization"]
    assert "trace" not in head["authorization"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["HeadBucket", "ListObjectsV2", "GetBucketVersioning"])
@pytest.mark.parametrize("wire", [True, False])
async def test_without_the_setting_the_remote_gets_nothing(
    faulty_seaweedfs: FaultyProxy, new_bucket: str, name: str, wire: bool
) -> None:
    store = store_of(faulty_seaweedfs, ClientSpans())
    try:
        await store.call(asked(name, new_bucket, wire=wire))
    finally:
        await store.close()
    sent = b"".join(request.head.to_bytes() for request in faulty_seaweedfs.seen)
    assert b"trace" not in sent.lower()
