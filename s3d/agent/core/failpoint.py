"""Named points at which a test makes the agent die or fail: S3D_FAILPOINT=name:action.

Actions: kill (SIGKILL, as a power cut), error (an OSError), pause (stop until SIGCONT). Without the
variable a point costs one comparison.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Mapping

from s3d.shared.errors import UsageError


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _error() -> None:
    raise OSError(errno.EIO, "failpoint")


def _pause() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


ACTIONS: Mapping[str, Callable[[], None]] = {"kill": _kill, "error": _error, "pause": _pause}


def parse(text: str) -> tuple[str, Callable[[], None] | None]:
    """The name and the action; empty text arms nothing. Raises UsageError for anything else."""
    if not text:
        return "", None
    name, _, action = text.partition(":")
    if not name or action not in ACTIONS:
        raise UsageError(
            "S3D_FAILPOINT is not understood",
            text,
            f"write NAME:ACTION, one of {', '.join(ACTIONS)}",
        )
    return name, ACTIONS[action]


_NAME, _ACTION = parse(os.environ.get("S3D_FAILPOINT", ""))


def hit(name: str) -> None:
    """Pass the point of this name."""
    if _ACTION is not None and name == _NAME:
        _ACTION()
