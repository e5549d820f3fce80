"""Start the export that the OTEL_* variables ask for. Without an endpoint, nothing is imported.

One request goes this way:

1. begin_span() and the TracedLayers make Spans on the loop; Span.end() puts them into a queue.
2. The thread of the signal makes objects of the SDK of them, and the SDK's exporter encodes and
   sends them (export_thread.py, span_export.py, sdk_threads.py).
3. run() puts a snapshot of the registry into the queue of the metrics, as often as the variables
   say; lines of the log come from a handler (log_export.py).
4. stop() gives the threads FLUSH_TIME for what is left.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from typing import TYPE_CHECKING

from s3d.agent.app.otel.environment import (
    Environ,
    chosen,
    metric_interval,
    sampler,
    secrets_of,
)
from s3d.agent.core.spans import Tracer
from s3d.agent.core.telemetry import Registry
from s3d.shared.masking import hide

if TYPE_CHECKING:
    from s3d.agent.app.otel.sdk_threads import Opened

logger = logging.getLogger(__name__)

FLUSH_TIME = 2.0
"""Seconds for the last records, when the agent stops."""
MISSING = (
    "an OpenTelemetry endpoint is set, but nothing is exported, because s3d is installed without "
    "the exporter: pip install 's3d-agent[otel]'"
)


class TelemetryExport:
    """Exports what the variables ask for, from start() to stop(). Belongs to the loop."""

    def __init__(self, registry: Registry, tracer: Tracer, environ: Environ = os.environ) -> None:
        self._warnings: list[str] = []
        self._registry = registry
        self._tracer = tracer
        self._environ = environ
        self._opened: Opened | None = None
        self._handler: logging.Handler | None = None

    @property
    def warnings(self) -> list[str]:
        """For the user: of the start, and of what does not arrive at the moment."""
        threads = [] if self._opened is None else self._opened.threads
        return self._warnings + [thread.trouble for thread in threads if thread.trouble]

    @property
    def is_active(self) -> bool:
        """Whether anything is exported."""
        return self._opened is not None

    async def start(self) -> None:
        """Start the threads. Never fails; see warnings."""
        hide(*secrets_of(self._environ))
        signals, warnings = chosen(self._environ)
        self._warnings += warnings
        if signals:
            try:
                from s3d.agent.app.otel.sdk_threads import open_threads

                self._opened = open_threads(signals, self._environ)
                self._connect(self._opened)
            except ImportError:
                self._warnings.append(MISSING)
            except Exception as error:  # noqa: BLE001 - the SDK raises anything for bad variables
                self._warnings.append(_failure(error))
        for text in self._warnings:
            logger.warning("%s", text)

    async def run(self) -> None:
        """Take a snapshot of the metrics again and again, and at the end, until cancelled."""
        try:
            while True:
                await asyncio.sleep(metric_interval(self._environ))
                self._take_snapshot()
        finally:
            self._take_snapshot()

    async def stop(self) -> None:
        """Send what is left, in FLUSH_TIME at most."""
        self._tracer.uninstall()
        if self._handler is not None:
            logging.getLogger().removeHandler(self._handler)
        if self._opened is None:
            return
        deadline = time.monotonic() + FLUSH_TIME
        for thread in self._opened.threads:
            thread.begin_stop()
        for thread in self._opened.threads:
            await asyncio.to_thread(thread.end_stop, deadline)

    def _connect(self, opened: Opened) -> None:
        from s3d.agent.app.otel.log_export import LogExporter

        if opened.spans is not None:
            self._tracer.install(opened.spans, sampler(self._environ))
        if opened.lines is not None:
            self._handler = LogExporter(opened.lines)
            logging.getLogger().addHandler(self._handler)
        for thread in opened.threads:
            thread.start()

    def _take_snapshot(self) -> None:
        if self._opened is not None and self._opened.snapshots is not None:
            from s3d.agent.app.otel.metric_export import Snapshot

            self._opened.snapshots.put(Snapshot(self._registry.collect(), time.time_ns()))


def _failure(error: Exception) -> str:
    """Without the text of the error, which may repeat the value of a variable."""
    kind = type(error).__name__
    return f"nothing is exported to OpenTelemetry, because of its OTEL_* variables: {kind}"
