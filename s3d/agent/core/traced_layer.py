"""The span of a layer, recorded from outside, so that no layer has to.

Only `app` applies it, and only when spans are recorded: without an exporter it is not there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from s3d.agent.core.spans import Span, Tracer, Value
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
        # Not request.replace(): the request is still the client's own, to be forwarded verbatim.
        inner = replace(request, context=request.context.derive(trace=span.context))
        try:
            answer = self._inner.call(inner)
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
