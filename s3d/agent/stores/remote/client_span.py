"""Client spans of requests to the remote, and the headers that carry their context.

The context goes to the remote only when the user wants that (S3D_TRACE_REMOTE), and is never
signed: a proxy may replace it. https://www.w3.org/TR/trace-context/
https://opentelemetry.io/docs/specs/semconv/object-stores/s3/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from s3d.agent.core.failures import Refused, Unreachable
from s3d.agent.core.spans import Span, SpanKind, Tracer, Value
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.trace_context import HEADERS, TraceContext

TRACE_HEADERS = HEADERS | {"baggage"}
"""Headers of a client that are about its trace: they are not forwarded as they are.
https://www.w3.org/TR/baggage/"""

_AWS: Mapping[str, Value] = {"rpc.system": "aws-api", "rpc.service": "S3"}


class ClientSpans:
    """Begins the spans of one remote. Belongs to the loop."""

    def __init__(self, tracer: Tracer | None = None, *, sends_context: bool = False) -> None:
        """tracer: None records nothing. sends_context: requests name their span."""
        self._tracer = tracer or Tracer()
        self._sends_context = sends_context

    def headers(self, context: TraceContext) -> list[tuple[str, str]]:
        """The headers to add to a signed request that this span makes."""
        return context.headers() if self._sends_context else []

    @contextmanager
    def request(
        self, operation: str, parent: TraceContext | None, bucket: str, key: str
    ) -> Iterator[Span | None]:
        """The span of one HTTP request and the head of its response; None: it is not recorded.

        operation: its AWS name; "" for one that s3d does not know.
        """
        span = self._tracer.child(f"S3.{operation}", parent, kind=SpanKind.CLIENT)
        if span is None:
            yield None
            return
        attributes = span.attributes
        attributes.update(_AWS)
        named = (("rpc.method", operation), ("aws.s3.bucket", bucket), ("aws.s3.key", key))
        attributes.update({name: value for name, value in named if value})
        try:
            yield span
        except BaseException as error:
            span.fail(error_type(error))
            raise
        finally:
            span.end()


def note_response(span: Span, status: int, headers: Mapping[str, str], server: str) -> None:
    """Add the head of a response. headers: by lower-case name. server: HOST or HOST:PORT."""
    attributes = span.attributes
    attributes["http.response.status_code"] = status
    host, colon, port = server.rpartition(":")
    attributes["server.address"] = host if colon and port.isdigit() else server
    if colon and port.isdigit():
        attributes["server.port"] = int(port)
    for header, name in (
        ("x-amz-request-id", "aws.request_id"),
        ("x-amz-id-2", "aws.extended_request_id"),
    ):
        if header in headers:
            attributes[name] = headers[header]
    if status >= 400:
        span.fail(str(status))


def error_type(error: BaseException) -> str:
    """The attribute error.type: of few values, and without anything that a server has said."""
    failure = error.failure if isinstance(error, S3Error) else error
    if isinstance(failure, Unreachable):
        return str(failure.reason)
    if isinstance(failure, Refused):
        return str(failure.refusal.status)
    return error.code if isinstance(error, S3Error) else type(error).__name__
