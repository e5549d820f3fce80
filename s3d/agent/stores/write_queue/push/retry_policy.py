"""What follows from a failed push: a table of actions, and the arithmetic of back-off. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import structs

from s3d.agent.core.backoff import exponential_delay, full_jitter
from s3d.agent.core.failures import (
    FailureClass,
    Reason,
    Refusal,
    Refused,
    Unreachable,
    classify,
)
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.write_queue.journal.pending_write import PushError


class FailureAction(StrEnum):
    """What to do with the write, or with all writes."""

    RETRY = "retry"
    """Retry after a back-off, without a limit on attempts."""
    INTERCEPTED = "intercepted"
    """Another server answered. Retry; after MAX_INTERCEPTIONS attempts, continue as for DENY."""
    INTEGRITY = "integrity"
    """The remote has other bytes. Retry; park the write after MAX_INTEGRITY_FAILURES attempts."""
    RESTART = "restart"
    """The multipart upload no longer exists. Retry with a new one."""
    PAUSE = "pause"
    """Push nothing to the endpoint until it accepts the credentials."""
    DENY = "deny"
    """Park the write and retry it a few times: a change of policy may be propagating."""
    NO_BUCKET = "no bucket"
    """Park all writes of the bucket until it exists."""
    PARK = "park"


CODES: Mapping[str, FailureAction] = {
    "NoSuchBucket": FailureAction.NO_BUCKET,
    "NoSuchUpload": FailureAction.RESTART,
    # A completion that lost against a concurrent write has lost its upload.
    "ConditionalRequestConflict": FailureAction.RESTART,
    "InvalidPart": FailureAction.INTEGRITY,
    "BadDigest": FailureAction.INTEGRITY,
    "XAmzContentChecksumMismatch": FailureAction.INTEGRITY,
    "XAmzContentSHA256Mismatch": FailureAction.INTEGRITY,
    "IncompleteBody": FailureAction.RETRY,
    # The remote store answers this when a redirect or a clock correction has been learned: the
    # next attempt uses it.
    "ServiceUnavailable": FailureAction.RETRY,
}
"""S3 error codes for which a push needs another action than their failure class has."""

CLASSES: Mapping[FailureClass, FailureAction] = {
    FailureClass.TRANSIENT: FailureAction.RETRY,
    FailureClass.CLOCK: FailureAction.RETRY,
    FailureClass.AUTH: FailureAction.PAUSE,
    FailureClass.DENIED: FailureAction.DENY,
    FailureClass.PERMANENT: FailureAction.PARK,
}

INTERCEPTED = "Intercepted"
"""Error code, of s3d's own, for an answer that came from another server than the remote."""

_NOT_UNREACHABLE = frozenset((Reason.CREDENTIALS, Reason.INTERCEPTED))

THROTTLING_STATUSES = frozenset((429, 503))
"""HTTP statuses by which a remote asks for fewer requests."""

MAX_INTERCEPTIONS = 8
"""Attempts of one write that another server has answered, while the remote answered other requests,
after which the write is parked."""
MAX_INTEGRITY_FAILURES = 3
"""Attempts of one write after which the remote had other bytes, and the write is parked."""
PARKED_RETRY_DELAYS = (60.0, 300.0, 900.0, 900.0, 1440.0)
"""Seconds before each retry of a write that was parked because it was denied or intercepted: one
hour in all."""
FIRST_BACK_OFF = 0.5
MAX_BACK_OFF = 300.0
"""Seconds."""
MAX_RETRY_AFTER = 3600.0
"""Seconds; a longer Retry-After is cut to this."""


_NOT_ABOUT_OBJECT = (FailureClass.TRANSIENT, FailureClass.CLOCK, FailureClass.AUTH)


def action_for(error: S3Error) -> FailureAction:
    """The action that follows from an error of the remote store."""
    cause = error.failure
    if isinstance(cause, Unreachable) and cause.reason is Reason.INTERCEPTED:
        # A load balancer's 502 is transient; a proxy's 413 or a firewall's 403 concerns this write.
        transient = classify(Refusal(cause.status, "")) is FailureClass.TRANSIENT
        is_retried = transient and cause.status >= 400
        return FailureAction.RETRY if is_retried else FailureAction.INTERCEPTED
    kind = classify(error)
    if kind is FailureClass.AUTH:
        return FailureAction.PAUSE
    return CODES.get(error.code) or CLASSES[kind]


def back_off(attempts: int, retry_after: float | None, random: float) -> float:
    """Seconds to wait after a number of failed attempts: full jitter, at least retry_after.

    random: from 0.0 to 1.0.
    """
    least = min(MAX_RETRY_AFTER, retry_after or 0.0)
    delay = exponential_delay(attempts, FIRST_BACK_OFF, MAX_BACK_OFF)
    return max(full_jitter(delay, random), least)


def refusal_of(error: S3Error) -> Refusal | None:
    """The remote's error answer; None when the remote did not answer."""
    cause = error.failure
    return cause.refusal if isinstance(cause, Refused) else None


def is_unreachable(error: S3Error) -> bool:
    """Whether the remote could not be reached, which is what the circuit breaker counts."""
    cause = error.failure
    return isinstance(cause, Unreachable) and cause.reason not in _NOT_UNREACHABLE


def is_denied(error: PushError) -> bool:
    """Whether a write that was parked with this error was denied, by its status and code. A restart
    forgets the time of its next retry, so it is retried by PARKED_RETRY_DELAYS again."""
    return classify(Refusal(error.status, error.code)) is FailureClass.DENIED


def is_about_object(error: S3Error) -> bool:
    """Whether the remote says something about the object, and not only about itself or its key."""
    return classify(error) not in _NOT_ABOUT_OBJECT


def has_unknown_outcome(error: S3Error) -> bool:
    """Whether the remote may have carried out the request although it did not confirm it."""
    cause = error.failure
    if isinstance(cause, Unreachable):
        return cause.sent
    return isinstance(cause, Refused) and cause.refusal.status in (500, 502, 504)


def push_error(
    error: S3Error, now: float, code: str = "", *, previous: PushError | None = None
) -> PushError:
    """The failure as the journal keeps it.

    code: replaces the remote's error code. previous: of the attempt before. When a firewall
    refused a PutObject with a page and now refuses the HeadObject of the next attempt without one,
    the page tells people more, so its description stays.
    """
    refusal, cause = refusal_of(error), error.failure
    if isinstance(cause, Unreachable) and cause.reason is Reason.INTERCEPTED:
        same = (code or INTERCEPTED, cause.status)
        if not cause.has_document and previous and (previous.code, previous.status) == same:
            return structs.replace(previous, at=now)
        return PushError(code or INTERCEPTED, error.message, status=cause.status, at=now)
    if refusal is None:
        return PushError(code or error.code, error.message, at=now)
    code = code or refusal.code or error.code
    message = refusal.message or error.message
    return PushError(code, message, refusal.request_id, refusal.status, now)
