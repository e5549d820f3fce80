import errno
import os

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.sync.interfaces import ConcurrentChange, PathBlocked, Unavailable
from s3d.agent.sync.reasons import reason_of, refusing, translate_errors


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "no space left on the disk"),
        (errno.EACCES, "permission denied"),
        (errno.ENAMETOOLONG, "the name is too long for this file system"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
def test_an_error_of_the_system_is_a_reason(number, reason):
    error = OSError(number, os.strerror(number))
    assert reason_of(error) == reason
    with pytest.raises(PathBlocked, match=reason), refusing():
        raise error


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (S3Error("PreconditionFailed"), ConcurrentChange),
        (S3Error("NoSuchKey"), ConcurrentChange),
        (S3Error("NoSuchBucket"), Unavailable),
        (S3Error("SlowDown"), Unavailable),
        (S3Error("InvalidAccessKeyId"), Unavailable),
        (S3Error("AccessDenied"), PathBlocked),
        (S3Error("EntityTooLarge"), PathBlocked),
        (ConnectionError("lost"), Unavailable),
        (TimeoutError(), Unavailable),
    ],
)
def test_an_error_of_the_store(error, meaning):
    with pytest.raises(meaning), translate_errors():
        raise error


@pytest.mark.parametrize("code", ["NoSuchKey", "AccessDenied", "PreconditionFailed"])
def test_an_error_about_no_single_object_is_about_all(code):
    with pytest.raises(Unavailable), translate_errors(all_or_nothing=True):
        raise S3Error(code)
