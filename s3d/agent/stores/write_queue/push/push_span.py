"""The span of a push. It begins a trace of its own, and is linked to the request that it carries.

That request was answered before, maybe by an earlier run of the agent; its context is in the row of
the write. https://opentelemetry.io/docs/concepts/signals/traces/#span-links
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from s3d.agent.core.context import background_context
from s3d.agent.core.object_history import ObjectHistory
from s3d.agent.core.spans import SpanKind, Tracer
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import RequestContext
from s3d.agent.stores.write_queue.journal.pending_write import Origin, PendingWrite
from s3d.agent.stores.write_queue.push.pushed import HeldByFilter, Overtaken
from s3d.shared.diagnostics import RequestFields
from s3d.shared.logs import current_request

NAME = "s3d.write_queue.push"


class PushSubject(NamedTuple):
    """A push, for the lines of the log that concern it."""

    write: PendingWrite
    context: RequestContext

    def log_fields(self) -> RequestFields:
        return self.context.log_fields(bucket=self.write.bucket, key=self.write.key)


class PushSpans:
    """Begins the spans of pushes, and notes each push in the history of its object."""

    def __init__(self, tracer: Tracer | None = None, history: ObjectHistory | None = None) -> None:
        """tracer: None records nothing. history: None keeps none."""
        self._tracer = tracer or Tracer()
        self._history = history

    @contextmanager
    def push(self, write: PendingWrite, origin: Origin) -> Iterator[RequestContext]:
        """The context of all requests of one push; its parent is the client's request.

        From here on, the lines that this task logs name the push and that request.
        """
        trace = origin.trace
        links = () if trace is None else (trace,)
        span = self._tracer.start(NAME, kind=SpanKind.CONSUMER, links=links)
        if span is not None:
            trace = span.context
        elif trace is not None and self._tracer.is_active:
            trace = trace._replace(is_sampled=False)
        context = background_context(origin.request_id, trace=trace)
        current_request.set(PushSubject(write, context))
        if self._history is not None:
            self._note_begin(self._history, write, context)
        if span is None:
            yield context
            return
        span.attributes.update(
            {
                "aws.s3.bucket": write.bucket,
                "aws.s3.key": write.key,
                "s3d.queue.seq": write.seq,
                "s3d.queue.operation": str(write.kind),
                "s3d.queue.attempt": write.attempts + 1,
                "s3d.queue.accepted": write.first_accepted,
                "s3d.request_id": context.request_id,
                "s3d.parent_request_id": context.parent,
            }
        )
        try:
            yield context
        except (HeldByFilter, Overtaken) as outcome:
            span.attributes["s3d.queue.outcome"] = type(outcome).__name__
            raise
        except BaseException as error:
            span.fail(error.code if isinstance(error, S3Error) else type(error).__name__)
            raise
        finally:
            span.end()

    def _note_begin(
        self, history: ObjectHistory, write: PendingWrite, context: RequestContext
    ) -> None:
        history.note(
            "pushing",
            write.subject,
            {
                "seq": write.seq,
                "attempt": write.attempts + 1,
                "request": context.request_id,
                "trace": "" if context.trace is None else context.trace.trace_id,
            },
        )
