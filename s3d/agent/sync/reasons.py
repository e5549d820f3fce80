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
    """What the system says no to, as the reason why a path is not synced."""
    try:
        yield
    except OSError as error:
        raise PathBlocked(reason_of(error)) from error


def reason_of(error: OSError) -> str:
    """For a person."""
    return _REASONS.get(error.errno or 0, error.strerror or str(error))
