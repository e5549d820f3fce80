"""An OpenTelemetry collector for tests: it takes OTLP over HTTP and decodes the real protobuf.

https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

KINDS = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
}
WAIT = 30.0


class SpanSeen(NamedTuple):
    """One span, its ids in hexadecimal digits."""

    service: str
    name: str
    kind: int
    trace: str
    id: str
    parent: str
    links: list[tuple[str, str]]
    attributes: dict[str, Any]
    is_error: bool


class Collector:
    """What it has received. status: of its answers. gate: answers wait until it is set."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.status = 200
        self.gate = threading.Event()
        self.gate.set()
        self.bodies: list[bytes] = []
        """Of every request, also of those that were refused."""
        self.headers: list[dict[str, str]] = []
        self._requests: list[Any] = []
        self._news = threading.Condition()

    def env(self, **further: str) -> dict[str, str]:
        """The variables of a process that exports to it, quickly."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": "50",
            "OTEL_BLRP_SCHEDULE_DELAY": "50",
            "OTEL_METRIC_EXPORT_INTERVAL": "200",
            **further,
        }

    def receive(self, path: str, headers: dict[str, str], body: bytes) -> None:
        with self._news:
            self.headers.append(headers)
            self.bodies.append(body)
            if self.status == 200:
                self._requests.append(KINDS[path].FromString(body))
            self._news.notify_all()

    def until(self, is_there: Callable[[], Any]) -> Any:
        """Wait for requests until this is true; its value."""
        with self._news:
            assert self._news.wait_for(is_there, WAIT), "the collector has not received it"
            return is_there()

    def spans(self) -> list[SpanSeen]:
        found = []
        for request in self._of(ExportTraceServiceRequest):
            for of_resource in request.resource_spans:
                service = attributes_of(of_resource.resource)["service.name"]
                for of_scope in of_resource.scope_spans:
                    found += [_seen(service, span) for span in of_scope.spans]
        return found

    def metrics(self) -> dict[str, Any]:
        """Name -> metric, of the last request."""
        last = self._of(ExportMetricsServiceRequest)[-1:]
        scopes = [s for request in last for r in request.resource_metrics for s in r.scope_metrics]
        return {metric.name: metric for scope in scopes for metric in scope.metrics}

    def lines(self) -> list[str]:
        """The bodies of the log records."""
        return [
            record.body.string_value
            for request in self._of(ExportLogsServiceRequest)
            for of_resource in request.resource_logs
            for of_scope in of_resource.scope_logs
            for record in of_scope.log_records
        ]

    def _of(self, kind: type) -> list[Any]:
        return [request for request in self._requests if isinstance(request, kind)]


def attributes_of(owner: Any) -> dict[str, Any]:
    return {each.key: _value(each.value) for each in owner.attributes}


def _value(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value"))


def _seen(service: str, span: Any) -> SpanSeen:
    return SpanSeen(
        service,
        span.name,
        span.kind,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        [(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
        attributes_of(span),
        span.status.code == 2,
    )


@contextmanager
def open_collector() -> Iterator[Collector]:
    """A collector at a free port, until the end of the context."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            collector.receive(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            collector.gate.wait(WAIT)
            self.send_response(collector.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # a client that was killed

    with Server(("127.0.0.1", 0), Handler) as server:
        collector = Collector(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield collector
        finally:
            collector.gate.set()
            server.shutdown()
            thread.join()
