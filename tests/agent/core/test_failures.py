from __future__ import annotations

import pytest

from s3d.agent.core.failures import (
    FailureClass,
    Reason,
    Refusal,
    Refused,
    Unreachable,
    classify,
)
from s3d.agent.s3.errors import S3Error


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (500, "InternalError", "transient"),
        (500, "", "transient"),
        (502, "", "transient"),
        (503, "SlowDown", "transient"),
        (503, "ServiceUnavailable", "transient"),
        (504, "", "transient"),
        (429, "", "transient"),
        (429, "TooManyRequests", "transient"),
        (408, "", "transient"),
        (400, "RequestTimeout", "transient"),
        (409, "ConditionalRequestConflict", "transient"),
        (409, "OperationAborted", "transient"),
        (307, "TemporaryRedirect", "transient"),
        (301, "PermanentRedirect", "permanent"),
        (302, "", "transient"),
        (403, "RequestTimeTooSkewed", "clock"),
        (403, "RequestExpired", "clock"),
        (400, "ExpiredToken", "auth"),
        (401, "", "auth"),
        (403, "InvalidAccessKeyId", "auth"),
        (403, "SignatureDoesNotMatch", "auth"),
        (400, "InvalidToken", "auth"),
        (403, "AccessDenied", "denied"),
        (403, "", "denied"),
        (403, "SomethingNew", "denied"),
        (400, "InvalidArgument", "permanent"),
        (400, "EntityTooLarge", "permanent"),
        (400, "KeyTooLongError", "permanent"),
        (400, "InvalidTag", "permanent"),
        (403, "QuotaExceeded", "denied"),
        (404, "NoSuchBucket", "permanent"),
        (404, "", "permanent"),
        (405, "MethodNotAllowed", "permanent"),
        (409, "BucketAlreadyExists", "permanent"),
        (412, "PreconditionFailed", "permanent"),
        (501, "NotImplemented", "permanent"),
        (501, "", "permanent"),
    ],
)
def test_class_of_an_answer(status: int, code: str, expected: str) -> None:
    refusal = Refusal(status, code)
    assert classify(refusal) == expected
    error = S3Error("InternalError")
    error.failure = Refused(refusal)
    assert classify(error) == expected, "the remote's own words count, not their translation"


@pytest.mark.parametrize("reason", Reason)
def test_no_answer_is_transient_unless_credentials_are_missing(reason: Reason) -> None:
    cause = Unreachable(reason, "x", sent=True)
    error = S3Error("ServiceUnavailable")
    error.failure = cause
    wanted = FailureClass.AUTH if reason is Reason.CREDENTIALS else FailureClass.TRANSIENT
    assert classify(cause) == classify(error) == wanted


def test_an_error_of_our_own_goes_by_its_code() -> None:
    assert classify(S3Error("SlowDown")) == "transient"
    assert classify(S3Error("BadDigest")) == "permanent"
