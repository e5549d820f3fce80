"""Errors for people: what failed, on what, why, and what to do; and the exit codes.

S3dError                     1  something asked for was not done
|-- UsageError               2  bad usage or configuration
|-- NotFoundError            3
|-- DeniedError              4
|-- NotRunningError          5  no agent answers on the socket
|-- PendingError             6  writes are not drained
|-- FullError                7  quota or disk full
|-- UnavailableError         1  the remote cannot be reached
`-- AlreadyRunningError     75  another agent has the lock
"""

from __future__ import annotations


class S3dError(Exception):
    """An error for people. title: what failed, no trailing full stop; remedy: what to do."""

    exit_code = 1

    def __init__(self, title: str, detail: str = "", remedy: str = "") -> None:
        self.title = title
        self.detail = detail
        self.remedy = remedy
        super().__init__(": ".join(part for part in (title, detail) if part))


class UsageError(S3dError):
    """Bad usage or configuration; also no terminal, or a data folder of a newer version."""

    exit_code = 2


class NotFoundError(S3dError):
    """A bucket, key or file that is not there."""

    exit_code = 3


class DeniedError(S3dError):
    """Refused by a permission."""

    exit_code = 4


class NotRunningError(S3dError):
    """No agent answers on the socket."""

    exit_code = 5


class PendingError(S3dError):
    """Writes are still on their way to the remote."""

    exit_code = 6


class FullError(S3dError):
    """A quota or a disk is full."""

    exit_code = 7


class UnavailableError(S3dError):
    """The remote cannot be reached now, so what was asked for is not known."""


class AlreadyRunningError(S3dError):
    """Another agent has the lock."""

    exit_code = 75
