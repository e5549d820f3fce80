from __future__ import annotations

import pytest

from s3d.agent.core.failures import (
    FailureClass,
    Reason,
    Refusal,
    Refused,
    Unreachable,
    classify,
    is_remote_failing,
)
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.model import operations
from s3d.agent.stores.remote.error_mapping import (
    error_elements,
    is_refusal,
    read_refusal,
    refused,
    retryable_redirect,
    server_time,
    unreachable,
)

DELETE = operations()["DeleteObject"]
GET = operations()["GetObject"]
LIST = operations()["ListObjectsV2"]
DOCUMENT = (
    b'<?xml version="1.0"?>\n<Error xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<Code>InvalidRange</Code><Message>no &amp; no</Message><ActualObjectSize>5</ActualObjectSize>"
    b"<RequestId>R1</RequestId><Deep><Code>other</Code></Deep></Error>"
)


def test_an_error_document_is_read() -> None:
    refusal = read_refusal(416, {"retry-after": "7"}, DOCUMENT)
    assert refusal == Refusal(416, "InvalidRange", "no & no", "R1", 7.0)


def test_without_a_document_the_headers_count() -> None:
    refusal = read_refusal(404, {"x-amz-request-id": "R2", "retry-after": "tomorrow"}, b"")
    assert refusal == Refusal(404, "", "", "R2", None)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html><Code>x</Code></html>",
        b"<Error><Code>x</Cod",
        b"not XML",
        b"\x1f\x8b\x08",
        b'<!DOCTYPE Error [<!ENTITY a "b">]><Error><Code>&a;</Code></Error>',
    ],
)
def test_anything_else_says_nothing(document: bytes) -> None:
    assert error_elements(document) == {}
    assert read_refusal(500, {}, document) == Refusal(500, "")


@pytest.mark.finding("D16")
@pytest.mark.parametrize(
    ("refusal", "code", "message"),
    [
        (Refusal(500, "InternalError", "oops"), "InternalError",
         "The remote returned HTTP 500 InternalError: oops"),
        (Refusal(500, ""), "InternalError", "The remote returned HTTP 500."),
        (Refusal(503, "SlowDown"), "SlowDown", "The remote returned HTTP 503 SlowDown."),
        (Refusal(502, "Odd", "x"), "InternalError", "The remote returned HTTP 502 Odd: x"),
        (Refusal(404, "NoSuchKey", "none"), "NoSuchKey", "none"),
    ],
)  # fmt: skip
def test_an_error_of_the_remote_names_the_remote(refusal: Refusal, code: str, message: str) -> None:
    error = refused(GET, refusal)
    assert (error.code, error.message) == (code, message)
    assert is_remote_failing(error) == (refusal.status >= 500)


def test_a_refusal_keeps_its_code_message_details_and_cause() -> None:
    refusal = read_refusal(416, {}, DOCUMENT)
    error = refused(GET, refusal, error_elements(DOCUMENT))
    assert (error.code, error.message, error.status) == ("InvalidRange", "no & no", 416)
    assert error.detail["ActualObjectSize"] == "5"
    assert "RequestId" not in error.detail
    assert isinstance(error.failure, Refused)
    assert error.failure.refusal is refusal


@pytest.mark.parametrize(
    ("op", "status", "code"),
    [
        (GET, 404, "NoSuchKey"),
        (LIST, 404, "NoSuchBucket"),
        (GET, 403, "AccessDenied"),
        (GET, 412, "PreconditionFailed"),
        (GET, 416, "InvalidRange"),
        (GET, 429, "SlowDown"),
        (GET, 418, "InvalidRequest"),
        (GET, 599, "InternalError"),
    ],
)
def test_a_status_alone_has_a_code(op: object, status: int, code: str) -> None:
    assert refused(op, Refusal(status, "")).code == code  # type: ignore[arg-type]


def test_an_unknown_code_keeps_its_name_in_the_message_and_its_class() -> None:
    error = refused(GET, Refusal(403, "XMinioQuota", "full"))
    assert (error.code, error.message) == ("AccessDenied", "XMinioQuota: full")
    assert classify(error) == "denied"


def test_that_our_own_key_is_bad_is_not_the_clients_fault() -> None:
    error = refused(GET, Refusal(403, "InvalidAccessKeyId", "who are you"))
    assert (error.code, error.status) == ("ServiceUnavailable", 503)
    assert "InvalidAccessKeyId" in error.message
    assert classify(error) == "auth"


@pytest.mark.parametrize("reason", Reason)
def test_no_answer_is_503_with_the_reason_in_words(reason: Reason) -> None:
    cause = Unreachable(reason, "detail", sent=False)
    error = unreachable("https://s3.example.org", cause)
    assert (error.code, error.status) == ("ServiceUnavailable", 503)
    assert "https://s3.example.org" in error.message
    assert error.failure is cause


def test_what_was_learnt_asks_for_another_try() -> None:
    error = retryable_redirect("aws", "has bucket b in region r", Refusal(301, "PermanentRedirect"))
    assert isinstance(error, S3Error)
    assert (error.status, "region r" in error.message) == (503, True)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_an_answer_that_leads_away_is_a_refusal_for_now(status: int) -> None:
    assert is_refusal(status)
    error = refused(DELETE, read_refusal(status, {"location": "http://login/"}, b"<html/>"))
    assert (error.code, classify(error)) == ("ServiceUnavailable", FailureClass.TRANSIENT)


@pytest.mark.parametrize("status", [200, 204, 206, 304])
def test_what_is_no_refusal(status: int) -> None:
    assert not is_refusal(status)


@pytest.mark.parametrize("text", ["1e400", "nan", "-inf"])
def test_no_remote_makes_us_wait_for_ever(text: str) -> None:
    assert read_refusal(503, {"retry-after": text}, b"").retry_after is None


def test_the_remotes_time() -> None:
    assert server_time({"date": "Thu, 01 Jan 1970 00:01:00 GMT"}) == 60.0
    assert server_time({"date": "now"}) is None
    assert server_time({"date": "Fri, 31 Dec 9999 23:59:59 GMT"}) is None
    assert server_time({}) is None
