"""Serializes the output of an operation, or an error, to status, headers and document.

Compiled once per operation. Streaming bodies are not touched; Content-Length of what is in memory,
Date and the request id are added by the endpoint.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from s3d.agent.s3 import model_overrides, scalars, xml
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.model import Member, Operation, operations, service

HOST_ID = "s3d"
"""HostId of an error document, and the header x-amz-id-2 of every response."""

Headers = list[tuple[str, str]]

_XML = ("Content-Type", "application/xml")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class _Plan:
    headers: Mapping[str, tuple[str, Callable[[Any], str]]]
    """Member -> header and writer of its value."""
    metadata: str | None
    """The member whose items become x-amz-meta-* headers."""
    document: xml.Write | None
    member: str | None
    """The member that is the body; None: the document is of the whole output."""


def serialize_output(op: Operation, output: Mapping[str, Any]) -> tuple[int, Headers, bytes]:
    """Status, headers and body of a success; the body is b"" when it streams or there is none.

    Times may be datetimes or Unix seconds. Expires, and before it ExpiresString, is sent as it
    is when it is text. Members that are None or that no shape names are left out.
    """
    plan = _plan(op.name)
    if "ExpiresString" in output:
        output = {name: value for name, value in output.items() if name != "Expires"}
    headers: Headers = []
    for name, value in output.items():
        field = plan.headers.get(name)
        if field is not None and value is not None:
            header, write = field
            headers.append((header, write(value)))
        elif name == plan.metadata and value:
            headers += metadata_headers(value)
    if plan.document is None:
        text = output.get(plan.member) if plan.member else None
        return op.status, headers, text.encode() if text else b""
    value = output if plan.member is None else output.get(plan.member)
    headers.append(_XML)
    document = plan.document({} if value is None else value)
    return op.status, headers, (xml.DECLARATION + document).encode()


def serialize_error(error: S3Error, resource: str, request_id: str) -> tuple[int, Headers, bytes]:
    """Status, headers and document of an error. resource: the requested path.

    Some details are headers: see _DETAIL_HEADERS. A 416 has Content-Range, a 503 Retry-After (1 s
    unless the detail RetryAfter says otherwise), a 304 no document. The response to a HEAD has none
    either: the caller removes it.
    """
    detail = error.detail
    headers = [
        (header, header_text(str(detail[name])))
        for name, header in _DETAIL_HEADERS.items()
        if name in detail
    ]
    if "DeleteMarker" in detail and "VersionId" in detail:
        headers.append(("x-amz-version-id", str(detail["VersionId"])))
    if error.status == 416 and "ActualObjectSize" in detail:
        headers.append(("Content-Range", f"bytes */{detail['ActualObjectSize']}"))
    if error.status == 503 and "RetryAfter" not in detail:
        headers.append(("Retry-After", "1"))
    if error.status == 304:
        return 304, headers, b""
    elements: dict[str, str | int] = {"Code": error.code, "Message": error.message}
    elements |= {name: value for name, value in detail.items() if name not in _DETAIL_HEADERS}
    elements |= {"Resource": resource, "RequestId": request_id, "HostId": HOST_ID}
    inside = "".join(f"<{tag}>{xml.escape(str(text))}</{tag}>" for tag, text in elements.items())
    document = f"{xml.DECLARATION}<Error>{inside}</Error>"
    return error.status, [*headers, _XML], document.encode()


_DETAIL_HEADERS = {
    "Allow": "Allow",
    "BucketRegion": "x-amz-bucket-region",
    "DeleteMarker": "x-amz-delete-marker",
    "ETag": "ETag",
    "LastModified": "Last-Modified",
    "RetryAfter": "Retry-After",
}
"""Details of an error that are headers, not elements."""


def is_metadata_name(name: str) -> bool:
    """Whether a header can have this name, so that requests and responses can pass the metadata."""
    return _TOKEN.fullmatch(name) is not None


def metadata_headers(metadata: Mapping[str, str]) -> Headers:
    """x-amz-meta-* headers. A value beyond printable US-ASCII is an encoded word of RFC 2047.

    Names that cannot be header names are counted in x-amz-missing-meta instead.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html#UserMetadata
    """
    headers = [
        (f"x-amz-meta-{name}", _mail_safe(value))
        for name, value in metadata.items()
        if is_metadata_name(name)
    ]
    if len(headers) < len(metadata):
        headers.append(("x-amz-missing-meta", str(len(metadata) - len(headers))))
    return headers


def header_text(value: str) -> str:
    """A value that can stand in a header: control characters are blanks. Beyond ASCII: UTF-8."""
    return value if value.isprintable() else _CONTROL.sub(" ", value)


def _mail_safe(value: str) -> str:
    if value.isascii() and value.isprintable():
        return value
    word = base64.b64encode(value.encode("utf-8", "replace")).decode()
    return f"=?UTF-8?B?{word}?="


@cache
def _plan(name: str) -> _Plan:
    shape = service().output_of(name)
    headers = {
        member_name: (member.location_name or member_name, _header_writer(member))
        for member_name, member in shape.members.items()
        if member.location == "header"
    }
    if "Expires" in headers:
        headers["ExpiresString"] = headers["Expires"]
    metadata = next((n for n, m in shape.members.items() if m.location == "headers"), None)
    document = _document(name)
    member = shape.payload if not operations()[name].streaming_output else None
    if name == "GetBucketLocation":
        member = "LocationConstraint"
    return _Plan(headers, metadata, document, member)


def _document(name: str) -> xml.Write | None:
    """The writer of the operation's result document, if it has one."""
    root, output = operations()[name].root_tag, service().operations[name].output
    if root is None or output is None:
        return None
    if name == "GetBucketLocation":
        return _write_location
    shape = service().output_of(name)
    of = shape.members[shape.payload].shape if shape.payload else output.shape
    return xml.writer(of, root, namespace=model_overrides.NAMESPACE, lists_last=not shape.payload)


def _write_location(region: str) -> str:
    """The bare text of GetBucketLocation; us-east-1 is an empty element.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html
    """
    tag = f'LocationConstraint xmlns="{model_overrides.NAMESPACE}"'
    return f"<{tag}>{xml.escape(region)}</LocationConstraint>" if region else f"<{tag}/>"


def _header_writer(member: Member) -> Callable[[Any], str]:
    shape = service().shapes[member.shape]
    if member.shape in model_overrides.VERBATIM:
        return _write_verbatim
    if shape.type == "timestamp":
        is_iso = (member.timestamp_format or shape.timestamp_format) == "iso8601"
        return scalars.iso_time if is_iso else scalars.http_time
    return _HEADER_WRITERS[shape.type]


def _write_verbatim(value: str | datetime | float) -> str:
    return header_text(value) if isinstance(value, str) else scalars.http_time(value)


_HEADER_WRITERS: dict[str, Callable[[Any], str]] = {
    "string": header_text,
    "integer": str,
    "long": str,
    "boolean": {True: "true", False: "false"}.__getitem__,
}
