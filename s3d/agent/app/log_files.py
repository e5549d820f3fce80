"""The files that the agent logs to: its own log, and the access log if there is to be one.

They belong to the process, not to a session: the sessions of several remotes share them.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from s3d.agent.core.log_writer import LogFileHandler, LogWriter
from s3d.agent.core.rotating_file import RotatingFile
from s3d.shared.config.schema import Config
from s3d.shared.errors import S3dError
from s3d.shared.paths import Places, access_log_path

logger = logging.getLogger(__name__)

ACCESS_DELAY = 0.1
"""Seconds for which records of the access log are collected: a write for each of them costs as much
CPU as a small request."""


class LogFiles:
    """Open until close()."""

    def __init__(self, log_file: Path, access_log_file: Path | None) -> None:
        """access_log_file: None: there is no access log."""
        self.handler = LogFileHandler(RotatingFile(log_file))
        self._writers = [self.handler.writer]
        self.access_log: Callable[[bytes], None] | None = None
        """Takes a line of the access log, in any thread, and never waits."""
        if access_log_file is not None:
            writer = LogWriter(RotatingFile(access_log_file), delay=ACCESS_DELAY)
            self._writers.append(writer)
            self.access_log = writer.put

    def reopen(self) -> None:
        """Continue in new files where another program has moved the old ones."""
        for writer in self._writers:
            writer.reopen()

    def warnings(self) -> list[str]:
        """A warning for each file that cannot be written."""
        return [
            f"{writer.trouble}; lines that were not logged: {writer.lost:,}"
            for writer in self._writers
            if writer.trouble
        ]

    def close(self) -> None:
        for writer in self._writers:
            writer.close()


@contextlib.contextmanager
def open_log_files(config: Config, places: Places) -> Iterator[LogFiles]:
    """Log to the files inside the block. Only one agent at a time may do so."""
    files = LogFiles(places.log_file, access_log_path(config, places))
    root = logging.getLogger()
    root.addHandler(files.handler)
    try:
        yield files
    except Exception as error:  # stderr gets it from the command line, the file from here
        record = logger.makeRecord(
            __name__, logging.ERROR, "", 0, "the agent ends: %s", (error,), _traceback_of(error)
        )
        files.handler.handle(record)
        raise
    finally:
        root.removeHandler(files.handler)
        files.close()


ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def _traceback_of(error: Exception) -> ExcInfo | None:
    """For a line of the log; None for an error that needs no traceback."""
    return None if isinstance(error, S3dError) else (type(error), error, error.__traceback__)
