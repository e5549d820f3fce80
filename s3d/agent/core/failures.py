"""Why a call to the remote failed, and what kind of failure that is. Pure.

S3Error.failure of a call to the remote is one of the two exceptions below. classify() turns it into
the class that decides what the write queue does about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from s3d.agent.s3.errors import S3Error


class FailureClass(StrEnum):
    """What to do about a failure."""

    TRANSIENT = "transient"
    """It may pass: retry after a delay."""
    CLOCK = "clock"
    """The local clock is wrong: retry with the remote's time."""
    AUTH = "auth"
    """The credentials are rejected, so every request fails until they are replaced."""
    DENIED = "denied"
    """The credentials are accepted, but do not allow this request."""
    PERMANENT = "permanent"
    """The remote will refuse this request however often it is sent."""


class Reason(StrEnum):
    """Why there is no response of the remote."""

    NAME = "name"
    """The host name has no address."""
    CONNECT = "connect"
    """The connection was refused, or not accepted in time."""
    TLS = "tls"
    TIMEOUT = "timeout"
    """The connection was made, and no response came in time."""
    LOST = "lost"
    """The connection ended before the response did."""
    UNPROVEN = "unproven"
    """Another server answers every request in the remote's place, as a captive portal does."""
    INTERCEPTED = "intercepted"
    """Another server, a proxy or firewall, answered this request; the remote can be reached."""
    CREDENTIALS = "credentials"
    """There are no credentials, so no request was sent."""


class Unreachable(Exception):
    """The remote did not answer, or not to the end.

    sent: the remote may have received the request and carried it out. status: of the other
    server's response (UNPROVEN, INTERCEPTED); 0 when there was none. has_document: that response
    had a body, which the detail describes; that to a HEAD never has one.
    """

    def __init__(
        self,
        reason: Reason,
        detail: str,
        *,
        sent: bool,
        status: int = 0,
        has_document: bool = False,
    ) -> None:
        self.reason = reason
        self.detail = detail
        self.sent = sent
        self.status = status
        self.has_document = has_document
        super().__init__(f"{reason}: {detail}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error response of the remote."""

    status: int
    code: str
    """S3's error code; "" when the response has none, as that to a HEAD."""
    message: str = ""
    request_id: str = ""
    retry_after: float | None = None
    """Seconds of its Retry-After header."""


class Refused(Exception):
    """The remote answered with an error."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(f"{refusal.status} {refusal.code}: {refusal.message}")


CODES: Mapping[str, FailureClass] = {
    "Busy": FailureClass.TRANSIENT,
    "ConditionalRequestConflict": FailureClass.TRANSIENT,
    "InternalError": FailureClass.TRANSIENT,
    "OperationAborted": FailureClass.TRANSIENT,
    "RequestLimitExceeded": FailureClass.TRANSIENT,
    "RequestTimeout": FailureClass.TRANSIENT,
    "ServiceUnavailable": FailureClass.TRANSIENT,
    "SlowDown": FailureClass.TRANSIENT,
    "TemporaryRedirect": FailureClass.TRANSIENT,
    "Throttling": FailureClass.TRANSIENT,
    "ThrottlingException": FailureClass.TRANSIENT,
    "TooManyRequests": FailureClass.TRANSIENT,
    "RequestExpired": FailureClass.CLOCK,
    "RequestTimeTooSkewed": FailureClass.CLOCK,
    "AuthorizationHeaderMalformed": FailureClass.AUTH,
    "ExpiredToken": FailureClass.AUTH,
    "ExpiredTokenException": FailureClass.AUTH,
    "InvalidAccessKeyId": FailureClass.AUTH,
    "InvalidClientTokenId": FailureClass.AUTH,
    "InvalidSecurity": FailureClass.AUTH,
    "InvalidToken": FailureClass.AUTH,
    "MissingAuthenticationToken": FailureClass.AUTH,
    "NotSignedUp": FailureClass.AUTH,
    "SignatureDoesNotMatch": FailureClass.AUTH,
    "TokenRefreshRequired": FailureClass.AUTH,
    "AccessDenied": FailureClass.DENIED,
    "AllAccessDisabled": FailureClass.DENIED,
    "AccountProblem": FailureClass.DENIED,
    "NotImplemented": FailureClass.PERMANENT,
    "PermanentRedirect": FailureClass.PERMANENT,
}
"""S3's codes that mean more than their status does.
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""

STATUSES: Mapping[int, FailureClass] = {
    # A redirect of S3 has a code. One without comes from a captive portal, where a person logs in.
    **dict.fromkeys((300, 301, 302, 303, 307, 308), FailureClass.TRANSIENT),
    401: FailureClass.AUTH,
    403: FailureClass.DENIED,
    408: FailureClass.TRANSIENT,
    425: FailureClass.TRANSIENT,
    429: FailureClass.TRANSIENT,
    501: FailureClass.PERMANENT,
    505: FailureClass.PERMANENT,
}
"""For answers whose code says nothing; otherwise 5xx is transient and the rest permanent."""


def classify(error: S3Error | Refusal | Unreachable) -> FailureClass:
    """The class of a failure: by its S3Error.failure, else by its S3 code and status."""
    if isinstance(error, Unreachable):
        return FailureClass.AUTH if error.reason is Reason.CREDENTIALS else FailureClass.TRANSIENT
    if isinstance(error, S3Error):
        failure = error.failure
        if isinstance(failure, Unreachable):
            return classify(failure)
        if isinstance(failure, Refused):
            return classify(failure.refusal)
        return classify(Refusal(error.status, error.code))
    known = CODES.get(error.code) or STATUSES.get(error.status)
    if known is not None:
        return known
    return FailureClass.TRANSIENT if error.status >= 500 else FailureClass.PERMANENT


def is_remote_failing(error: S3Error) -> bool:
    """Whether the remote itself answered that it cannot serve now: a 5xx that may pass."""
    failure = error.failure
    return (
        isinstance(failure, Refused)
        and failure.refusal.status >= 500
        and classify(failure.refusal) is FailureClass.TRANSIENT
    )


def may_have_happened(error: S3Error) -> bool:
    """Whether the remote may have carried out a write that ended with this error: its answer was
    lost, or the remote failed while it worked. A refusal with a 4xx status changes nothing."""
    failure = error.failure
    return failure.sent if isinstance(failure, Unreachable) else error.status >= 500
