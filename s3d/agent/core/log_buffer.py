"""The last lines of the agent's log, for those who come later."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from threading import Lock

from s3d.shared.config.values import Secret
from s3d.shared.diagnostics import LogLine
from s3d.shared.logs import mask

LINES = 5_000
LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
OWN = "s3d.agent."
"""What the names of our loggers begin with, and their sources do not."""


class LogBuffer(logging.Handler):
    """Keeps lines of level info and above, from any thread, without secrets."""

    def __init__(self, secrets: Iterable[Secret] = (), *, lines: int = LINES) -> None:
        super().__init__(logging.INFO)
        self.seq = 0
        self._lines: deque[LogLine] = deque(maxlen=lines)
        self._secrets = tuple(secret.reveal() for secret in secrets if secret.reveal())
        self._turn = Lock()
        self.on_line: list[Callable[[], None]] = []
        """Called after each line, in any thread."""

    def emit(self, record: logging.LogRecord) -> None:
        message = mask(record.getMessage(), self._secrets)
        if record.exc_info and record.exc_info[1] is not None:
            message += f": {mask(repr(record.exc_info[1]), self._secrets)}"
        level = "error" if record.levelno >= logging.ERROR else record.levelname.lower()
        with self._turn:
            self.seq += 1
            source = record.name.removeprefix(OWN)
            self._lines.append(LogLine(self.seq, record.created, level, source, message))
        for told in list(self.on_line):
            told()

    def after(
        self, since: int, limit: int, *, level: str = "info", source: str = ""
    ) -> list[LogLine]:
        """The first lines behind a number; from 0, the last of all. source: how it begins."""
        with self._turn:
            lines = list(self._lines)
        lowest = LEVELS[level]
        found = [
            line
            for line in lines
            if line.seq > since and _rank(line) >= lowest and line.source.startswith(source)
        ]
        return list(islice(found, limit)) if since else found[-limit:]


def _rank(line: LogLine) -> int:
    return LEVELS.get(line.level, logging.INFO)
