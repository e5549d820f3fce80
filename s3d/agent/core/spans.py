"""Spans: what the agent did for one request, and how long each part took.

A Tracer records nothing until a sink is installed. Code that may start a span tests `is_active`
first; without an exporter, that test is the whole cost. Terms and numbers are those of
OpenTelemetry.
https://opentelemetry.io/docs/specs/otel/trace/api/
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Protocol

from s3d.agent.s3.trace_context import TraceContext

Value = str | int | float | bool
"""Of an attribute."""

ERROR_TYPE = "error.type"


class SpanKind(IntEnum):
    """The values are those of the protocol OTLP."""

    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


class Span:
    """One recorded piece of work. Its owner sets attributes, then calls end() once."""

    __slots__ = ("_sink", "attributes", "context", "ended", "kind", "links", "name", "parent_id",
                 "started")  # fmt: skip

    def __init__(
        self,
        name: str,
        kind: SpanKind,
        context: TraceContext,
        *,
        parent_id: str,
        links: Sequence[TraceContext],
        sink: SpanSink,
    ) -> None:
        """parent_id: the span id of the parent; "" for the first span of a trace."""
        self.name = name
        self.kind = kind
        self.context = context
        self.parent_id = parent_id
        self.links = links
        """Spans of other traces that have caused this one."""
        self.attributes: dict[str, Value] = {}
        self.started = time.time_ns()
        """Unix nanoseconds."""
        self.ended = 0
        """Unix nanoseconds; 0 until the end."""
        self._sink = sink

    def fail(self, error_type: str) -> None:
        """The work has failed. error_type: an S3 error code, an HTTP status or a class name."""
        self.attributes[ERROR_TYPE] = error_type

    def end(self) -> None:
        """The work is over: give the span to the exporter."""
        self.ended = time.time_ns()
        self._sink.put(self)


class SpanSink(Protocol):
    """Receives the ended spans."""

    has_room: bool
    """Whether the spans of one more request may be recorded."""

    def put(self, span: Span) -> None:
        """Take an ended span. Never waits and never fails."""


class Tracer:
    """Starts spans. Belongs to the loop."""

    def __init__(self, bits: Callable[[int], int] | None = None) -> None:
        """bits: returns an integer of so many random bits."""
        self._bits = bits or random.Random().getrandbits
        self._sink: SpanSink | None = None
        self._sample: Callable[[str, TraceContext | None], bool] = lambda trace_id, parent: True
        self.is_active = False
        """Whether spans are recorded. Test it before anything is computed for a span."""
        self.unrecorded = 0
        """Requests that were not recorded because the exporter was behind."""

    def install(
        self, sink: SpanSink, sample: Callable[[str, TraceContext | None], bool] | None = None
    ) -> None:
        """Record spans from now on. sample: given a trace id, and the client's context or None,
        whether the trace is recorded; None: every trace is."""
        self._sink = sink
        if sample is not None:
            self._sample = sample
        self.is_active = True

    def uninstall(self) -> None:
        """Record nothing from now on. Spans that have begun still reach the sink."""
        self.is_active = False

    def start(
        self,
        name: str,
        parent: TraceContext | None = None,
        *,
        kind: SpanKind = SpanKind.SERVER,
        links: Sequence[TraceContext] = (),
    ) -> Span | None:
        """A span without a parent in the agent: a client's request, or work of the agent's own.

        parent: the client's context; None: the span begins a trace. Returns None when the trace is
        not sampled, or the exporter is behind: its spans are then left out together, so that no
        trace has holes.
        """
        sink = self._sink
        if not self.is_active or sink is None:
            return None
        if not sink.has_room:  # tested first: under a high load, most requests end here
            self.unrecorded += 1
            return None
        trace_id = f"{self._bits(128):032x}" if parent is None else parent.trace_id
        if not self._sample(trace_id, parent):
            return None
        state = "" if parent is None else parent.state
        context = TraceContext(trace_id, f"{self._bits(64):016x}", True, state)
        parent_id = "" if parent is None else parent.span_id
        return Span(name, kind, context, parent_id=parent_id, links=links, sink=sink)

    def child(
        self, name: str, parent: TraceContext | None, *, kind: SpanKind = SpanKind.INTERNAL
    ) -> Span | None:
        """A span within the agent. parent: the context of the request that it is a part of.

        Returns None when that request is not recorded.
        """
        sink = self._sink
        if parent is None or not parent.is_sampled or not self.is_active or sink is None:
            return None
        context = TraceContext(parent.trace_id, f"{self._bits(64):016x}", True, parent.state)
        return Span(name, kind, context, parent_id=parent.span_id, links=(), sink=sink)
