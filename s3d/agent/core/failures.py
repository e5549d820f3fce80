"""Why a call to the remote failed, and what kind of failure that is. Pure.

Every S3Error of the remote store has one of the two causes below as its __cause__; classify() turns
either into the class that tells the write queue what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from s3d.agent.s3.errors import S3Error


class FailureClass(StrEnum):
    """What to do about a failure."""

    TRANSIENT = "transient"
    """Try again after a while; the request itself is not to blame."""
    CLOCK = "clock"
    """Our clock is off: try again with the remote's time."""
    AUTH = "auth"
    """Our credentials are not accepted, whatever the request: nothing will pass until they are."""
    DENIED = "denied"
    """The credentials are good but may not do this."""
    PERMANENT = "permanent"
    """The remote will never take this request."""


class Reason(StrEnum):
    """Why no answer came."""

    NAME = "name"
    """The host name has no address."""
    CONNECT = "connect"
    """Nobody took the connection, or not in time."""
    TLS = "tls"
    TIMEOUT = "timeout"
    """Connected, and then silence."""
    LOST = "lost"
    """The connection ended before the answer did."""
    UNPROVEN = "unproven"
    """Another server answers in the remote's place (a captive portal), whatever is asked."""
    INTERCEPTED = "intercepted"
    """Another server answered this one request (a proxy, a firewall); the remote is there."""
    CREDENTIALS = "credentials"
    """No credentials could be had, so nothing was asked."""


class Unreachable(Exception):
    """No whole answer came from the remote.

    sent: the remote may have got the request and acted on it. status: of the other server's answer
    (UNPROVEN, INTERCEPTED); 0 when nothing answered.
    """

    def __init__(self, reason: Reason, detail: str, *, sent: bool, status: int = 0) -> None:
        self.reason = reason
        self.detail = detail
        self.sent = sent
        self.status = status
        super().__init__(f"{reason}: {detail}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the remote said no with."""

    status: int
    code: str
    """The remote's own word; "" when it gave none (HEAD)."""
    message: str = ""
    request_id: str = ""
    retry_after: float | None = None
    """Seconds that the remote asked us to wait."""


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
    # S3 says more when it leads elsewhere; a portal on the way, which one has to pass, does not.
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
    """The class of a failure: by its typed cause, else by its S3 code and status."""
    if isinstance(error, Unreachable):
        return FailureClass.AUTH if error.reason is Reason.CREDENTIALS else FailureClass.TRANSIENT
    if isinstance(error, S3Error):
        cause = error.__cause__
        if isinstance(cause, Unreachable):
            return classify(cause)
        if isinstance(cause, Refused):
            return classify(cause.refusal)
        return classify(Refusal(error.status, error.code))
    known = CODES.get(error.code) or STATUSES.get(error.status)
    if known is not None:
        return known
    return FailureClass.TRANSIENT if error.status >= 500 else FailureClass.PERMANENT


def is_remote_failing(error: S3Error) -> bool:
    """Whether the remote itself answered that it cannot serve now (a proven 5xx that may pass)."""
    cause = error.__cause__
    return (
        isinstance(cause, Refused)
        and cause.refusal.status >= 500
        and classify(cause.refusal) is FailureClass.TRANSIENT
    )


def may_have_happened(error: S3Error) -> bool:
    """Whether the remote may have carried out a write that ended with this error: its answer was
    lost, or the remote failed while it worked. A refusal with a 4xx status changes nothing."""
    cause = error.__cause__
    return cause.sent if isinstance(cause, Unreachable) else error.status >= 500
