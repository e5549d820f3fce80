"""Error responses and lost responses as S3Error, with a Refused or Unreachable as failure. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from xml.parsers import expat

from s3d.agent.core.failures import (
    FailureClass,
    Reason,
    Refusal,
    Refused,
    Unreachable,
    classify,
)
from s3d.agent.s3.errors import ERRORS, S3Error
from s3d.agent.s3.model import Operation

MAX_ERROR_SIZE = 64 * 1024
"""Bytes of an error document that are read."""

_STATUS_CODES: Mapping[int, str] = {
    304: "NotModified",
    400: "InvalidRequest",
    401: "AccessDenied",
    403: "AccessDenied",
    405: "MethodNotAllowed",
    408: "RequestTimeout",
    409: "OperationAborted",
    411: "MissingContentLength",
    412: "PreconditionFailed",
    416: "InvalidRange",
    429: "SlowDown",
    501: "NotImplemented",
    503: "ServiceUnavailable",
}
"""Status -> S3 code, where there is no document (HEAD) or its code is not one of S3's."""

_END_OF_TIME = 1e11
"""Unix seconds beyond every real clock: a signature could not express them."""

_OMITTED = frozenset(("Code", "Message", "RequestId", "HostId", "Resource"))
"""Elements of an error document that our own error response has by itself."""

_REASONS: Mapping[Reason, str] = {
    Reason.NAME: "its host name cannot be resolved",
    Reason.CONNECT: "connection refused",
    Reason.TLS: "no secure connection could be made",
    Reason.TIMEOUT: "it does not respond in time",
    Reason.LOST: "the connection was lost before the response was complete",
    Reason.UNPROVEN: "another server responds in its place",
}


def is_refusal(status: int) -> bool:
    """Whether a response with this status means that nothing was done. A redirect does: it is not
    followed, because another server must not get a request that is signed for the remote."""
    return status >= 300 and status != 304


def read_refusal(status: int, headers: Mapping[str, str], document: bytes) -> Refusal:
    """The content of an error response. headers: by lower-case name."""
    elements = error_elements(document)
    return Refusal(
        status,
        elements.get("Code", ""),
        elements.get("Message", ""),
        elements.get("RequestId") or headers.get("x-amz-request-id", ""),
        _seconds(headers.get("retry-after", "")),
    )


def error_elements(document: bytes) -> dict[str, str]:
    """The elements of an <Error> document, by name; empty for any other document.

    https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    """
    reader = _ErrorReader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.EntityDeclHandler = reader.refuse
    try:
        parser.Parse(document, True)
    except (expat.ExpatError, ValueError):
        return {}
    return reader.elements


def refused(op: Operation, refusal: Refusal, details: Mapping[str, str] | None = None) -> S3Error:
    """The S3Error for an error response, with a Refused as its cause.

    When the remote refuses our own key it is a 503, because the client's key is valid.
    """
    if classify(refusal) is FailureClass.AUTH:
        error = S3Error(
            "ServiceUnavailable",
            f"The remote does not accept the credentials that s3d has for it "
            f"({refusal.code or refusal.status}): {refusal.message}",
        )
    elif refusal.code in ERRORS:
        more = {k: v for k, v in (details or {}).items() if k not in _OMITTED}
        error = S3Error(refusal.code, _message(refusal), **more)
    else:
        text = ": ".join(part for part in (refusal.code, refusal.message) if part)
        code = _code_of(op, refusal.status)
        error = S3Error(code, _message(refusal) if refusal.status >= 500 else text)
    error.failure = Refused(refusal)
    return error


def _message(refusal: Refusal) -> str:
    """The message for our client. That of a 5xx names the remote, so that s3d does not seem to have
    failed itself."""
    if refusal.status < 500:
        return refusal.message
    answers = f"The remote returned HTTP {refusal.status} {refusal.code}".rstrip()
    return f"{answers}: {refusal.message}" if refusal.message else f"{answers}."


def unreachable(remote: str, cause: Unreachable) -> S3Error:
    """The S3Error for a request without a response, with its cause. remote: its URL."""
    if cause.reason is Reason.CREDENTIALS:
        message = f"s3d has no credentials for the remote {remote}: {cause.detail}"
    elif cause.reason is Reason.UNPROVEN:
        why = _REASONS[cause.reason]
        message = f"The remote {remote} cannot be reached: {why} ({cause.detail})."
    elif cause.reason is Reason.INTERCEPTED:
        message = (
            f"Another server answered this request instead of the remote {remote}: {cause.detail}."
        )
    else:
        message = f"The remote {remote} cannot be reached: {_REASONS[cause.reason]}."
    error = S3Error("ServiceUnavailable", message)
    error.failure = cause
    return error


def retryable_redirect(remote: str, what: str, cause: Refusal) -> S3Error:
    """For an error that a second request will not get, when the body cannot be sent twice."""
    error = S3Error("ServiceUnavailable", f"The remote {remote} {what}. Send the request again.")
    error.failure = Refused(cause)
    return error


def _code_of(op: Operation, status: int) -> str:
    if status == 404:
        return "NoSuchKey" if op.scope == "object" else "NoSuchBucket"
    if is_refusal(status) and status < 400:
        return "ServiceUnavailable"
    return _STATUS_CODES.get(status, "InternalError" if status >= 500 else "InvalidRequest")


def _seconds(text: str) -> float | None:
    """The seconds of Retry-After; None for a date, which S3 servers do not send."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def server_time(headers: Mapping[str, str]) -> float | None:
    """Unix seconds of the Date header; None for a date that no server has."""
    try:
        seconds = parsedate_to_datetime(headers.get("date", "")).timestamp()
    except ValueError:
        return None
    return seconds if 0 <= seconds < _END_OF_TIME else None


class _ErrorReader:
    """Handlers of expat that collect the text of the root's children."""

    def __init__(self) -> None:
        self.elements: dict[str, str] = {}
        self._path: list[str] = []

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        self._path.append(name.rpartition(":")[2])
        if self._path[0] != "Error":
            raise ValueError("not an error document")

    def end(self, _name: str) -> None:
        self._path.pop()

    def text(self, text: str) -> None:
        if len(self._path) == 2:
            self.elements[self._path[1]] = self.elements.get(self._path[1], "") + text

    def refuse(self, *_: object) -> None:
        raise ValueError("entities are not allowed")
