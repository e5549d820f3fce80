"""`s3d status` without options, before the modules of the command line are imported.

Prompts and status bars run it every few seconds, and most of its time went into the imports of
click and msgspec. The agent renders the text itself, and this module copies it. In every case that
is not plain it declines, and the full command says what is wrong.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from s3d.cli.client.unix_http import exchange
from s3d.shared.errors import UsageError
from s3d.shared.socket_path import usual_socket

TIMEOUT = 3.0
"""Seconds that a single read or write may take. When an agent hangs, the full command waits longer,
and reports it."""
TEXT = "text/plain"


def print_status(env: Mapping[str, str]) -> bool:
    """Print the status of the running agent; False: the full command has to."""
    text = _status_text(env)
    if text is None or sys.stdout is None:
        return False
    left = text.encode(sys.stdout.encoding, "backslashreplace")
    try:
        while left:
            left = left[os.write(sys.stdout.fileno(), left) :]
    except OSError:  # the full command reports a full disk, and not that a pager has ended
        return False
    return True


def _status_text(env: Mapping[str, str]) -> str | None:
    """The agent's answer; None when there is no agent, or one that answers something else."""
    try:
        socket = usual_socket(env, {})
        if socket is None:
            return None
        request = "GET", "/v1/status"
        with exchange(socket, request, {"Accept": TEXT}, timeout=TIMEOUT) as answer:
            is_text = answer.headers.get("content-type", "").startswith(TEXT)
            return answer.read().decode() if answer.status == 200 and is_text else None
    except (OSError, UsageError, UnicodeError):
        return None
