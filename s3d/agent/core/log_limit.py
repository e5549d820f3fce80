"""A logger for lines that clients can cause: however many they cause, few are written."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

BURST = 20
"""Lines of one text that are logged in an interval."""
INTERVAL = 10.0
"""Seconds."""

_LEFT_OUT = " (%d more such lines were left out)"


class LimitedLogger(logging.LoggerAdapter[logging.Logger]):
    """Logs at most `burst` lines of each text per interval. The texts are those of the source,
    before arguments are filled in, so they are few. The first line of a text after an interval says
    how many were left out. It is used as a logger is:

        logger = LimitedLogger(logging.getLogger(__name__))
        logger.warning("response aborted code=%s", error.code)
    """

    def __init__(
        self,
        logger: logging.Logger,
        *,
        burst: int = BURST,
        interval: float = INTERVAL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(logger, {})
        self._burst = burst
        self._interval = interval
        self._clock = clock
        self._counts: dict[str, tuple[float, int]] = {}
        """Text -> end of its interval, lines since the beginning of it."""

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        if not self.isEnabledFor(level):
            return
        text = str(msg)
        left_out = self._admit(text)
        if left_out:
            text = f"{text}{_LEFT_OUT}"
            self.logger.log(level, text, *args, left_out, **kwargs)
        elif left_out == 0:
            self.logger.log(level, text, *args, **kwargs)

    def _admit(self, text: str) -> int | None:
        """How many lines were left out before this one; None: leave this one out too."""
        now = self._clock()
        end, count = self._counts.get(text, (0.0, 0))
        if now >= end:
            self._counts[text] = now + self._interval, 1
            return max(count - self._burst, 0)
        self._counts[text] = end, count + 1
        return 0 if count < self._burst else None
