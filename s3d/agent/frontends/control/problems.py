"""Errors as responses of the control API: the one place where an exception becomes a Problem.

Handlers let exceptions through: respond() in control_call.py passes each one to problem_response().
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

import msgspec
from aiohttp import web

from s3d.agent.core.failures import Refused, Unreachable
from s3d.agent.s3.errors import S3Error
from s3d.agent.storage.disk import is_disk_full
from s3d.agent.stores.write_queue.journal.pending_write import NewerWritePending
from s3d.agent.sync.interfaces import PathBlocked, RootGone, Unavailable
from s3d.agent.sync.mass_deletion import ApprovalNeeded
from s3d.shared import control
from s3d.shared.control import Problem
from s3d.shared.errors import S3dError

logger = logging.getLogger(__name__)

HINTS: Mapping[str, str] = {
    "NoSuchBucket": "list the buckets with: s3d ls",
    "NoSuchKey": "list the keys of a bucket with: s3d ls -r BUCKET",
    "BucketNotEmpty": "remove its objects and their versions first: s3d rb --force",
    "InvalidBucketName": "3 to 63 lower-case letters, digits, dots and hyphens",
    "SlowDown": "free some space on the disk, or let the write queue drain: s3d drain",
    "InternalError": "see the agent's log",
}
"""Error code -> what to do."""

_AWAY = "s3d doctor finds out why; what is cached or pending can be used meanwhile"

_DOMAIN_ERRORS: tuple[tuple[type[Exception], int, str, str], ...] = (
    (Unavailable, 503, "ServiceUnavailable", _AWAY),
    (RootGone, 409, control.WRONG_STATE, ""),
    (ApprovalNeeded, 409, control.WRONG_STATE,
     "see s3d sync plan; then run s3d sync approve or s3d sync restore"),
    (PathBlocked, 409, control.WRONG_STATE, ""),
    (NewerWritePending, 409, control.WRONG_STATE,
     "push or discard the write first; s3d queue ls lists it"),
)  # fmt: skip
"""Exception of sync or the queue -> status, code and hint; its text is the title."""


class ControlError(Exception):
    """An error that only the control API has: S3 has no code for it."""

    def __init__(self, status: int, code: str, title: str, hint: str = "") -> None:
        self.status = status
        self.problem = Problem(code, title, hint=hint, retryable=status >= 500)
        super().__init__(title)


def problem_response(
    error: Exception, *, bucket: str = "", path: str = "", request_id: str = ""
) -> web.Response:
    """The error response for whatever a handler raised; an exception that is a bug is logged.

    bucket: the one that the request names, for the detail. path, request_id: for the log.
    """
    status, problem = _problem_of(error, bucket)
    if problem is None:
        logger.error("control call failed path=%s request_id=%s", path, request_id, exc_info=error)
        problem = Problem(
            "InternalError", "internal error of the agent", hint=HINTS["InternalError"]
        )
    problem = msgspec.structs.replace(problem, request_id=request_id)
    return web.Response(
        body=control.encode(problem),
        status=status,
        content_type=control.PROBLEM_JSON,
        headers={
            control.PROBLEM_HEADER: control.encode_ascii(problem),
            **({control.REQUEST_ID_HEADER: request_id} if request_id else {}),
        },
    )


def _problem_of(error: Exception, bucket: str) -> tuple[int, Problem | None]:
    """HTTP status and Problem; None for an unexpected exception."""
    if isinstance(error, ControlError):
        return error.status, error.problem
    if isinstance(error, S3Error):
        return error.status, _of_s3_error(error, bucket)
    if isinstance(error, S3dError):
        return 400, Problem("InvalidRequest", error.title, error.detail, error.remedy)
    if isinstance(error, web.HTTPMethodNotAllowed):
        methods = ", ".join(sorted(error.allowed_methods))
        return 405, Problem(
            "MethodNotAllowed", "this path does not support the method", hint=methods
        )
    if isinstance(error, web.HTTPException):
        hint = "see docs/control-api.md"
        return error.status, Problem(control.NO_SUCH_ROUTE, "no such path", hint=hint)
    for kind, status, code, hint in _DOMAIN_ERRORS:
        if isinstance(error, kind):
            title = str(error) or "the folder has been removed"
            return status, Problem(code, title, hint=hint, retryable=status >= 500)
    return 500, None


def _of_s3_error(error: S3Error, bucket: str) -> Problem:
    title = error.message.rstrip(".")
    hint = HINTS.get(error.code, "")
    if error.status >= 500 and isinstance(error.failure, Refused):  # an error of the remote's
        hint = "the remote returned this error; see s3d status"
    elif isinstance(error.failure, Unreachable):
        hint = _AWAY
    elif is_disk_full(error):
        hint = "free some space on that disk, or set S3D_LOCAL_DIR to a folder on another disk"
    return Problem(error.code, title, _detail(error, bucket), hint, error.status >= 500)


def _detail(error: S3Error, bucket: str) -> str:
    """The bucket or BUCKET/KEY of the error, followed by its other details."""
    more = dict(error.detail)
    subject = [str(more.pop("BucketName"))] if "BucketName" in more else []
    if bucket and "Key" in more:
        subject = [f"{bucket}/{more.pop('Key')}"]
    return ", ".join([*subject, *(f"{name}: {value}" for name, value in more.items())])
