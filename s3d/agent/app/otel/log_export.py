"""Lines of the agent's log in the form of the SDK, with secrets masked.

What the exporters and their libraries log stays here: a collector that is away must not be told of
it, again and again. https://opentelemetry.io/docs/specs/otel/logs/data-model/
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from s3d.agent.app.otel.export_thread import RecordQueue
from s3d.agent.app.otel.span_export import clean

NOT_EXPORTED = ("opentelemetry", "urllib3", "requests", "s3d.agent.app.otel")
"""Loggers, and those below them."""
MAX_LENGTH = 8_192
"""Characters of a line."""
_SEVERITIES = (
    (logging.CRITICAL, SeverityNumber.FATAL),
    (logging.ERROR, SeverityNumber.ERROR),
    (logging.WARNING, SeverityNumber.WARN),
    (logging.INFO, SeverityNumber.INFO),
)


class Line(NamedTuple):
    """One line of the log."""

    at: int
    """Unix nanoseconds."""
    level: int
    source: str
    """The name of the logger."""
    text: str


class LogExporter(logging.Handler):
    """Puts lines into the queue, from any thread."""

    def __init__(self, queue: RecordQueue[Line], mask: Callable[[str], str]) -> None:
        """mask: hides the secrets of a text."""
        super().__init__()
        self._queue = queue
        self._mask = mask

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(NOT_EXPORTED):
            return
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            text += f": {record.exc_info[1]!r}"
        at = int(record.created * 1e9)
        line = Line(at, record.levelno, record.name, self._mask(text)[:MAX_LENGTH])
        self._queue.put(line)


def sender(
    exporter: LogRecordExporter, resource: Resource, scope: InstrumentationScope
) -> Callable[[Sequence[Line]], bool]:
    """Returns a function that sends lines, and returns whether the collector has taken them."""

    def send(lines: Sequence[Line]) -> bool:
        records = [ReadableLogRecord(_record(line), resource, scope) for line in lines]
        return exporter.export(records) is LogRecordExportResult.SUCCESS

    return send


def _record(line: Line) -> LogRecord:
    severity = next((s for level, s in _SEVERITIES if line.level >= level), SeverityNumber.DEBUG)
    return LogRecord(
        timestamp=line.at,
        observed_timestamp=line.at,
        severity_number=severity,
        severity_text=logging.getLevelName(line.level),
        body=line.text.encode("utf-8", "replace").decode(),
        attributes={"log.logger": str(clean(line.source))},
    )
