"""Reads the log files of the agent, also while it runs and while they are rotated."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from io import FileIO
from itertools import islice
from pathlib import Path
from threading import Event

import msgspec

from s3d.shared.diagnostics import LogLine
from s3d.shared.logs import LogEntry, is_selected, line_of
from s3d.shared.paths import LOG_FILES, rotated

POLL = 0.25
"""Seconds between two looks for new lines."""

_DECODER = msgspec.json.Decoder(LogEntry)


class LogFile:
    """The agent's log: one JSON object per line. Lines that are none are passed over: a crash of
    the system may have left a part of one."""

    def __init__(self, path: Path, *, level: str, source: str) -> None:
        """level, source: see is_selected()."""
        self.path = path
        self._level = level
        self._source = source

    def last(self, count: int) -> list[LogLine]:
        """The last lines, oldest first. Raises OSError; FileNotFoundError: there is no log."""
        lines = list(islice(self._selected(last_lines(self.path)), count))
        return lines[::-1]

    def follow(self) -> Iterator[LogLine]:
        """The lines that are written from now on. It has no end."""
        return self._selected(new_lines(self.path))

    def _selected(self, rows: Iterator[bytes]) -> Iterator[LogLine]:
        for row in rows:
            try:
                line = line_of(_DECODER.decode(row), 0)
            except (msgspec.DecodeError, ValueError):
                continue
            if is_selected(line, self._level, self._source):
                yield line


def last_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file and of those before it, the newest first. Raises OSError."""
    yield from _reversed_lines(path)
    for number in range(1, LOG_FILES):
        try:
            yield from _reversed_lines(rotated(path, number))
        except FileNotFoundError:
            return


def _reversed_lines(path: Path) -> Iterator[bytes]:
    return reversed(path.read_bytes().split(b"\n"))


def new_lines(path: Path) -> Iterator[bytes]:
    """The lines that are appended to a file from now on, also after it was rotated."""
    return _followed(_End(path))


def _followed(end: _End) -> Iterator[bytes]:
    pause = Event()
    with closing(end):
        while True:
            data = end.read()
            if not data:
                pause.wait(POLL)
            yield from data.split(b"\n")[:-1]


class _End:
    """The growing end of a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = _opened(path)
        if self._file is not None:
            self._file.seek(0, os.SEEK_END)
        self._rest = b""

    def read(self) -> bytes:
        """What was appended, up to the last complete line; empty: nothing yet."""
        if self._file is None:
            self._file = _opened(self._path)
            if self._file is None:
                return b""
        data = self._rest + self._file.read()
        if not data.endswith(b"\n"):
            whole, newline, self._rest = data.rpartition(b"\n")
            data = whole + newline
        else:
            self._rest = b""
        if not data and self._is_moved():
            self.close()
        return data

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file, self._rest = None, b""

    def _is_moved(self) -> bool:
        """Whether another file, or an emptied one, is at the path now."""
        assert self._file is not None
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return False
        ours = os.fstat(self._file.fileno())
        is_other = (status.st_dev, status.st_ino) != (ours.st_dev, ours.st_ino)
        return is_other or status.st_size < self._file.tell()


def _opened(path: Path) -> FileIO | None:
    try:
        return FileIO(path)
    except FileNotFoundError:
        return None
