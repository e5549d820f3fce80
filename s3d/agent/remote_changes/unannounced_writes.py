"""The writes that no marker has announced yet, in a file that outlives the process.

1. Before a write is sent to the remote, begin() appends its place and path to the file.
2. When the answer has come, end() says so; from then on the marker of its place holds the path.
3. After each write of a marker, settle() empties the file, unless something still waits.
4. The next start reads what is left, and announces it.

Lines are appended without a sync of the disk: a kill loses none of them. The first line names the
boot, and sync() makes it durable once: after a power cut the newest lines may be missing, so that
anything may have changed. The file is removed at the end of an agent that leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from s3d.agent.core.log_limit import LimitedLogger
from s3d.agent.remote_changes.marker_format import ANYTHING
from s3d.agent.remote_changes.marker_object import WatchedPrefix
from s3d.shared.atomic_file import sync_file, sync_folder, write_atomically

logger = logging.getLogger(__name__)
_limited = LimitedLogger(logger)

FORMAT = 1
REWRITE_SIZE = 256 << 10
"""Bytes of the file from which on it is rewritten while writes still wait."""

Write = tuple[WatchedPrefix, str]
"""A place, and the path below it. ANYTHING: all paths."""


class _Head(msgspec.Struct):
    format: int
    boot: str


class _Line(msgspec.Struct, array_like=True):
    bucket: str
    prefix: str
    path: str


class UnannouncedWrites:
    """The file. Belongs to the loop; sync() alone waits for the disk, in a thread."""

    def __init__(self, file: Path, boot_id: str) -> None:
        """boot_id: changes when the computer starts; "" where there is none."""
        self._file = file
        self._head = msgspec.json.encode(_Head(FORMAT, boot_id)) + b"\n"
        self._boot_id = boot_id
        self._fd = -1
        self._size, self._rewrite_size = 0, REWRITE_SIZE
        self._sent: Counter[Write] = Counter()
        """Writes whose answer has not come yet."""
        self.needs_sync = False
        """A power cut may lose the file: sync() has not been called."""

    @property
    def is_open(self) -> bool:
        return self._fd >= 0

    def open(self, places: Iterable[WatchedPrefix]) -> list[Write]:
        """Return what the last agent has left, the oldest first. Without a file nothing is kept,
        and the log says so."""
        left = self._read(places)
        try:
            self._replace(left)
            self.needs_sync = True
        except OSError as error:
            logger.warning("a crash may delay what other agents see: %s path=%s", error, self._file)
        return left

    async def sync(self) -> None:
        """Make the file durable, after open()."""
        if not self.is_open:
            return
        self.needs_sync, fd = False, os.dup(self._fd)
        try:
            await asyncio.to_thread(_sync, fd, self._file)
        except OSError as error:
            logger.warning("a power cut may delay what other agents see: %s", error)
        finally:
            os.close(fd)

    def begin(self, writes: Sequence[Write]) -> None:
        """Note writes before they are sent."""
        self._sent.update(writes)
        if not self.is_open:
            return
        lines = b"".join(map(_encode, writes))
        try:
            self._size += os.write(self._fd, lines)
        except OSError as error:
            _limited.warning("a crash may delay what other agents see: %s", error)

    def end(self, writes: Sequence[Write]) -> None:
        """Their answers have come."""
        self._sent.subtract(writes)
        for write in writes:
            if self._sent[write] <= 0:
                del self._sent[write]

    def settle(self, waiting: Iterable[Write]) -> None:
        """Forget what was announced. waiting: writes with an answer that no marker has yet."""
        if not self.is_open or self._size == len(self._head):
            return
        left = list(dict.fromkeys([*waiting, *self._sent]))
        try:
            if not left:
                os.ftruncate(self._fd, len(self._head))
                self._size = len(self._head)
            elif self._size >= self._rewrite_size:
                self._replace(left)
        except OSError as error:
            _limited.warning("cannot shorten %s: %s", self._file, error)

    def close(self) -> None:
        """Remove the file when nothing is left in it."""
        if not self.is_open:
            return
        os.close(self._fd)
        self._fd = -1
        if self._size == len(self._head):
            self._file.unlink(missing_ok=True)

    def _read(self, places: Iterable[WatchedPrefix]) -> list[Write]:
        try:
            head, *lines = self._file.read_bytes().splitlines()
            parsed = msgspec.json.decode(head, type=_Head)
            if parsed.format == FORMAT and parsed.boot == self._boot_id != "":
                rows = [msgspec.json.decode(line, type=_Line) for line in lines]
                return [(WatchedPrefix(row.bucket, row.prefix), row.path) for row in rows]
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            logger.warning("cannot read the unannounced writes: %s path=%s", error, self._file)
        return [(place, ANYTHING) for place in places]

    def _replace(self, writes: Iterable[Write]) -> None:
        data = self._head + b"".join(map(_encode, writes))
        write_atomically(self._file, data, durable=False)
        fd = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        if self.is_open:
            os.close(self._fd)
        self._fd, self._size = fd, len(data)
        self._rewrite_size = max(REWRITE_SIZE, 2 * self._size)


def _sync(fd: int, path: Path) -> None:
    sync_file(fd)
    sync_folder(path.parent)


def _encode(write: Write) -> bytes:
    (bucket, prefix), path = write
    return msgspec.json.encode(_Line(bucket, prefix, path)) + b"\n"
