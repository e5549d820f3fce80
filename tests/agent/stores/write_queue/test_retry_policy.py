from __future__ import annotations

import math

import pytest

from s3d.agent.core.failures import Reason, Refusal, Refused, Unreachable
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.write_queue.retry_policy import (
    QUIET,
    Verdict,
    back_off,
    decide,
    is_missed,
    is_unknown,
    told,
)
from tests.agent.stores.write_queue.rig import lost, refusal, unreachable


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (500, "InternalError", Verdict.RETRY),
        (502, "", Verdict.RETRY),
        (503, "SlowDown", Verdict.RETRY),
        (429, "", Verdict.RETRY),
        (400, "RequestTimeout", Verdict.RETRY),
        (409, "OperationAborted", Verdict.RETRY),
        (400, "IncompleteBody", Verdict.RETRY),
        (403, "RequestTimeTooSkewed", Verdict.RETRY),
        (400, "ExpiredToken", Verdict.PAUSE),
        (403, "InvalidAccessKeyId", Verdict.PAUSE),
        (403, "SignatureDoesNotMatch", Verdict.PAUSE),
        (401, "", Verdict.PAUSE),
        (403, "AccessDenied", Verdict.DENY),
        (404, "NoSuchBucket", Verdict.NO_BUCKET),
        (404, "NoSuchUpload", Verdict.RESTART),
        (400, "InvalidPart", Verdict.PROVE),
        (400, "BadDigest", Verdict.PROVE),
        (400, "InvalidArgument", Verdict.PARK),
        (405, "MethodNotAllowed", Verdict.PARK),
        (412, "PreconditionFailed", Verdict.PARK),
        (400, "EntityTooLarge", Verdict.PARK),
        (400, "KeyTooLongError", Verdict.PARK),
        (400, "InvalidTag", Verdict.PARK),
        (403, "QuotaExceeded", Verdict.DENY),
        (501, "NotImplemented", Verdict.PARK),
    ],
)
def test_what_follows_from_an_answer(status: int, code: str, verdict: Verdict) -> None:
    assert decide(refusal(status, code)()) is verdict


@pytest.mark.parametrize(
    "reason", [each for each in Reason if each not in (Reason.CREDENTIALS, Reason.INTERCEPTED)]
)
def test_without_an_answer_it_is_tried_again(reason: Reason) -> None:
    assert decide(unreachable(reason)()) is Verdict.RETRY


@pytest.mark.finding("F3")
@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.INTERCEPTED),
        (302, Verdict.INTERCEPTED),
        (403, Verdict.INTERCEPTED),
        (404, Verdict.INTERCEPTED),
        (413, Verdict.INTERCEPTED),
        (429, Verdict.RETRY),
        (502, Verdict.RETRY),
    ],
)
def test_an_answer_of_another_server_counts_against_its_write_alone(
    status: int, verdict: Verdict
) -> None:
    error = S3Error("ServiceUnavailable", "an HTML page titled 'Blocked'")
    error.__cause__ = Unreachable(Reason.INTERCEPTED, "page", sent=True, status=status)
    assert decide(error) is verdict
    assert not is_missed(error)
    kept = told(error, 1.0)
    assert (kept.code, kept.status, kept.message) == ("Intercepted", status, error.message)


def test_without_credentials_everything_waits() -> None:
    error = unreachable(Reason.CREDENTIALS)()
    assert decide(error) is Verdict.PAUSE
    assert not is_missed(error)


def test_a_refusal_that_taught_us_better_is_tried_again() -> None:
    error = S3Error("ServiceUnavailable", "has the bucket in another region")
    error.__cause__ = Refused(Refusal(301, "PermanentRedirect"))
    assert decide(error) is Verdict.RETRY


def test_only_what_may_have_reached_the_remote_is_in_doubt() -> None:
    assert is_unknown(lost())
    assert is_unknown(refusal(500, "InternalError")())
    assert not is_unknown(unreachable()())
    assert not is_unknown(refusal(503, "SlowDown")())
    assert not is_unknown(S3Error("BadDigest"))


@pytest.mark.parametrize(
    ("attempts", "retry_after", "random", "wait"),
    [
        (0, None, 1.0, 0.5),
        (3, None, 1.0, 4.0),
        (3, None, 0.25, 1.0),
        (99, None, 1.0, 300.0),
        (0, 7.0, 1.0, 7.0),
        (9, 7.0, 1.0, 256.0),
        (0, math.inf, 1.0, 3600.0),
    ],
)
def test_back_off(attempts: int, retry_after: float | None, random: float, wait: float) -> None:
    assert back_off(attempts, retry_after, random) == wait


def test_the_quiet_tries_take_an_hour() -> None:
    assert (len(QUIET), sum(QUIET)) == (5, 3600)


def test_what_is_kept_of_a_failure() -> None:
    error = told(refusal(403, "AccessDenied")(), 9.0)
    assert (error.code, error.request_id, error.status, error.at) == (
        "AccessDenied",
        "REQUEST1",
        403,
        9.0,
    )
    ours = told(S3Error("BadDigest"), 9.0, "integrity")
    assert (ours.code, ours.status) == ("integrity", 0)
