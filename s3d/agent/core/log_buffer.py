"""The last lines of the agent's log, which the control API serves."""

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
"""Prefix of the names of the agent's loggers; a line's source is the rest of the name."""


class LogBuffer(logging.Handler):
    """Keeps lines of level info and above, from any thread, with secrets masked."""

    def __init__(self, secrets: Iterable[Secret] = (), *, lines: int = LINES) -> None:
        super().__init__(logging.INFO)
        self.seq = 0
        self._lines: deque[LogLine] = deque(maxlen=lines)
        self._secrets = tuple(secret.reveal() for secret in secrets if secret.reveal())
        self._lock = Lock()
        self.on_line: list[Callable[[], None]] = []
        """Called after each line, in any thread."""

    def mask_also(self, secrets: Iterable[Secret]) -> None:
        """Mask these secrets too; those that were masked before stay masked."""
        further = (secret.reveal() for secret in secrets)
        self._secrets = tuple(dict.fromkeys((*self._secrets, *filter(None, further))))

    def masked(self, text: str) -> str:
        """A text without the secrets."""
        return mask(text, self._secrets)

    def emit(self, record: logging.LogRecord) -> None:
        message = mask(record.getMessage(), self._secrets)
        if record.exc_info and record.exc_info[1] is not None:
            message += f": {mask(repr(record.exc_info[1]), self._secrets)}"
        level = "error" if record.levelno >= logging.ERROR else record.levelname.lower()
        with self._lock:
            self.seq += 1
            source = record.name.removeprefix(OWN)
            self._lines.append(LogLine(self.seq, record.created, level, source, message))
        for callback in list(self.on_line):
            callback()

    def after(
        self, since: int, limit: int, *, level: str = "info", source: str = ""
    ) -> list[LogLine]:
        """The first lines after a number; after 0, the newest ones. source: prefix of a source."""
        with self._lock:
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
