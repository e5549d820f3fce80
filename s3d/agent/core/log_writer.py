"""Writes lines to a file in a thread of its own, so that a slow or full disk delays no request."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Event, Thread

from s3d.agent.core.rotating_file import RotatingFile
from s3d.shared.logs import entry_of, json_line

logger = logging.getLogger(__name__)

QUEUE = 10_000
"""Lines that wait for the thread; further ones are lost, and counted."""
RETRY = 10.0
"""Seconds between two attempts to write to a file that could not be written."""
_BATCH = 64 * 1024
"""Bytes of one write, about."""
_REOPEN, _CLOSE = "reopen", "close"
"""Orders to the thread, in the queue between the lines."""
_CLOSE_TIMEOUT = 2.0


class LogWriter:
    """The thread of one file. put() may be called from any thread and never waits.

    When the file cannot be written, lines are lost until it can be written again. `trouble` says so
    meanwhile, and one warning is logged.
    """

    def __init__(
        self,
        file: RotatingFile,
        *,
        retry: float = RETRY,
        delay: float = 0.0,
        on_resume: Callable[[int], bytes] = lambda lost: b"",
    ) -> None:
        """delay: seconds for which lines are collected, where they are many and a kill may cost
        the last ones. on_resume: a line for the file that says how many are missing."""
        self.lost = 0
        """Lines that are in no file, since the start."""
        self._file = file
        self._retry = retry
        self._delay = delay
        self._closing = Event()
        self._on_resume = on_resume
        self._queue: SimpleQueue[bytes | str] = SimpleQueue()
        self._error: OSError | None = None
        self._missing = 0
        """Lines lost since the last that was written."""
        self._next_attempt = 0.0
        self._thread = Thread(target=self._run, name=f"log {file.path.name}", daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> str:
        """Why lines are being lost; "" while they are written."""
        if self._error is None:
            return ""
        cause = self._error.strerror or str(self._error)
        return f"{self._file.path} cannot be written: {cause}"

    def put(self, line: bytes) -> None:
        """line: with its newline."""
        if self._queue.qsize() < QUEUE:
            self._queue.put(line)
        else:
            self._lose(1)

    def reopen(self) -> None:
        """Write later lines to the file that is at the path then: another program has moved the
        old one. It also ends the wait after a failure."""
        self._queue.put(_REOPEN)

    def close(self) -> None:
        """Write the lines that wait; give up after _CLOSE_TIMEOUT seconds."""
        self._closing.set()
        self._queue.put(_CLOSE)
        self._thread.join(_CLOSE_TIMEOUT)

    # ------------------------------------------------------------------ the thread

    def _run(self) -> None:
        end = _REOPEN
        while end != _CLOSE:
            if end == _REOPEN:
                self._file.close()
                self._next_attempt = 0.0
                self._write([])  # opens it, so that a path that cannot be written shows at once
            lines, end = self._take()
            self._write(lines)
        self._file.close()

    def _take(self) -> tuple[list[bytes], str]:
        """Lines that wait, at least one, and the order that follows them, if any."""
        lines: list[bytes] = []
        size = 0
        line = self._queue.get()
        if self._delay:
            self._closing.wait(self._delay)
        while not isinstance(line, str):
            lines.append(line)
            size += len(line)
            if size > _BATCH:
                return lines, ""
            try:
                line = self._queue.get_nowait()
            except Empty:
                return lines, ""
        return lines, line

    def _write(self, lines: list[bytes]) -> None:
        if self._error is not None and time.monotonic() < self._next_attempt:
            self._lose(len(lines))
            return
        note = self._on_resume(self._missing) if self._missing else b""
        try:
            self._file.write(note + b"".join(lines))
        except OSError as error:
            self._lose(len(lines))
            self._suspend(error)
        else:
            self._missing = 0
            self._error = None

    def _suspend(self, error: OSError) -> None:
        is_new = self._error is None
        self._file.close()
        self._error = error
        self._next_attempt = time.monotonic() + self._retry
        if is_new:
            logger.warning("lines are not logged to a file: %s", self.trouble)

    def _lose(self, count: int) -> None:
        self.lost += count
        self._missing += count


class LogFileHandler(logging.Handler):
    """Logs to a file, as one JSON object per line, which `s3d logs` reads."""

    def __init__(self, file: RotatingFile, *, retry: float = RETRY) -> None:
        super().__init__()
        self.writer = LogWriter(file, retry=retry, on_resume=_missing_line)

    def emit(self, record: logging.LogRecord) -> None:
        self.writer.put(_line_of(record))

    def close(self) -> None:
        self.writer.close()
        super().close()


def _line_of(record: logging.LogRecord) -> bytes:
    return json_line(entry_of(record)).encode() + b"\n"


def _missing_line(lost: int) -> bytes:
    message = "lines are missing here, because the file could not be written: %d"
    record = logging.LogRecord(
        __name__, logging.WARNING, os.fspath(__file__), 0, message, (lost,), None
    )
    return _line_of(record)
