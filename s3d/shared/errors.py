"""Errors for users: what failed, why, and what to do; and the exit codes.

S3dError                     1  the command failed
|-- UsageError               2  bad usage or configuration
|-- NotFoundError            3
|-- DeniedError              4
|-- NotRunningError          5  no agent answers on the socket
|-- PendingError             6  writes or transfers are pending, or a folder is not in sync
|-- FullError                7  quota or disk full
|-- UnavailableError         1  the remote cannot be reached, and nothing is left to the agent
`-- AlreadyRunningError     75  another agent has the lock
"""

from __future__ import annotations

EXIT_CODES = {
    0: "Success.",
    1: "The command failed; also: the remote cannot be reached, and nothing goes on by itself.",
    2: "Wrong usage or configuration; or a question that needs a terminal.",
    3: "A bucket, key or file does not exist.",
    4: "Permission denied.",
    5: "No agent runs.",
    6: "Writes or transfers are pending, with which the agent goes on, or a folder is not in sync.",
    7: "The disk or a quota is full.",
    75: "Another agent runs already.",
    130: "Interrupted.",
}
"""Of all commands, for people."""


class S3dError(Exception):
    """An error for users. title: what failed, without a full stop; remedy: what to do."""

    exit_code = 1

    def __init__(self, title: str, detail: str = "", remedy: str = "") -> None:
        self.title = title
        self.detail = detail
        self.remedy = remedy
        super().__init__(": ".join(part for part in (title, detail) if part))


class UsageError(S3dError):
    """Wrong usage or configuration; also no terminal, or a data folder of a newer version."""

    exit_code = 2


class NotFoundError(S3dError):
    """A bucket, key or file does not exist."""

    exit_code = 3


class DeniedError(S3dError):
    """Permission denied."""

    exit_code = 4


class NotRunningError(S3dError):
    """No agent answers on the socket."""

    exit_code = 5


class PendingError(S3dError):
    """Writes or transfers are pending, with which the agent goes on by itself, or a sync folder is
    not in sync."""

    exit_code = 6


class FullError(S3dError):
    """A quota or a disk is full."""

    exit_code = 7


class UnavailableError(S3dError):
    """The remote is unreachable, so the answer is unknown."""


class AlreadyRunningError(S3dError):
    """Another agent has the lock."""

    exit_code = 75
