from s3d.agent.core.spans import SpanKind, Tracer
from s3d.agent.s3.trace_context import TraceContext

CLIENT = TraceContext("a" * 32, "b" * 16, True, "vendor=1")


def test_without_a_sink_nothing_is_recorded():
    tracer = Tracer()
    assert not tracer.is_active
    assert tracer.start("request") is None
    assert tracer.child("part", CLIENT) is None


def test_a_request_without_a_context_begins_a_trace(tracer, sink):
    span = tracer.start("request")
    assert (len(span.context.trace_id), len(span.context.span_id)) == (32, 16)
    assert (span.parent_id, span.kind) == ("", SpanKind.SERVER)
    span.end()
    assert sink.spans == [span]
    assert span.started <= span.ended


def test_a_client_is_the_parent_and_its_tracestate_goes_along(tracer):
    span = tracer.start("request", CLIENT)
    assert span.context.trace_id == CLIENT.trace_id
    assert span.context.span_id != CLIENT.span_id
    assert span.parent_id == CLIENT.span_id
    assert span.context.state == "vendor=1"
    part = tracer.child("part", span.context, kind=SpanKind.CLIENT)
    assert part.context.trace_id == CLIENT.trace_id
    assert part.parent_id == span.context.span_id


def test_what_is_not_sampled_has_no_spans(sink):
    tracer = Tracer()
    tracer.install(sink, lambda trace_id, parent: False)
    assert tracer.start("request") is None
    assert tracer.child("part", CLIENT._replace(is_sampled=False)) is None


def test_while_the_exporter_is_behind_whole_traces_are_left_out(tracer, sink):
    begun = tracer.start("request")
    sink.has_room = False
    assert tracer.start("request") is None
    assert tracer.unrecorded == 1
    assert tracer.child("part", begun.context) is not None


def test_after_the_end_of_the_export_spans_that_have_begun_still_end(tracer, sink):
    span = tracer.start("request")
    tracer.uninstall()
    assert tracer.start("request") is None
    span.end()
    assert sink.spans == [span]
