"""What follows from a push that failed. Pure: tables, and the arithmetic of waiting."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from s3d.agent.core.failures import (
    FailureClass,
    Reason,
    Refusal,
    Refused,
    Unreachable,
    classify,
)
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.write_queue.pending import PushError


class FailureAction(StrEnum):
    """What to do with the write, or with all of them."""

    RETRY = "retry"
    """Again after a back-off; however often, it is not held against the write."""
    INTERCEPTED = "intercepted"
    """Another server answered it: again, and after INTERCEPTIONS times it is parked."""
    PROVE = "prove"
    """Its bytes came out wrong: again, and the third time it is parked as integrity."""
    RESTART = "restart"
    """The multipart upload is gone: again, with a new one."""
    PAUSE = "pause"
    """Nothing goes to the endpoint until it accepts our credentials."""
    DENY = "deny"
    """Parked, and tried a few times more: a policy may be on its way."""
    NO_BUCKET = "no bucket"
    """All writes of the bucket are parked until it exists."""
    PARK = "park"


CODES: Mapping[str, FailureAction] = {
    "NoSuchBucket": FailureAction.NO_BUCKET,
    "NoSuchUpload": FailureAction.RESTART,
    # Of a completion: its upload is lost.
    "ConditionalRequestConflict": FailureAction.RESTART,
    "InvalidPart": FailureAction.PROVE,
    "BadDigest": FailureAction.PROVE,
    "XAmzContentChecksumMismatch": FailureAction.PROVE,
    "XAmzContentSHA256Mismatch": FailureAction.PROVE,
    "IncompleteBody": FailureAction.RETRY,
    # Answers for the client of a refusal that teaches: the next try does it right.
    "ServiceUnavailable": FailureAction.RETRY,
}
"""S3 codes of which a pusher knows more than the class says."""

CLASSES: Mapping[FailureClass, FailureAction] = {
    FailureClass.TRANSIENT: FailureAction.RETRY,
    FailureClass.CLOCK: FailureAction.RETRY,
    FailureClass.AUTH: FailureAction.PAUSE,
    FailureClass.DENIED: FailureAction.DENY,
    FailureClass.PERMANENT: FailureAction.PARK,
}

INTERCEPTED = "Intercepted"
"""A word of ours for the code of an error: another server answered in the remote's place."""

_NOT_UNREACHABLE = frozenset((Reason.CREDENTIALS, Reason.INTERCEPTED))

SLOWING = frozenset((429, 503))
"""Statuses by which a remote asks for less."""

INTERCEPTIONS = 8
"""Times that another server may answer a write, while the remote answers other requests."""
INTEGRITY_FAILURES = 3
"""Times that a write's bytes may come out wrong."""
DENIED_RETRIES = (60.0, 300.0, 900.0, 900.0, 1440.0)
"""Seconds before each of the quiet tries of a denied write: an hour in all."""
LONGEST = 300.0
"""Seconds of the longest back-off."""
PATIENCE = 3600.0
"""Seconds that we wait at most because a remote asks for it."""


def decide(error: S3Error) -> FailureAction:
    """What follows from this error of the remote store."""
    cause = error.failure
    if isinstance(cause, Unreachable) and cause.reason is Reason.INTERCEPTED:
        # A load balancer's 502 passes; a proxy's 413 and a firewall's 403 are about this write.
        passes = classify(Refusal(cause.status, "")) is FailureClass.TRANSIENT
        return FailureAction.RETRY if passes and cause.status >= 400 else FailureAction.INTERCEPTED
    kind = classify(error)
    if kind is FailureClass.AUTH:
        return FailureAction.PAUSE
    return CODES.get(error.code) or CLASSES[kind]


def back_off(attempts: int, retry_after: float | None, random: float) -> float:
    """Seconds to wait after so many failed attempts: full jitter, but not less than asked for.

    random: from 0.0 to 1.0.
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    asked = min(PATIENCE, retry_after or 0.0)
    return max(random * min(LONGEST, 0.5 * 2.0 ** min(attempts, 30)), asked)


def refusal_of(error: S3Error) -> Refusal | None:
    """What the remote said, if it said anything."""
    cause = error.failure
    return cause.refusal if isinstance(cause, Refused) else None


def is_unreachable(error: S3Error) -> bool:
    """Whether the remote could not be reached, which is what a breaker counts."""
    cause = error.failure
    return isinstance(cause, Unreachable) and cause.reason not in _NOT_UNREACHABLE


def is_denied(error: PushError) -> bool:
    """Whether a write that was parked with this error gets its quiet tries."""
    return classify(Refusal(error.status, error.code)) is FailureClass.DENIED


def is_unknown(error: S3Error) -> bool:
    """Whether the remote may have done what it was asked for although it did not say so."""
    cause = error.failure
    if isinstance(cause, Unreachable):
        return cause.sent
    return isinstance(cause, Refused) and cause.refusal.status in (500, 502, 504)


def told(error: S3Error, now: float, code: str = "") -> PushError:
    """What is kept of a failure, for people; code: a word of ours in the place of the remote's."""
    refusal, cause = refusal_of(error), error.failure
    if isinstance(cause, Unreachable) and cause.reason is Reason.INTERCEPTED:
        return PushError(code or INTERCEPTED, error.message, status=cause.status, at=now)
    if refusal is None:
        return PushError(code or error.code, error.message, at=now)
    code = code or refusal.code or error.code
    message = refusal.message or error.message
    return PushError(code, message, refusal.request_id, refusal.status, now)
