"""The threads that export through the SDK: the only module that knows its exporters.

The exporters read the OTEL_EXPORTER_OTLP_* variables themselves.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from s3d import __version__
from s3d.agent.app.otel import log_export, metric_export, span_export
from s3d.agent.app.otel.environment import (
    Batching,
    Environ,
    Signal,
    batching,
    endpoint_of,
    metric_interval,
)
from s3d.agent.app.otel.export_thread import ExportThread, RecordQueue
from s3d.agent.app.otel.log_export import Line
from s3d.agent.app.otel.metric_export import Snapshot
from s3d.agent.core.spans import Span

NAME = "s3d"
Exporter = OTLPSpanExporter | OTLPMetricExporter | OTLPLogExporter
Send = Callable[[list[Any]], bool]


class Opened(NamedTuple):
    """The threads, not started yet, and the queue of each signal that is exported."""

    threads: list[ExportThread[Any]]
    spans: RecordQueue[Span] | None
    snapshots: RecordQueue[Snapshot] | None
    lines: RecordQueue[Line] | None


def open_threads(signals: Collection[Signal], environ: Environ) -> Opened:
    """Raises whatever the SDK raises for a variable that it cannot use."""
    # ExportThread reports failures once; the exporters log one for each batch.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    resource, scope = _resource(), InstrumentationScope(NAME, __version__)
    threads: list[ExportThread[Any]] = []

    def add(signal: Signal, queue: RecordQueue[Any], exporter: Exporter, send: Send) -> None:
        endpoint = endpoint_of(environ, signal)
        shutdown = exporter.shutdown
        threads.append(ExportThread(signal, queue, send, shutdown=shutdown, endpoint=endpoint))

    spans = snapshots = lines = None
    if Signal.TRACES in signals:
        of_spans, spans = OTLPSpanExporter(), RecordQueue[Span](batching(environ, "BSP"))
        add(Signal.TRACES, spans, of_spans, span_export.sender(of_spans, resource, scope))
    if Signal.METRICS in signals:
        newest_only = Batching(1, 1, metric_interval(environ))
        of_metrics, snapshots = OTLPMetricExporter(), RecordQueue[Snapshot](newest_only)
        send = metric_export.sender(of_metrics, resource, scope, time.time_ns())
        add(Signal.METRICS, snapshots, of_metrics, send)
    if Signal.LOGS in signals:
        of_logs, lines = OTLPLogExporter(), RecordQueue[Line](batching(environ, "BLRP"))
        add(Signal.LOGS, lines, of_logs, log_export.sender(of_logs, resource, scope))
    return Opened(threads, spans, snapshots, lines)


def _resource() -> Resource:
    """What is known of this process; the OTEL_* variables take precedence."""
    own: Mapping[str, str] = {
        "service.name": NAME,
        "service.version": __version__,
        "service.instance.id": str(uuid.uuid4()),
    }
    given = dict(Resource.create().attributes)
    if str(given.get("service.name", "")).startswith("unknown_service"):
        del given["service.name"]
    return Resource({**own, **given})
