"""The server span of a request: begun with its head, ended when its last byte is written.

The names are those of OpenTelemetry's conventions for HTTP servers and for AWS's services. A query
is never recorded: that of a presigned URL is a credential. s3d's own request ids are s3d.request_id
in all spans and log records; aws.request_id is that of the remote, as the conventions for clients
have it.
https://opentelemetry.io/docs/specs/semconv/http/http-spans/
https://opentelemetry.io/docs/specs/semconv/object-stores/s3/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from s3d.agent.core.spans import Span, Tracer, Value
from s3d.agent.frontends.http.exchange import Exchange
from s3d.agent.s3.messages import S3Request
from s3d.agent.s3.trace_context import TRACEPARENT, parse_headers

NO_METHOD = "_OTHER"
"""Stands for the method of bytes that are no HTTP request, as the conventions say."""
_AWS: Mapping[str, Value] = {"rpc.system": "aws-api", "rpc.service": "S3", "url.scheme": "http"}
_MEMBER_ATTRIBUTES = (
    ("Bucket", "aws.s3.bucket"),
    ("Key", "aws.s3.key"),
    ("UploadId", "aws.s3.upload_id"),
    ("PartNumber", "aws.s3.part_number"),
    ("CopySource", "aws.s3.copy_source"),
)
"""Members of the input -> attributes."""


def begin_span(tracer: Tracer, exchange: Exchange) -> None:
    """Take the client's context, and begin the span if the request is recorded.

    Called when spans are recorded, or when there is a traceparent: without a recorded span, the
    client's context itself goes along with the request.
    """
    headers = exchange.request.by_name
    parent = parse_headers(headers) if TRACEPARENT in headers else None
    if not tracer.is_active:
        exchange.trace = parent
        return
    span = exchange.span = tracer.start(exchange.method or NO_METHOD, parent)
    if span is not None:
        exchange.trace = span.context
    elif parent is not None:
        exchange.trace = parent._replace(is_sampled=False)


def describe(span: Span, request: S3Request[Any]) -> None:
    """Add what is known of a request once it is parsed."""
    attributes, members = span.attributes, request.input
    for member, name in _MEMBER_ATTRIBUTES:
        value = members.get(member)
        if value:
            attributes[name] = value


def end_span(span: Span, exchange: Exchange) -> None:
    """End the span of an exchange that is over."""
    request, status, operation = exchange.request, exchange.status, exchange.operation
    attributes = span.attributes
    attributes.update(_AWS)
    if operation:
        span.name = f"S3.{operation}"
        attributes["rpc.method"] = operation
    attributes["http.request.method"] = exchange.method or NO_METHOD
    attributes["http.response.status_code"] = status
    attributes["http.request.body.size"] = exchange.received
    attributes["http.response.size"] = exchange.sent
    attributes["url.path"] = request.target.partition("?")[0]
    attributes["network.protocol.version"] = "1.0" if exchange.is_http_1_0 else "1.1"
    attributes["s3d.request_id"] = exchange.request_id
    agent = request.by_name.get("user-agent")
    if agent:
        attributes["user_agent.original"] = agent
    if exchange.is_aborted:
        span.fail("aborted")
    elif status >= 500:
        span.fail(str(status))
    span.end()
