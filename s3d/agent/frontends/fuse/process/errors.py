"""The exceptions that a call may raise in the other process, as values and back.

Only what callers tell apart is kept: an S3Error with the failure that it was translated from, an
OSError with its errno, an S3dError for the user with its remedy, a time-out, and an early end of a
file. Anything else is a bug, which is logged where it happened.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import msgspec

from s3d.agent.core.failures import Reason, Refusal, Refused, Unreachable
from s3d.agent.frontends.fuse.kernel.fusermount import MountFailed
from s3d.agent.s3.errors import S3Error
from s3d.shared.errors import NotFoundError, S3dError, UsageError

logger = logging.getLogger(__name__)

Encoded = Mapping[str, Any]

_FOR_USERS = (MountFailed, UsageError, NotFoundError, S3dError)
"""The most special class comes first."""


def encode_error(error: BaseException) -> Encoded:
    """What decode_error() makes an equal exception of."""
    encoded = _encode(error)
    if "other" in encoded:
        logger.error("a call of the mounts failed", exc_info=error)
    return encoded


def _encode(error: BaseException) -> Encoded:
    match error:
        case S3Error():
            cause = error.failure
            return {
                "s3": [error.code, error.message, error.detail],
                "failure": None if cause is None else _encode(cause),
            }
        case Unreachable():
            values = [error.reason, error.detail, error.sent, error.status, error.has_document]
            return {"unreachable": values}
        case Refused():
            return {"refused": msgspec.to_builtins(error.refusal)}
        case S3dError():
            number = next(n for n, each in enumerate(_FOR_USERS) if isinstance(error, each))
            return {"user": [number, error.title, error.detail, error.remedy]}
        case EOFError():
            return {"eof": str(error)}
        case TimeoutError(errno=None):
            return {"timeout": str(error)}
        case OSError():
            return {"os": [error.errno, error.strerror or str(error)]}
        case _:
            return {"other": f"{type(error).__name__}: {error}"}


def decode_error(encoded: Encoded) -> Exception:
    """The exception that encode_error() was given, or one that callers treat in the same way."""
    match encoded:
        case {"s3": [code, message, detail], "failure": failure}:
            error = S3Error(code, message, **detail)
            error.failure = None if failure is None else decode_error(failure)
            return error
        case {"unreachable": [reason, detail, sent, status, has_document]}:
            return Unreachable(
                Reason(reason), detail, sent=sent, status=status, has_document=has_document
            )
        case {"refused": refusal}:
            return Refused(Refusal(**refusal))
        case {"user": [number, title, detail, remedy]}:
            return _of_user(_FOR_USERS[number], title, detail, remedy)
        case {"timeout": text}:
            return TimeoutError(text)
        case {"eof": text}:
            return EOFError(text)
        case {"os": [number, text]}:
            return OSError(text) if number is None else OSError(number, text)
        case {"other": text}:
            return RuntimeError(text)
        case _:
            raise ValueError(f"no encoded exception: {encoded}")


def _of_user(kind: type[S3dError], title: str, detail: str, remedy: str) -> S3dError:
    return kind(title, detail, remedy)
