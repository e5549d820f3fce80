"""Runs the agent in the background: a child process in a session of its own.

The parent waits until the child is ready, or has failed, so that errors of the start are seen on
the terminal and in the exit code.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

READY = b"1"

Start = Callable[[Callable[[], None]], int]
"""Runs the agent until its end; calls its argument once the agent is ready. The exit code."""


def run_detached(start: Start, crash_log: Path) -> int:
    """Fork; the child runs start(). Returns the exit code of the parent: 0 once it is ready.

    Call it before there are threads. crash_log: gets what the child writes to its standard output
    and error after it is ready, such as the last words of a crash of Python itself.
    """
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        os.close(writer)
        return _wait(child, reader)
    os.close(reader)
    _run_child(start, writer, crash_log)


def _wait(child: int, reader: int) -> int:
    try:
        with open(reader, "rb", buffering=0) as pipe:
            if pipe.read(1) == READY:
                return 0
        _, status = os.waitpid(child, 0)
    except BaseException:  # Ctrl-C before it is ready
        os.kill(child, signal.SIGTERM)
        raise
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _run_child(start: Start, writer: int, crash_log: Path) -> NoReturn:
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)

    def ready() -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        log = os.open(crash_log, flags, 0o600)
        for number in (1, 2):
            os.dup2(log, number)
        os.close(log)
        os.write(writer, READY)
        os.close(writer)

    sys.exit(start(ready))
