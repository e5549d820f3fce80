"""The spans of layers, and of requests of the agent itself: recorded from outside a store.

Only `app` applies them, and only when spans are recorded: without an exporter they are not there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from s3d.agent.core.spans import Span, SpanKind, Tracer, Value
from s3d.agent.core.store import Answer, Completed, ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, S3Response

DoesWork = Callable[[S3Request[Any]], bool]
"""Whether a layer does more with this request than to pass it on."""


class TracedLayer:
    """A layer whose work is a span: a child of the request's, and the parent of what is below."""

    def __init__(
        self,
        inner: ObjectStore,
        name: str,
        tracer: Tracer,
        *,
        does_work: DoesWork = lambda request: True,
    ) -> None:
        """name: of the spans. does_work: requests that the layer only passes on have none."""
        self._inner = inner
        self._name = name
        self._tracer = tracer
        self._does_work = does_work

    def call(self, request: S3Request[Any]) -> Answer:
        trace = request.context.trace
        if trace is None or not trace.is_sampled or not self._does_work(request):
            return self._inner.call(request)
        span = self._tracer.child(self._name, trace)
        if span is None:
            return self._inner.call(request)
        span.attributes["rpc.method"] = request.op.name
        return _call(self._inner, request, span)


class InternalRequests:
    """The outermost layer: a request that the agent makes itself, for its command line or a sync
    folder, begins a trace as a client's request does."""

    def __init__(self, inner: ObjectStore, tracer: Tracer) -> None:
        self._inner = inner
        self._tracer = tracer

    def call(self, request: S3Request[Any]) -> Answer:
        if request.wire is not None or request.context.trace is not None:
            return self._inner.call(request)
        span = self._tracer.start(f"S3.{request.op.name}", kind=SpanKind.INTERNAL)
        if span is None:
            return self._inner.call(request)
        span.attributes["rpc.method"] = request.op.name
        span.attributes["s3d.request_id"] = request.context.request_id
        for name, value in (("aws.s3.bucket", request.bucket), ("aws.s3.key", request.key)):
            if value:
                span.attributes[name] = value
        return _call(self._inner, request, span)


def _call(inner: ObjectStore, request: S3Request[Any], span: Span) -> Answer:
    """Call a store as a part of the span, which ends with the answer."""
    # Not request.replace(): the request is still the client's own, to be forwarded verbatim.
    request = replace(request, context=request.context.derive(trace=span.context))
    try:
        answer = inner.call(request)
    except S3Error as error:
        _fail(span, error)
        raise
    if isinstance(answer, Completed):
        span.end()
        return answer
    return _observed(span, answer)


async def _observed(span: Span, answer: Answer) -> S3Response[Any]:
    try:
        response = await answer
    except BaseException as error:
        _fail(span, error)
        raise
    span.end()
    return response


def _fail(span: Span, error: BaseException) -> None:
    """A refusal that is the client's fault is no failure of the layer."""
    if isinstance(error, S3Error) and error.status < 500:
        code: Value = error.code
        span.attributes["s3d.s3.error_code"] = code
    else:
        span.fail(error.code if isinstance(error, S3Error) else type(error).__name__)
    span.end()
