"""errors: the table and the exception."""

from __future__ import annotations

import pytest

from s3d.agent.s3.errors import ERRORS, S3Error


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AccessDenied", 403),
        ("BucketNotEmpty", 409),
        ("ConditionalRequestConflict", 409),
        ("EntityTooLarge", 400),
        ("InvalidRange", 416),
        ("MalformedXML", 400),
        ("MethodNotAllowed", 405),
        ("MissingContentLength", 411),
        ("NoSuchUpload", 404),
        ("NotImplemented", 501),
        ("NotModified", 304),
        ("PreconditionFailed", 412),
        ("SignatureDoesNotMatch", 403),
        ("SlowDown", 503),
    ],
)
def test_a_code_has_the_status_that_aws_gives_it(code: str, status: int) -> None:
    assert S3Error(code).status == status


def test_every_code_has_an_error_status_and_a_message() -> None:
    for code, (status, message) in ERRORS.items():
        assert 300 <= status < 600, code
        assert message, code


def test_a_message_of_ones_own_replaces_that_of_the_table() -> None:
    assert S3Error("NoSuchKey").message == "The specified key does not exist."
    error = S3Error("NoSuchKey", "gone", Key="k")
    assert (error.message, error.detail, str(error)) == ("gone", {"Key": "k"}, "NoSuchKey: gone")


def test_an_unknown_code_is_an_internal_error() -> None:
    error = S3Error("Oddity")
    assert (error.status, error.message) == (500, "Oddity")


def test_the_failure_of_an_error_is_what_it_was_translated_from():
    error, cause = S3Error("ServiceUnavailable"), OSError("disk")
    assert error.failure is None
    error.failure = cause
    assert error.failure is cause is error.__cause__
    with pytest.raises(S3Error) as caught:
        raise S3Error("SlowDown") from cause
    assert caught.value.failure is cause
