"""The table from errors of S3 to errnos."""

from __future__ import annotations

import errno

import pytest

from s3d.agent.core.failures import Reason, Refusal, Refused, Unreachable
from s3d.agent.frontends.fuse.errnos import CODES, errno_of, is_missing, os_error
from s3d.agent.s3.errors import ERRORS, S3Error


def caused(error: S3Error, failure: BaseException) -> S3Error:
    error.failure = failure
    return error


UNREACHABLE = Unreachable(Reason.CONNECT, "refused", sent=False)


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (S3Error("AccessDenied"), errno.EACCES),
        (S3Error("NoSuchKey"), errno.ENOENT),
        (S3Error("NoSuchBucket"), errno.ENOENT),
        (S3Error("PreconditionFailed"), errno.ESTALE),
        (S3Error("InvalidObjectState"), errno.ENODATA),
        (S3Error("BucketNotEmpty"), errno.ENOTEMPTY),
        (S3Error("KeyTooLongError"), errno.ENAMETOOLONG),
        (S3Error("NotImplemented"), errno.ENOTSUP),
        (S3Error("InternalError"), errno.EIO),
        (S3Error("SlowDown", "The write queue of s3d is full."), errno.ENOSPC),
        (caused(S3Error("SlowDown"), Refused(Refusal(503, "SlowDown"))), errno.EIO),
        (caused(S3Error("SlowDown"), OSError(errno.ENOSPC, "full")), errno.ENOSPC),
        (caused(S3Error("ServiceUnavailable"), UNREACHABLE), errno.EIO),
        (OSError(errno.EMFILE, "too many"), errno.EMFILE),
        (TimeoutError(), errno.EIO),
        (ValueError("a bug"), errno.EIO),
    ],
)
def test_the_errno_of_an_error(error: Exception, number: int) -> None:
    assert errno_of(error) == number
    assert os_error(error).errno == number


def test_the_table_has_codes_of_s3_only() -> None:
    assert CODES.keys() <= ERRORS.keys()


def test_the_text_says_what_the_store_has_said() -> None:
    error = os_error(S3Error("AccessDenied", "The key may read only."))
    assert str(error).endswith("Permission denied: AccessDenied: The key may read only.")


def test_what_is_missing() -> None:
    assert is_missing(S3Error("NoSuchKey"))
    assert is_missing(S3Error("NoSuchBucket"))
    assert not is_missing(S3Error("AccessDenied"))
