"""A private file of bounded size that lines are appended to; a bounded number of them is kept."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from s3d.shared.paths import LOG_FILES, rotated

MAX_SIZE = 10 << 20
"""Bytes of a file before the next one is begun."""


class RotatingFile:
    """Appends to path. A full file becomes path.1, path.1 becomes path.2, and so on.

    One thread uses it. A path that is no regular file, such as /dev/stderr, is never rotated.
    """

    def __init__(self, path: Path, *, max_size: int = MAX_SIZE, max_files: int = LOG_FILES) -> None:
        self.path = path
        self._max_size = max_size
        self._max_files = max_files
        self._fd = -1
        self._size = 0
        self._is_regular = True

    def write(self, data: bytes) -> None:
        """Append whole lines. Raises OSError, and then none of them is in the file."""
        if self._fd < 0:
            self._open()
        if self._is_regular and self._size and self._size + len(data) > self._max_size:
            self._rotate()
        written = 0
        try:
            while written < len(data):
                written += os.write(self._fd, data[written:])
        except OSError:
            if written and self._is_regular:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._fd, self._size)
            raise
        self._size += written

    def close(self) -> None:
        """Close the file. The next write opens what is at the path then."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY
        fd = os.open(self.path, flags, 0o600)
        status = os.fstat(fd)
        self._is_regular = stat.S_ISREG(status.st_mode)
        if self._is_regular and status.st_uid == os.geteuid() and status.st_mode & 0o077:
            os.fchmod(fd, 0o600)
        self._fd, self._size = fd, status.st_size
        if (
            self._is_regular
            and status.st_size
            and not _ends_with_newline(self.path, status.st_size)
        ):
            os.write(fd, b"\n")  # a crash of the system has left a part of a line
            self._size += 1

    def _rotate(self) -> None:
        """Raises OSError; the next write tries again."""
        self.close()
        for number in range(self._max_files - 1, 1, -1):
            with contextlib.suppress(FileNotFoundError):
                os.replace(rotated(self.path, number - 1), rotated(self.path, number))
        if self._max_files > 1:
            os.replace(self.path, rotated(self.path, 1))
        else:
            self.path.unlink()
        self._open()


def _ends_with_newline(path: Path, size: int) -> bool:
    with path.open("rb") as file:
        file.seek(size - 1)
        return file.read(1) == b"\n"
