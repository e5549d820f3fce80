"""One attempt to push a write: its results as values, and its span.

The span begins a trace of its own, and is linked to the request that the push carries. That request
was answered before, maybe by an earlier run of the agent; its context is in the row of the write.
https://opentelemetry.io/docs/concepts/signals/traces/#span-links
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from s3d.agent.core.context import background_context
from s3d.agent.core.object_history import ObjectHistory
from s3d.agent.core.spans import SpanKind, Tracer
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import same_etag
from s3d.agent.s3.messages import RequestContext
from s3d.agent.storage.records import Stored
from s3d.agent.stores.write_queue.journal.pending_write import Origin, PendingWrite
from s3d.agent.stores.write_queue.push.push_plan import Resolution
from s3d.shared.diagnostics import RequestFields
from s3d.shared.logs import current_request

AdoptPushed = Callable[[str, str, str, Stored], Awaitable[None]]
"""Bucket, key, the remote's ETag and the pushed object. Never fails."""
PushFilter = Callable[[str, str, Stored], Awaitable[str]]
"""Bucket, key and object -> why it is not pushed; "" if it is. Raises S3Error."""


class Pushed(NamedTuple):
    """The result of a push."""

    etag: str = ""
    """The remote's; "" where there is none."""
    acknowledged_etag: str = ""
    """The ETag that s3d acknowledged to its client; "" where there is none."""
    state: str | None = None
    """The state of the key at the remote: an ETag or NO_OBJECT; None: unknown."""
    replaceable_until: float = 0.0
    """Until when an older push of ours may replace it, Unix seconds; 0: none may."""
    was_there: bool = False
    """An earlier push had succeeded: a multipart upload that was begun since is useless."""

    @property
    def client_etag(self) -> str:
        """acknowledged_etag, if the remote has another one; otherwise ""."""
        ours = self.acknowledged_etag
        return ours if ours and not same_etag(self.etag, ours) else ""


class HeldByFilter(Exception):
    """The filter holds the write; the text says why."""


class Overtaken(Exception):
    """The remote has a newer version.

    remote_etag: NO_OBJECT for a key that was deleted there. resolution: PARK, DROP or KEEP_BOTH.
    """

    def __init__(self, remote_etag: str, resolution: Resolution) -> None:
        self.remote_etag = remote_etag
        self.resolution = resolution
        super().__init__(remote_etag)


class AlreadyThere(Exception):
    """The remote already is as the write would leave it.

    etag: the remote's; NO_OBJECT after a delete.
    """

    def __init__(self, etag: str) -> None:
        self.etag = etag


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
        trace, tracer = origin.trace, self._tracer
        links = () if trace is None else (trace,)
        span = tracer.start(NAME, kind=SpanKind.CONSUMER, links=links) if tracer.is_active else None
        if span is not None:
            trace = span.context
        elif trace is not None and tracer.is_active:
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
