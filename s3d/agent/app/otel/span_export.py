"""Spans in the form of the SDK. Everything here runs in the thread that exports them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, TraceFlags, TraceState
from opentelemetry.trace import SpanKind as SdkKind
from opentelemetry.trace.status import Status, StatusCode

from s3d.agent.core.spans import ERROR_TYPE, Span, SpanKind, Value
from s3d.agent.s3.trace_context import TraceContext
from s3d.shared.masking import mask_encoded

MAX_LENGTH = 1_024
"""Characters of a value: those of the longest key."""
_CHOSEN_BY_CLIENTS = frozenset(
    {"url.path", "aws.s3.key", "aws.s3.copy_source", "user_agent.original"}
)
"""Attributes that may have the signature of a wrongly encoded URL in them."""
_KINDS = {
    SpanKind.INTERNAL: SdkKind.INTERNAL,
    SpanKind.SERVER: SdkKind.SERVER,
    SpanKind.CLIENT: SdkKind.CLIENT,
    SpanKind.PRODUCER: SdkKind.PRODUCER,
    SpanKind.CONSUMER: SdkKind.CONSUMER,
}
_OK, _ERROR = Status(StatusCode.UNSET), Status(StatusCode.ERROR)
_RECORDED, _NOT_RECORDED = TraceFlags(TraceFlags.SAMPLED), TraceFlags(TraceFlags.DEFAULT)


def sender(
    exporter: SpanExporter, resource: Resource, scope: InstrumentationScope
) -> Callable[[Sequence[Span]], bool]:
    """Returns a function that sends spans, and returns whether the collector has taken them."""

    def send(spans: Sequence[Span]) -> bool:
        readable = [readable_span(span, resource, scope) for span in spans]
        return exporter.export(readable) is SpanExportResult.SUCCESS

    return send


def readable_span(span: Span, resource: Resource, scope: InstrumentationScope) -> ReadableSpan:
    """An ended span as the exporters take it."""
    context = span.context
    parent = None
    if span.parent_id:
        parent = _context(context._replace(span_id=span.parent_id), is_remote=False)
    return ReadableSpan(
        name=span.name,
        context=_context(context, is_remote=False),
        parent=parent,
        resource=resource,
        attributes={name: _shown(name, value) for name, value in span.attributes.items()},
        links=[Link(_context(each, is_remote=True)) for each in span.links],
        kind=_KINDS[span.kind],
        status=_ERROR if ERROR_TYPE in span.attributes else _OK,
        start_time=span.started,
        end_time=span.ended,
        instrumentation_scope=scope,
    )


def _shown(name: str, value: Value) -> Value:
    if name in _CHOSEN_BY_CLIENTS and isinstance(value, str):
        value = mask_encoded(value)
    return clean(value)


def clean(value: Value) -> Value:
    """The value of an attribute as protobuf takes it: without the lone surrogates that stand for
    bytes that are not UTF-8."""
    if not isinstance(value, str):
        return value
    if len(value) > MAX_LENGTH:
        value = value[:MAX_LENGTH]
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def _context(context: TraceContext, *, is_remote: bool) -> SpanContext:
    return SpanContext(
        int(context.trace_id, 16),
        int(context.span_id, 16),
        is_remote,
        _RECORDED if context.is_sampled else _NOT_RECORDED,
        TraceState.from_header([context.state]) if context.state else None,
    )
