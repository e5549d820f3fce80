"""The last lines of the agent's log, which the control API serves."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from itertools import islice
from threading import Lock

from s3d.shared.diagnostics import LogLine
from s3d.shared.logs import entry_of, is_selected, line_of

LINES = 5_000


class LogBuffer(logging.Handler):
    """Keeps the last lines of level info and above, from any thread."""

    def __init__(self, *, lines: int = LINES) -> None:
        super().__init__(logging.INFO)
        self.seq = 0
        self._lines: deque[LogLine] = deque(maxlen=lines)
        self._lock = Lock()
        self.on_line: list[Callable[[], None]] = []
        """Called after each line, in any thread."""

    def emit(self, record: logging.LogRecord) -> None:
        entry = entry_of(record)
        with self._lock:
            self.seq += 1
            self._lines.append(line_of(entry, self.seq))
        for callback in list(self.on_line):
            callback()

    def after(
        self, since: int, limit: int, *, level: str = "info", source: str = ""
    ) -> list[LogLine]:
        """The first lines after a number; after 0, the newest ones. source: prefix of a source."""
        with self._lock:
            lines = list(self._lines)
        chosen = [line for line in lines if line.seq > since and is_selected(line, level, source)]
        return list(islice(chosen, limit)) if since else chosen[-limit:]
