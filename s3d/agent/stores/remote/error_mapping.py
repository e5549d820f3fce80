"""Error answers of the remote as errors of ours. Pure, but for the two causes that it attaches."""

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
"""What a status says when there is no document (HEAD) or its code is not one of S3's."""

_END_OF_TIME = 1e11
"""Unix seconds that no clock shows: beyond them a signature has no date."""

_SAID_ALREADY = frozenset(("Code", "Message", "RequestId", "HostId", "Resource"))
"""Elements of an error document that the answer to our own client has otherwise."""

_REASONS: Mapping[Reason, str] = {
    Reason.NAME: "its host name has no address",
    Reason.CONNECT: "it takes no connection",
    Reason.TLS: "no secure connection could be made",
    Reason.TIMEOUT: "it does not answer in time",
    Reason.LOST: "the connection broke before its answer was complete",
    Reason.UNPROVEN: "the network answers in its place",
}


def is_refusal(status: int) -> bool:
    """Whether an answer with this status says that nothing was done: also one that leads away,
    which is not followed: who is there has no business with what is signed for the remote."""
    return status >= 300 and status != 304


def read_refusal(status: int, headers: Mapping[str, str], document: bytes) -> Refusal:
    """What an error answer says. headers: by lower-case name."""
    said = error_elements(document)
    return Refusal(
        status,
        said.get("Code", ""),
        said.get("Message", ""),
        said.get("RequestId") or headers.get("x-amz-request-id", ""),
        _seconds(headers.get("retry-after", "")),
    )


def error_elements(document: bytes) -> dict[str, str]:
    """The elements of an <Error> document, by name; nothing for anything else.

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
    return reader.found


def refused(op: Operation, refusal: Refusal, details: Mapping[str, str] | None = None) -> S3Error:
    """The S3Error, with a Refused as its cause, that tells our client of a refusal.

    When it is our own key that the remote refuses, the client's key is not to blame: 503.
    """
    if classify(refusal) is FailureClass.AUTH:
        error = S3Error(
            "ServiceUnavailable",
            f"The remote does not accept the credentials that s3d has for it "
            f"({refusal.code or refusal.status}): {refusal.message}",
        )
    elif refusal.code in ERRORS:
        more = {k: v for k, v in (details or {}).items() if k not in _SAID_ALREADY}
        error = S3Error(refusal.code, _message(refusal), **more)
    else:
        said = ": ".join(part for part in (refusal.code, refusal.message) if part)
        code = _code_of(op, refusal.status)
        error = S3Error(code, _message(refusal) if refusal.status >= 500 else said)
    error.failure = Refused(refusal)
    return error


def _message(refusal: Refusal) -> str:
    """For our client. A 5xx names the remote: otherwise s3d itself seems to have failed."""
    if refusal.status < 500:
        return refusal.message
    answers = f"The remote answers {refusal.status} {refusal.code}".rstrip()
    return f"{answers}: {refusal.message}" if refusal.message else f"{answers}."


def unreachable(remote: str, cause: Unreachable) -> S3Error:
    """The S3Error, with its cause, for a call that got no answer. remote: its URL."""
    if cause.reason is Reason.CREDENTIALS:
        message = f"s3d has no credentials for the remote {remote}: {cause.detail}"
    elif cause.reason is Reason.UNPROVEN:
        why = _REASONS[cause.reason]
        message = f"The remote {remote} cannot be reached: {why} ({cause.detail})."
    elif cause.reason is Reason.INTERCEPTED:
        message = (
            f"Another server answered this request in the place of the remote {remote}: "
            f"{cause.detail}."
        )
    else:
        message = f"The remote {remote} cannot be reached: {_REASONS[cause.reason]}."
    error = S3Error("ServiceUnavailable", message)
    error.failure = cause
    return error


def retryable_redirect(remote: str, what: str, cause: Refusal) -> S3Error:
    """For a refusal that will not happen again, when the body cannot be sent a second time."""
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
    """Of Retry-After: seconds; a date is not worth a clock here and counts as nothing."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def server_time(headers: Mapping[str, str]) -> float | None:
    """Unix seconds of the Date header; None for a time at which there is no S3."""
    try:
        seconds = parsedate_to_datetime(headers.get("date", "")).timestamp()
    except ValueError:
        return None
    return seconds if 0 <= seconds < _END_OF_TIME else None


class _ErrorReader:
    """Expat's handlers: the text of the root's children."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._path: list[str] = []

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        self._path.append(name.rpartition(":")[2])
        if self._path[0] != "Error":
            raise ValueError("not an error document")

    def end(self, _name: str) -> None:
        self._path.pop()

    def text(self, text: str) -> None:
        if len(self._path) == 2:
            self.found[self._path[1]] = self.found.get(self._path[1], "") + text

    def refuse(self, *_: object) -> None:
        raise ValueError("entities are not allowed")
