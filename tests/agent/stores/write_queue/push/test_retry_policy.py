from __future__ import annotations

import math

import pytest

from s3d.agent.core.failures import Reason, Refusal, Refused, Unreachable
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.write_queue.push.retry_policy import (
    PARKED_RETRY_DELAYS,
    FailureAction,
    action_for,
    back_off,
    has_unknown_outcome,
    is_unreachable,
    push_error,
)
from tests.agent.stores.write_queue.rig import lost, refusal, unreachable


@pytest.mark.parametrize(
    ("status", "code", "action"),
    [
        (500, "InternalError", FailureAction.RETRY),
        (502, "", FailureAction.RETRY),
        (503, "SlowDown", FailureAction.RETRY),
        (429, "", FailureAction.RETRY),
        (400, "RequestTimeout", FailureAction.RETRY),
        (409, "OperationAborted", FailureAction.RETRY),
        (400, "IncompleteBody", FailureAction.RETRY),
        (403, "RequestTimeTooSkewed", FailureAction.RETRY),
        (400, "ExpiredToken", FailureAction.PAUSE),
        (403, "InvalidAccessKeyId", FailureAction.PAUSE),
        (403, "SignatureDoesNotMatch", FailureAction.PAUSE),
        (401, "", FailureAction.PAUSE),
        (403, "AccessDenied", FailureAction.DENY),
        (404, "NoSuchBucket", FailureAction.NO_BUCKET),
        (404, "NoSuchUpload", FailureAction.RESTART),
        (400, "InvalidPart", FailureAction.INTEGRITY),
        (400, "BadDigest", FailureAction.INTEGRITY),
        (400, "InvalidArgument", FailureAction.PARK),
        (405, "MethodNotAllowed", FailureAction.PARK),
        (412, "PreconditionFailed", FailureAction.PARK),
        (400, "EntityTooLarge", FailureAction.PARK),
        (400, "KeyTooLongError", FailureAction.PARK),
        (400, "InvalidTag", FailureAction.PARK),
        (403, "QuotaExceeded", FailureAction.DENY),
        (501, "NotImplemented", FailureAction.PARK),
    ],
)
def test_what_follows_from_an_answer(status: int, code: str, action: FailureAction) -> None:
    assert action_for(refusal(status, code)()) is action


@pytest.mark.parametrize(
    "reason", [each for each in Reason if each not in (Reason.CREDENTIALS, Reason.INTERCEPTED)]
)
def test_without_an_answer_it_is_tried_again(reason: Reason) -> None:
    assert action_for(unreachable(reason)()) is FailureAction.RETRY


@pytest.mark.finding("F3")
@pytest.mark.parametrize(
    ("status", "action"),
    [
        (200, FailureAction.INTERCEPTED),
        (302, FailureAction.INTERCEPTED),
        (403, FailureAction.INTERCEPTED),
        (404, FailureAction.INTERCEPTED),
        (413, FailureAction.INTERCEPTED),
        (429, FailureAction.RETRY),
        (502, FailureAction.RETRY),
    ],
)
def test_an_answer_of_another_server_counts_against_its_write_alone(
    status: int, action: FailureAction
) -> None:
    error = S3Error("ServiceUnavailable", "an HTML page titled 'Blocked'")
    error.failure = Unreachable(Reason.INTERCEPTED, "page", sent=True, status=status)
    assert action_for(error) is action
    assert not is_unreachable(error)
    kept = push_error(error, 1.0)
    assert (kept.code, kept.status, kept.message) == ("Intercepted", status, error.message)


def test_without_credentials_everything_waits() -> None:
    error = unreachable(Reason.CREDENTIALS)()
    assert action_for(error) is FailureAction.PAUSE
    assert not is_unreachable(error)


def test_a_refusal_that_taught_us_better_is_tried_again() -> None:
    error = S3Error("ServiceUnavailable", "has the bucket in another region")
    error.failure = Refused(Refusal(301, "PermanentRedirect"))
    assert action_for(error) is FailureAction.RETRY


def test_only_what_may_have_reached_the_remote_is_in_doubt() -> None:
    assert has_unknown_outcome(lost())
    assert has_unknown_outcome(refusal(500, "InternalError")())
    assert not has_unknown_outcome(unreachable()())
    assert not has_unknown_outcome(refusal(503, "SlowDown")())
    assert not has_unknown_outcome(S3Error("BadDigest"))


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
    assert (len(PARKED_RETRY_DELAYS), sum(PARKED_RETRY_DELAYS)) == (5, 3600)


def test_what_is_kept_of_a_failure() -> None:
    error = push_error(refusal(403, "AccessDenied")(), 9.0)
    assert (error.code, error.request_id, error.status, error.at) == (
        "AccessDenied",
        "REQUEST1",
        403,
        9.0,
    )
    ours = push_error(S3Error("BadDigest"), 9.0, "integrity")
    assert (ours.code, ours.status) == ("integrity", 0)


def test_the_page_of_a_firewall_stays_when_the_next_refusal_has_none() -> None:
    def intercepted(status: int, *, has_document: bool) -> S3Error:
        error = S3Error("ServiceUnavailable", f"{status}, {has_document=}")
        error.failure = Unreachable(
            Reason.INTERCEPTED, "", sent=True, status=status, has_document=has_document
        )
        return error

    page = push_error(intercepted(403, has_document=True), 1.0)
    after_head = push_error(intercepted(403, has_document=False), 2.0, previous=page)
    assert (after_head.message, after_head.at) == (page.message, 2.0)
    other = push_error(intercepted(413, has_document=False), 3.0, previous=page)
    assert other.message == "413, has_document=False"
    newer = push_error(intercepted(403, has_document=True), 4.0, previous=other)
    assert newer.message == page.message
