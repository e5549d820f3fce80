"""The errno that a program gets for an error of S3 or of the agent. Pure.

A failure that may pass is EIO and not EAGAIN: programs would repeat the call at once, for ever.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping

from s3d.agent.s3.errors import S3Error

CODES: Mapping[str, int] = {
    "BucketAlreadyExists": errno.EEXIST,
    "BucketAlreadyOwnedByYou": errno.EEXIST,
    "BucketNotEmpty": errno.ENOTEMPTY,
    "EntityTooLarge": errno.EFBIG,
    "InsufficientStorage": errno.ENOSPC,
    # The object is archived, and its bytes have to be restored first.
    "InvalidObjectState": errno.ENODATA,
    "InvalidBucketName": errno.EINVAL,
    "InvalidTag": errno.EINVAL,
    "KeyTooLongError": errno.ENAMETOOLONG,
    "MetadataTooLarge": errno.E2BIG,
    "NotImplemented": errno.ENOTSUP,
    "PreconditionFailed": errno.ESTALE,
}
"""S3's codes that mean more than their status does."""

STATUSES: Mapping[int, int] = {
    400: errno.EINVAL,
    401: errno.EACCES,
    403: errno.EACCES,
    404: errno.ENOENT,
    405: errno.EPERM,
    412: errno.ESTALE,
    501: errno.ENOTSUP,
    507: errno.ENOSPC,
}
"""For the other codes; the rest is EIO."""


def errno_of(error: Exception) -> int:
    """The errno for an exception that a call of the stores has raised."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    if isinstance(error, S3Error):
        if isinstance(error.failure, OSError):
            return error.failure.errno or errno.EIO
        if error.code == "SlowDown" and error.failure is None:
            return errno.ENOSPC  # of the agent itself: the write queue or its disk is full
        return CODES.get(error.code) or STATUSES.get(error.status, errno.EIO)
    return errno.EIO


def is_missing(error: S3Error) -> bool:
    """Whether there is no such object or bucket."""
    return STATUSES.get(error.status) == errno.ENOENT


def os_error(error: Exception) -> OSError:
    """The same as an OSError, whose text says what the store has said."""
    number = errno_of(error)
    return OSError(number, f"{os.strerror(number)}: {error}")


def no_entry(name: str) -> FileNotFoundError:
    """There is no such name."""
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
