"""Lines of the agent's log in the form of the SDK: masked as in the log itself, with their fields.

Lines of the exporters and their libraries are not exported: each failed export would add lines to
the next one. https://opentelemetry.io/docs/specs/otel/logs/data-model/
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from s3d.agent.app.otel.export_thread import RecordQueue
from s3d.agent.app.otel.span_export import clean
from s3d.shared.logs import LogEntry, entry_of

NOT_EXPORTED = ("opentelemetry", "urllib3", "requests", "s3d.agent.app.otel")
"""Loggers, and those below them."""
_SEVERITIES = (
    (logging.CRITICAL, SeverityNumber.FATAL),
    (logging.ERROR, SeverityNumber.ERROR),
    (logging.WARNING, SeverityNumber.WARN),
    (logging.INFO, SeverityNumber.INFO),
)
_ATTRIBUTES: Mapping[str, str] = {
    "logger": "log.logger",
    "traceback": "exception.stacktrace",
    "request_id": "s3d.request_id",
    "write_request_id": "s3d.parent_request_id",
    "operation": "rpc.method",
    "bucket": "aws.s3.bucket",
    "key": "aws.s3.key",
}
"""Fields of an entry -> attributes."""


class Line(NamedTuple):
    """One line of the log."""

    at: int
    """Unix nanoseconds."""
    level: int
    entry: LogEntry


class LogExporter(logging.Handler):
    """Puts lines into the queue, from any thread."""

    def __init__(self, queue: RecordQueue[Line]) -> None:
        super().__init__()
        self._queue = queue

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(NOT_EXPORTED):
            self._queue.put(Line(int(record.created * 1e9), record.levelno, entry_of(record)))


def sender(
    exporter: LogRecordExporter, resource: Resource, scope: InstrumentationScope
) -> Callable[[Sequence[Line]], bool]:
    """Returns a function that sends lines, and returns whether the collector has taken them."""

    def send(lines: Sequence[Line]) -> bool:
        records = [ReadableLogRecord(_record(line), resource, scope) for line in lines]
        return exporter.export(records) is LogRecordExportResult.SUCCESS

    return send


def _record(line: Line) -> LogRecord:
    entry = line.entry
    severity = next((s for level, s in _SEVERITIES if line.level >= level), SeverityNumber.DEBUG)
    fields = {name: getattr(entry, field) for field, name in _ATTRIBUTES.items()}
    return LogRecord(
        timestamp=line.at,
        observed_timestamp=line.at,
        trace_id=int(entry.trace_id, 16) if entry.trace_id else None,
        severity_number=severity,
        severity_text=logging.getLevelName(line.level),
        body=entry.message,
        attributes={name: str(clean(value)) for name, value in fields.items() if value},
    )
