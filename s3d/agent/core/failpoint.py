"""Named points at which tests make the agent crash or fail: S3D_FAILPOINT=name:action.

Actions: kill (SIGKILL, like a crash), error (an OSError), pause (SIGSTOP, until SIGCONT). Without
the variable a point costs one comparison.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Mapping

from s3d.shared.errors import UsageError

VARIABLE = "S3D_FAILPOINT"


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _error() -> None:
    raise OSError(errno.EIO, "failpoint")


def _pause() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


ACTIONS: Mapping[str, Callable[[], None]] = {"kill": _kill, "error": _error, "pause": _pause}


def parse(text: str) -> tuple[str, Callable[[], None] | None]:
    """The name and the action; no action for empty text. Raises UsageError."""
    if not text:
        return "", None
    name, _, action = text.partition(":")
    if not name or action not in ACTIONS:
        raise UsageError(
            f"{VARIABLE} is not valid",
            text,
            f"write NAME:ACTION, one of {', '.join(ACTIONS)}",
        )
    return name, ACTIONS[action]


_NAME, _ACTION = parse(os.environ.get(VARIABLE, ""))


def hit(name: str) -> None:
    """Carry out the action if the point of this name is armed."""
    if _ACTION is not None and name == _NAME:
        _ACTION()
