"""One record of an access log, in the format of AWS's server access logs. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html names the fields. What the page
leaves open is as in AWS's own logs: keys are percent-encoded twice, but once in the records of
BATCH.DELETE.OBJECT; the request line and the headers are in quotes, and are a bare dash in the
records that belong to no HTTP request of their own. Here AWS and s3d differ: what a client can
choose never breaks a line or ends a quoted field (such bytes become \\xNN, as in nginx's logs), and
signatures, tokens and keys are masked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

from s3d.agent.s3.model import Operation
from s3d.shared.masking import mask, mask_url

NONE = "-"


class AccessRecord(NamedTuple):
    """What a record says, by keyword. "" and None: unknown, or there is no such thing."""

    time: float
    """When the request was received, in Unix seconds."""
    operation: str
    """operation_name(), or one of the constants below."""
    request_id: str
    bucket_owner: str = ""
    """A canonical user id."""
    bucket: str = ""
    remote_ip: str = ""
    requester: str = ""
    """A canonical user id or an ARN; "" for a request without a signature."""
    key: str = ""
    request_line: str | None = None
    """Method, request target as it was sent, and HTTP version."""
    status: int = 0
    error_code: str = ""
    bytes_sent: int = 0
    """Of the response's body."""
    object_size: int | None = None
    total_time: float | None = None
    """Seconds from the receipt of the request to the last byte of the response."""
    turn_around_time: float | None = None
    """Seconds from the last byte of the request to the first one of the response."""
    referer: str | None = None
    user_agent: str | None = None
    version_id: str = ""
    """In the request."""
    host_id: str = ""
    """As in x-amz-id-2."""
    signature_version: str = ""
    cipher_suite: str = ""
    authentication_type: str = ""
    host_header: str = ""
    tls_version: str = ""
    access_point_arn: str = ""
    acl_required: str = ""
    source_region: str = ""


def format_record(record: AccessRecord) -> str:
    """The record as one line, without its end. It is ASCII."""
    is_encoded_once = record.operation.startswith(("BATCH.", "S3."))
    key = quote(mask(record.key), safe="/", errors="surrogateescape")
    is_request = record.request_line is not None
    return " ".join(
        (
            _word(record.bucket_owner),
            _word(record.bucket),
            _time(int(record.time)),
            _word(record.remote_ip),
            _word(record.requester),
            _word(record.request_id),
            _word(record.operation),
            (key if is_encoded_once else quote(key, safe="/")) or NONE,
            _quoted(mask_url(record.request_line)) if record.request_line else NONE,
            str(record.status or NONE),
            _word(record.error_code),
            str(record.bytes_sent or NONE),
            NONE if record.object_size is None else str(record.object_size),
            _milliseconds(record.total_time),
            _milliseconds(record.turn_around_time),
            _quoted(mask_url(record.referer or NONE)) if is_request else NONE,
            _quoted(mask(record.user_agent or NONE)) if is_request else NONE,
            _word(record.version_id),
            _word(record.host_id),
            _word(record.signature_version),
            _word(record.cipher_suite),
            _word(record.authentication_type),
            _word(record.host_header),
            _word(record.tls_version),
            _word(record.access_point_arn),
            _word(record.acl_required),
            _word(record.source_region),
        )
    )


# ---------------------------------------------------------------- operations

COPY_SOURCE = {"CopyObject": "REST.COPY.OBJECT_GET", "UploadPartCopy": "REST.COPY.PART_GET"}
"""A copy has a second record, for the object that is read."""
BATCH_DELETE = "BATCH.DELETE.OBJECT"
"""DeleteObjects has a further record for each key."""
PREFLIGHT = "REST.OPTIONS.PREFLIGHT"
FORM_POST = "REST.POST.OBJECT"

_COPIES = {"CopyObject": "REST.COPY.OBJECT", "UploadPartCopy": "REST.COPY.PART"}
_RESOURCES: Mapping[str, str] = {
    "attributes": "OBJECT_ATTRIBUTES",
    "delete": "MULTI_OBJECT_DELETE",
    "list-type": "BUCKET",
    "logging": "LOGGING_STATUS",
    "object-lock": "OBJECT_LOCK_CONFIGURATION",
    "policy": "BUCKETPOLICY",
    "uploadId": "UPLOAD",
    "versions": "BUCKETVERSIONS",
}
"""Word of the query -> resource, where that is not the same word."""
_OBJECT_RESOURCES = {"tagging": "OBJECT_TAGGING"}
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])|-")


def operation_name(op: Operation, method: str) -> str:
    """REST.METHOD.RESOURCE, as AWS names the operation. method: of the HTTP request."""
    if op.name in _COPIES:
        return _COPIES[op.name]
    if op.name == "UploadPart":
        return "REST.PUT.PART"
    word = op.subresource
    if word is None:
        resource = op.scope.upper()
    elif op.scope == "object" and word in _OBJECT_RESOURCES:
        resource = _OBJECT_RESOURCES[word]
    else:
        resource = _RESOURCES.get(word) or _CAPITAL.sub("_", word).upper()
    return f"REST.{method.upper()}.{resource}"


def authentication(headers: Mapping[str, str], query: Mapping[str, str]) -> tuple[str, str]:
    """The signature version and the authentication type of a request; "" without a signature."""
    if "authorization" in headers:
        is_v4 = headers["authorization"].startswith("AWS4-")
        return "SigV4" if is_v4 else "SigV2", "AuthHeader"
    if "X-Amz-Algorithm" in query:
        return "SigV4", "QueryString"
    return ("SigV2", "QueryString") if "Signature" in query else ("", "")


# ---------------------------------------------------------------- fields

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun",
           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")  # fmt: skip
_UNQUOTABLE = re.compile(r"[^ !#-\[\]-~]")
_NO_WORD = re.compile(r"[^!-~]")


@lru_cache(maxsize=4)
def _time(seconds: int) -> str:
    """[%d/%b/%Y:%H:%M:%S %z], whatever the locale is."""
    at = datetime.fromtimestamp(seconds, UTC)
    return f"[{at.day:02}/{_MONTHS[at.month - 1]}/{at:%Y:%H:%M:%S} +0000]"


def _milliseconds(seconds: float | None) -> str:
    return NONE if seconds is None else str(max(round(seconds * 1000), 0))


def _word(text: str) -> str:
    """A field without quotes, which no space and no control character may split."""
    return _NO_WORD.sub(_percent, text) if text else NONE


def _quoted(text: str) -> str:
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return f'"{_UNQUOTABLE.sub(_hexadecimal, text)}"'


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in _bytes(match[0]))


def _hexadecimal(match: re.Match[str]) -> str:
    return "".join(f"\\x{byte:02X}" for byte in _bytes(match[0]))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
