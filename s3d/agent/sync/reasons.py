"""The system's errors as the reasons why a path is not synced."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from s3d.agent.sync.interfaces import PathBlocked

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
