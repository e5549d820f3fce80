import pytest

pytest.importorskip("opentelemetry.sdk", reason="the extra otel is not installed")

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from s3d.agent.app.otel.span_export import readable_span
from s3d.agent.core.spans import Span, SpanKind
from s3d.agent.s3.trace_context import TraceContext
from tests.collector import attributes_of

OWN = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", True, "a=1,b=2")
OTHER = TraceContext("c" * 32, "d" * 16, False)


class Sink:
    has_room = True

    def put(self, span: Span) -> None:
        pass


def encoded(span: Span):
    """The span as protobuf."""
    span.end()
    readable = readable_span(span, Resource({"service.name": "s3d"}), InstrumentationScope("s3d"))
    request = type(encode_spans([readable])).FromString(
        encode_spans([readable]).SerializeToString()
    )
    return request.resource_spans[0].scope_spans[0].spans[0]


def span(**further):
    given = {"parent_id": "", "links": (), "sink": Sink()} | further
    return Span("name", SpanKind.CLIENT, OWN, **given)


def test_a_span_as_protobuf():
    made = span(parent_id="1" * 16, links=(OTHER,))
    made.attributes |= {"text": "t", "number": 7, "flag": True, "ratio": 0.5}
    found = encoded(made)
    assert (found.name, found.kind) == ("name", SpanKind.CLIENT)
    assert (found.trace_id.hex(), found.span_id.hex()) == (OWN.trace_id, OWN.span_id)
    assert found.parent_span_id.hex() == "1" * 16
    assert found.trace_state == "a=1,b=2"
    assert attributes_of(found) == {"text": "t", "number": 7, "flag": True, "ratio": 0.5}
    (link,) = found.links
    assert (link.trace_id.hex(), link.span_id.hex()) == (OTHER.trace_id, OTHER.span_id)
    assert found.start_time_unix_nano == made.started
    assert found.end_time_unix_nano == made.ended
    assert found.status.code == 0


def test_the_first_span_of_a_trace_has_no_parent():
    assert encoded(span()).parent_span_id == b""


def test_a_failure_is_the_status_of_the_span():
    made = span()
    made.fail("503")
    found = encoded(made)
    assert found.status.code == 2
    assert attributes_of(found) == {"error.type": "503"}


@pytest.mark.parametrize(
    ("text", "sent"),
    [("k\x00\x1b", "k\x00\x1b"), ("ä/😀", "ä/😀"), ("a\udcffb", "a?b"), ("x" * 5_000, "x" * 1_024)],
)
def test_hostile_text_does_not_keep_a_span_from_being_sent(text, sent):
    made = span()
    made.attributes["aws.s3.key"] = text
    assert attributes_of(encoded(made)) == {"aws.s3.key": sent}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("url.path", "/b/k%3FX-Amz-Signature=abcdef"),
        ("url.path", "/b/k%3Fx%3D1%26X-Amz-Signature%3Dabcdef"),
        ("aws.s3.key", "k?x=1&X-Amz-Signature=abcdef"),
        ("user_agent.original", "tool (http://x/?Signature=abcdef)"),
    ],
)
def test_the_signature_of_a_wrongly_encoded_url_is_masked(name, value):
    made = span()
    made.attributes[name] = value
    shown = str(attributes_of(encoded(made))[name])
    assert "abcdef" not in shown
    assert "ignature" in shown
