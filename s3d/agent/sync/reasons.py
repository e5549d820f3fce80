"""Errors of the system and of the store as sync sees them: the reasons why a path is not synced.

An error that is not clearly about one object means Unavailable: an object never counts as deleted
because the remote is unreachable or denies access.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from s3d.agent.core.failures import FailureClass, classify
from s3d.agent.s3.errors import S3Error
from s3d.agent.sync.interfaces import ConcurrentChange, PathBlocked, Unavailable

PASSING = (FailureClass.TRANSIENT, FailureClass.CLOCK, FailureClass.AUTH)
"""Failures that are about no single object."""
_OTHER = frozenset(
    ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "OperationAborted")
)
_WHOLE = frozenset(("NoSuchBucket", "AllAccessDisabled", "InvalidBucketName"))

_REASONS = {
    errno.ENOSPC: "no space left on the disk",
    errno.EDQUOT: "the disk quota is exceeded",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ENAMETOOLONG: "the name is too long for this file system",
    errno.EROFS: "the disk is read-only",
    errno.EISDIR: "a folder here has this name",
    errno.ENOTEMPTY: "a folder here has this name",
    errno.EILSEQ: "the file system does not allow this name",
    errno.EINVAL: "the file system does not allow this name",
}


@contextmanager
def refusing() -> Iterator[None]:
    """Turn errors of the system into PathBlocked."""
    try:
        yield
    except OSError as error:
        raise PathBlocked(reason_of(error)) from error


def reason_of(error: OSError) -> str:
    """The reason of an error for the user."""
    return _REASONS.get(error.errno or 0, error.strerror or str(error))


@contextmanager
def translate_errors(*, all_or_nothing: bool = False) -> Iterator[None]:
    """Translate errors of the store to those of sync. all_or_nothing: the request is about no
    single object, so that each error means Unavailable."""
    try:
        yield
    except S3Error as error:
        if error.code in _OTHER and not all_or_nothing:
            raise ConcurrentChange from error
        why = f"{error.code}: {error.message}"
        if all_or_nothing or error.code in _WHOLE or classify(error) in PASSING:
            raise Unavailable(why) from error
        raise PathBlocked(why) from error
    except (ConnectionError, TimeoutError) as error:
        raise Unavailable(f"the connection was lost: {error}") from error
